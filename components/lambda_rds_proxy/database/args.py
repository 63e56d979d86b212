"""Settings of a database that is made here."""

from typing import NotRequired, TypedDict

import pulumi

from ..engines import DEFAULT_ENGINE, Engine, TargetKind
from ..engines.instance_classes import SERVERLESS, memory_gib
from ..names import IDENTIFIER
from ..references import MAX_CONNECTIONS, PORT, RDS_IDENTIFIER, SECURITY_GROUP, NetworkRef
from ..settings.checks import Checks, default, matching, number, passes
from ..stack.args import StackSettings


class DatabaseSettings(TypedDict):
    """One RDS instance, or an Aurora cluster."""

    engine: NotRequired[Engine]
    """Engine of the database, postgresql or mysql; default postgresql."""
    engine_version: NotRequired[str]
    """Version of the engine: 17 or 8.4, whose minor versions AWS upgrades by itself, or one in full such as 17.7, which
    stays until another is given, and of a cluster is the better one; without it PostgreSQL 17, MySQL 8.4 or Aurora
    MySQL 3, in the minor version that AWS has upgraded it to."""
    kind: NotRequired[TargetKind]
    """What the proxy stands in front of, instance or cluster (Aurora); default instance."""
    instance_class: NotRequired[str]
    """DB instance class such as db.r7g.large, or db.serverless for a cluster; db.t4g.micro without it, of a cluster
    db.t4g.medium. With `profile` prod a change waits for the maintenance window, as of version and storage."""
    instances: NotRequired[int]
    """Instances of a cluster, its writer and readers, 1 to 16; 1 without it, of `profile` prod 2."""
    min_capacity: NotRequired[float]
    """Lowest capacity of db.serverless in ACU, 0.5 to 256 (with a proxy a cluster never pauses); default 0.5."""
    max_capacity: NotRequired[float]
    """Highest capacity of db.serverless in ACU, 1 to 256; max_connections follows it; default 4."""
    storage_gib: NotRequired[int]
    """Storage of an instance in GiB, gp3, 20 to 65536; default 20."""
    database_name: NotRequired[str]
    """Database of the application, made at first start; default app_db."""
    port: NotRequired[int]
    """Port of the database, 1150 to 65535; the engine's own without it (a proxy always listens on that)."""
    max_connections: NotRequired[int]
    """Overrides the max_connections that RDS derives from the instance class, 6 to 100000."""
    parameters: NotRequired[dict[str, pulumi.Input[str]]]
    """More parameters of the server, applied at its next start; the one that demands TLS cannot be among them."""
    backup_retention_days: NotRequired[int]
    """Days of automated backups, 1 to 35; 1 without it, of `profile` prod 7 and at least 7."""
    snapshot_identifier: NotRequired[str]
    """Snapshot to restore the database from; keep it as long as the database lives, another one makes another. It must
    be encrypted, an instance's with `kms_key_arn` where that is given: copy it with the key first where it is not."""
    performance_insights: NotRequired[bool]
    """Whether Performance Insights (Database Insights) is on, kept for 7 days; on without it where the class has it."""


class AdoptedDatabase(TypedDict):
    """A database that was made elsewhere and is managed here; its subnet group and security groups stay others'."""

    identifier: str
    """DBInstanceIdentifier or DBClusterIdentifier."""
    subnet_group_name: str
    """DB subnet group that it stands in."""
    security_group_ids: list[str]
    """Its security groups; rules are added to the first."""
    instance_identifiers: NotRequired[list[str]]
    """Identifiers of a cluster's instances."""


class DatabaseArgs(TypedDict):
    """A new database."""

    network: NetworkRef
    """Where it stands."""
    settings: NotRequired[DatabaseSettings]
    """Which database."""
    stack: NotRequired[StackSettings]
    """What holds for all resources; `profile` prod protects it."""
    iam_database_authentication: NotRequired[bool]
    """Whether users may log in to the database itself with IAM, which iam-end-to-end needs; not without it."""
    adopted: NotRequired[AdoptedDatabase]
    """A database that was made elsewhere and is managed here; it keeps its names, groups, master user and content."""
    import_changes: NotRequired[list[str]]
    """Present until what is adopted is imported: names of properties that the import may change, such as
    parameterGroupName."""


def _is_class(text: str) -> bool:
    return text == SERVERLESS or memory_gib(text) > 0


CHECKS: Checks = {
    "engine": default(DEFAULT_ENGINE),
    "engine_version": matching(r"[0-9][0-9A-Za-z._]*", 'a version such as "17"'),
    "kind": default(TargetKind.INSTANCE),
    "instance_class": passes(_is_class, "a known class such as db.t4g.micro or db.r7g.large"),
    "instances": number(1, 16),
    # CreateDBCluster, ServerlessV2ScalingConfiguration (botocore's service model). At 0 the cluster would pause.
    "min_capacity": number(
        0.5, 256, step=0.5, default=0.5, why="with a proxy, which keeps connections open, it never scales to zero"
    ),
    "max_capacity": number(1, 256, step=0.5, default=4),
    "storage_gib": number(20, 65_536, default=20),
    "database_name": matching(
        IDENTIFIER, "a lower-case identifier of at most 63 characters such as app_db", default="app_db"
    ),
    "port": PORT,
    "max_connections": MAX_CONNECTIONS,
    "backup_retention_days": number(1, 35),
    "identifier": RDS_IDENTIFIER,
    "instance_identifiers": RDS_IDENTIFIER,
    "security_group_ids": passes(
        lambda groups: groups and all(map(SECURITY_GROUP.accepts, groups)),
        "a list of security groups such as [sg-0123456789abcdef0], the one that gets the rules first",
    ),
}
