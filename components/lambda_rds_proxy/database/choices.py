"""Defaults of a database that depend on other settings, and what follows from all of them. Pure."""

from dataclasses import dataclass

import pulumi

from ..engines import ENGINES, Engine, EngineFacts, Profile, TargetFacts, TargetKind
from ..engines.instance_classes import SERVERLESS
from ..settings.reading import with_defaults
from .args import DatabaseSettings

MASTER_USER = "db_admin"
# Days that automated backups are kept; AWS takes 1 to 35 (0 would switch them off).
BACKUP_DAYS = {Profile.DEV: 1, Profile.PROD: 7}
# The retention of Performance Insights that costs nothing, in days.
PERFORMANCE_INSIGHTS_DAYS = 7


@dataclass(frozen=True, kw_only=True)
class DatabaseChoices:
    """What a database is made of: its settings with their defaults.

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
    parameters: dict[str, pulumi.Input[str]]
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
    def parameter_values(self) -> list[tuple[str, pulumi.Input[str], str]]:
        """(name, value, apply method), sorted: TLS applies at once, all else at the next start."""
        return [
            (key, value, "immediate" if key == self.facts.tls[0] else "pending-reboot")
            for key, value in sorted(self.parameters.items(), key=lambda item: item[0])
        ]

    @property
    def max_connections(self) -> int:
        """What RDS derives from class or capacity."""
        if self.capacity is not None:
            low, high = self.capacity
            return self.facts.cluster.serverless_max_connections(min_acu=low, max_acu=high)
        return self.target.max_connections(self.instance_class)


def choose(name: str, given: DatabaseSettings, profile: Profile) -> DatabaseChoices:
    """The settings of a database, which are in accord with each other, with all their defaults."""
    database = with_defaults(DatabaseSettings, given)
    facts = ENGINES[database["engine"]]
    target, instance_class = facts.target(database["kind"]), instance_class_of(given)
    parameters = {**database.get("parameters", {}), facts.tls[0]: facts.tls[1]}
    if "max_connections" in database:
        parameters["max_connections"] = str(database["max_connections"])
    return DatabaseChoices(
        name=name,
        engine=database["engine"],
        kind=database["kind"],
        version=database.get("engine_version", target.default_version),
        instance_class=instance_class,
        database_name=database["database_name"],
        prod=profile is Profile.PROD,
        instances=instances_of(given, profile),
        capacity=(database["min_capacity"], database["max_capacity"]) if instance_class == SERVERLESS else None,
        parameters=parameters,
        backup_days=database.get("backup_retention_days", BACKUP_DAYS[profile]),
        performance_insights=database.get("performance_insights", target.has_performance_insights(instance_class)),
    )


def instance_class_of(given: DatabaseSettings) -> str:
    """The class of the instances: as given, or the smallest that RDS Proxy serves well."""
    database = with_defaults(DatabaseSettings, given)
    target = ENGINES[database["engine"]].target(database["kind"])
    return database.get("instance_class", target.default_instance_class)


def instances_of(given: DatabaseSettings, profile: Profile) -> int:
    """How many instances there are: as given, or 1, of a cluster of profile prod 2."""
    cluster = with_defaults(DatabaseSettings, given)["kind"] is TargetKind.CLUSTER
    return given.get("instances", 2 if cluster and profile is Profile.PROD else 1)
