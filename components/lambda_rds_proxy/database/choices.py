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

    `version_is_given` tells a version that somebody chose from the default, `capacity` is (lowest, highest) in ACU of a
    serverless cluster, else None.
    """

    name: str
    engine: Engine
    kind: TargetKind
    version: str
    version_is_given: bool
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
    def minor_upgrades(self) -> bool:
        """Whether AWS upgrades minor versions by itself: all but one that somebody gave in full.

        After the upgrade what was given would be a downgrade, which AWS refuses (source: `compareActualEngineVersion`
        of terraform-provider-aws, internal/service/rds, keeps what was given only as a prefix of what runs).
        """
        return not (self.version_is_given and self.target.is_in_full(self.version))

    @property
    def version_follows_aws(self) -> bool:
        """Whether what runs decides once a cluster is made: its version was not given.

        A prefix does for instances only. Of a cluster the provider sends it again with every change while something
        else runs (source: `resourceClusterUpdate`, cluster.go), and AWS takes it for its default of the day, which is a
        downgrade where the cluster is ahead of it (terraform-provider-aws 45026).
        """
        return self.kind is TargetKind.CLUSTER and not self.version_is_given

    @property
    def parameter_values(self) -> list[tuple[str, pulumi.Input[str], str]]:
        """(name, value, apply method), sorted: all apply at the next start, which the first one of a new server is.

        A static parameter takes no other method, and AWS tells none but this of a value that is the server's own
        default: with another one a cluster's group shows a change at every refresh (source: terraform-provider-aws
        39252), for which reason it leaves the default unsaid as well. A change of the method alone reaches nobody, so
        clusters keep the one that they were made with where TLS is not the default.
        """
        tls, cluster = self.target.tls, self.kind is TargetKind.CLUSTER
        stated: dict[str, pulumi.Input[str]] = dict(self.parameters)
        if not (cluster and tls.is_default(self.version)):
            stated[tls.name] = tls.value
        at_once = tls.name if cluster else None
        return [(key, stated[key], "immediate" if key == at_once else "pending-reboot") for key in sorted(stated)]

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
    parameters = {**database.get("parameters", {})}
    if "max_connections" in database:
        parameters["max_connections"] = str(database["max_connections"])
    return DatabaseChoices(
        name=name,
        engine=database["engine"],
        kind=database["kind"],
        version=database.get("engine_version", target.default_version),
        version_is_given="engine_version" in database,
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
