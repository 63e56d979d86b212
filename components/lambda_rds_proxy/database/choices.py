"""The choices behind a database: defaults that depend on each other, and what cannot go together. No Pulumi in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..engines import ENGINES, Engine, EngineFacts, Profile, TargetFacts, TargetKind
from ..engines.instance_classes import HIGHEST_ACU, LOWEST_ACU, SERVERLESS

# What a database is of when nothing says otherwise: the one place that prefers an engine.
DEFAULT_ENGINE = Engine.POSTGRESQL
# Days that automated backups are kept; AWS takes 1 to 35 (0 would switch them off).
BACKUP_DAYS = {Profile.DEV: 1, Profile.PROD: 7}
# The retention of Performance Insights that costs nothing, in days.
PERFORMANCE_INSIGHTS_DAYS = 7
_HIGHEST_ACU_BY_DEFAULT = 4.0


@dataclass(frozen=True, kw_only=True)
class DatabaseChoices:
    """What a database is made of: the arguments of `Database` with their defaults.

    `capacity` is (lowest, highest) in ACU of a serverless cluster, else None.
    """

    name: str
    engine: Engine
    kind: TargetKind
    version: str
    instance_class: str
    database_name: str
    prod: bool
    instances: int
    capacity: tuple[float, float] | None
    parameters: dict[str, str]
    backup_days: int
    performance_insights: bool

    @property
    def facts(self) -> EngineFacts:
        """What differs per engine."""
        return ENGINES[self.engine]

    @property
    def target(self) -> TargetFacts:
        """What differs per engine and kind."""
        return self.facts.target(self.kind)

    @property
    def parameter_values(self) -> list[tuple[str, str, str]]:
        """(name, value, apply method), sorted: TLS applies at once, all else at the next start."""
        return [
            (key, value, "immediate" if key == self.facts.tls[0] else "pending-reboot")
            for key, value in sorted(self.parameters.items())
        ]

    @property
    def max_connections(self) -> int:
        """What RDS derives from class or capacity."""
        if self.capacity is not None:
            low, high = self.capacity
            return self.facts.cluster.serverless_max_connections(min_acu=low, max_acu=high)
        return self.target.max_connections(self.instance_class)


def choose(name: str, args: Mapping[str, Any]) -> DatabaseChoices:
    """The arguments with their defaults.

    Raises:
        ValueError: with everything that is wrong, in one message.
    """
    engine = Engine(args.get("engine", DEFAULT_ENGINE))
    kind = TargetKind(args.get("kind", TargetKind.INSTANCE))
    profile = Profile(args.get("profile", Profile.DEV))
    facts = ENGINES[engine]
    target, prod = facts.target(kind), profile is Profile.PROD
    instance_class = args.get("instance_class", target.default_instance_class)
    problems = database_problems(args)
    if problems:
        raise ValueError(f'database "{name}": ' + "; ".join(problems))
    parameters = {**args.get("parameters", {}), facts.tls[0]: facts.tls[1]}
    if "max_connections" in args:
        parameters["max_connections"] = str(args["max_connections"])
    return DatabaseChoices(
        name=name,
        engine=engine,
        kind=kind,
        version=args.get("engine_version", target.default_version),
        instance_class=instance_class,
        database_name=args.get("database_name", "app_db"),
        prod=prod,
        instances=args.get("instances", 2 if prod and kind is TargetKind.CLUSTER else 1),
        capacity=_capacity(args) if instance_class == SERVERLESS else None,
        parameters=parameters,
        backup_days=args.get("backup_retention_days", BACKUP_DAYS[profile]),
        performance_insights=args.get("performance_insights", target.has_performance_insights(instance_class)),
    )


def database_problems(args: Mapping[str, Any]) -> list[str]:
    """What cannot go together in the arguments of `Database`, each as a sentence that names the value and the fix."""
    engine = Engine(args.get("engine", DEFAULT_ENGINE))
    kind = TargetKind(args.get("kind", TargetKind.INSTANCE))
    profile = Profile(args.get("profile", Profile.DEV))
    cluster = kind is TargetKind.CLUSTER
    facts = ENGINES[engine]
    tls = facts.tls[0]
    instance_class = args.get("instance_class", facts.target(kind).default_instance_class)
    found = []
    if instance_class == SERVERLESS:
        found += capacity_problems(*_capacity(args))
        if not cluster:
            found.append(f"instanceClass is {SERVERLESS}; only a cluster is serverless, choose target cluster")
    elif "min_capacity" in args or "max_capacity" in args:
        found.append(f"minCapacity and maxCapacity are for instanceClass {SERVERLESS} only; leave them out")
    elif cluster:
        try:
            facts.cluster.max_connections(instance_class)
        except ValueError as error:
            found.append(str(error))
    if tls in args.get("parameters", {}):
        found.append(f"parameters has {tls}; the database refuses plain text in any case, leave it out")
    if "max_connections" in args.get("parameters", {}):
        found.append("parameters has max_connections; give it as maxConnections, so that the budget knows it")
    lowest = BACKUP_DAYS[profile]
    days = args.get("backup_retention_days", lowest)
    if not lowest <= days <= 35:
        found.append(f"backupRetentionDays is {days}; it must be between {lowest} and 35 with profile {profile.value}")
    if "port" in args and not 1150 <= args["port"] <= 65_535:
        found.append(f"port is {args['port']}; RDS takes 1150 to 65535")
    if cluster and profile is Profile.PROD and args.get("instances", 2) < 2:
        found.append("instances is 1; a cluster of profile prod needs 2, so that it survives the loss of a zone")
    return found


def capacity_problems(min_acu: float, max_acu: float) -> list[str]:
    """What is wrong with a range of Serverless v2 under a proxy, each as a sentence that names the value."""
    found = []
    if min_acu == 0:
        found.append(
            "minCapacity is 0; a proxy keeps connections open, so the cluster would never scale to zero: the lowest "
            f"is {LOWEST_ACU}"
        )
    elif not LOWEST_ACU <= min_acu <= HIGHEST_ACU or min_acu * 2 % 1:
        found.append(f"minCapacity is {min_acu:g}; it must be from 0.5 to 256 ACU in steps of 0.5")
    if not max(min_acu, 1) <= max_acu <= HIGHEST_ACU or max_acu * 2 % 1:
        found.append(
            f"maxCapacity is {max_acu:g}; it must be from 1 to 256 ACU in steps of 0.5 and not below minCapacity"
        )
    return found


def _capacity(args: Mapping[str, Any]) -> tuple[float, float]:
    return args.get("min_capacity", LOWEST_ACU), args.get("max_capacity", _HIGHEST_ACU_BY_DEFAULT)
