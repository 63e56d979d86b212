"""What differs between PostgreSQL and MySQL, as one table of facts.

Sources: RDS User Guide "RDS Proxy" (families, proxy ports, client password types), botocore's `rds` service model
(enum values) and the engines' own default ports.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Engine(StrEnum):
    """Database engine, by the names the stack config and `DB_ENGINE` use."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"


class TargetKind(StrEnum):
    """What stands behind a proxy: one DB instance, or an Aurora cluster."""

    INSTANCE = "instance"
    CLUSTER = "cluster"


class Auth(StrEnum):
    """How clients log in to the proxy, and the proxy to the database.

    `iam`: clients present an IAM token, the proxy logs in with the password in the secret.
    `iam-end-to-end`: IAM on both sides, no secret. `secret`: both use the password in the secret.
    """

    IAM = "iam"
    IAM_END_TO_END = "iam-end-to-end"
    SECRET = "secret"  # noqa: S105 - the name of a mode, not a secret


class Profile(StrEnum):
    """`prod` protects what holds data; `dev` lets it go with the stack."""

    DEV = "dev"
    PROD = "prod"


@dataclass(frozen=True, kw_only=True)
class TargetFacts:
    """What differs between an instance and a cluster of one engine.

    `engine` is RDS's name, `default_version` what a stack without `engineVersion` gets, `versions` the version prefixes
    that RDS Proxy is documented for, `parameter_group_family` a pattern for the parts of a version,
    `default_instance_class` what a stack without `instanceClass` gets, `log_exports` the logs that RDS can send to
    CloudWatch, `no_performance_insights` the prefixes of classes that refuse Performance Insights.
    """

    engine: str
    default_version: str
    versions: tuple[str, ...]
    parameter_group_family: str
    default_instance_class: str
    log_exports: tuple[str, ...]
    no_performance_insights: tuple[str, ...] = ()

    def family(self, version: str) -> str:
        """The parameter group family of a version, for example `postgres17` or `aurora-mysql8.0`."""
        return self.parameter_group_family.format(*version.split("."), "0")

    def is_documented(self, version: str) -> bool:
        """Whether RDS Proxy is documented for this version (16 and 16.3 are both of 16)."""
        return any(version == prefix or version.startswith(f"{prefix}.") for prefix in self.versions)


@dataclass(frozen=True, kw_only=True)
class EngineFacts:
    """One row of the table.

    `proxy_family` is `EngineFamily` of CreateDBProxy, `port` the port a proxy always listens on (whatever the
    database's own), `tls` the parameter that makes the server refuse plain text and its value,
    `client_password_auth_types` what a proxy of the family accepts, the default first, `session_pinning_filters` what
    it can be told to ignore, `rotation_application` AWS's single-user rotation function, `longest_user` how many
    characters a user's name may have.
    """

    instance: TargetFacts
    cluster: TargetFacts
    proxy_family: str
    port: int
    tls: tuple[str, str]
    client_password_auth_types: tuple[str, ...]
    session_pinning_filters: tuple[str, ...]
    rotation_application: str
    longest_user: int

    def target(self, kind: TargetKind) -> TargetFacts:
        """The facts of an instance or a cluster."""
        return self.cluster if kind is TargetKind.CLUSTER else self.instance


# Versions: RDS User Guide "Supported Regions and DB engines for Amazon RDS Proxy" and the same page of the Aurora User
# Guide. Performance Insights: the same guides, "DB engine, Region, and instance class support for Database Insights",
# which is its name since 2026-07; the API is the same. Families, password types: botocore's `rds` service model.
# Rotation functions: Secrets Manager User Guide "Rotation function templates".
ENGINES: Mapping[Engine, EngineFacts] = {
    Engine.POSTGRESQL: EngineFacts(
        instance=TargetFacts(
            engine="postgres",
            default_version="17",
            versions=("13", "14", "15", "16", "17"),
            parameter_group_family="postgres{0}",
            default_instance_class="db.t4g.micro",
            log_exports=("postgresql", "upgrade"),
        ),
        cluster=TargetFacts(
            engine="aurora-postgresql",
            default_version="17.4",
            versions=("13", "14", "15", "16", "17"),
            parameter_group_family="aurora-postgresql{0}",
            default_instance_class="db.t4g.medium",
            log_exports=("postgresql",),
        ),
        proxy_family="POSTGRESQL",
        port=5432,
        tls=("rds.force_ssl", "1"),
        client_password_auth_types=("POSTGRES_SCRAM_SHA_256", "POSTGRES_MD5"),
        session_pinning_filters=(),
        rotation_application="SecretsManagerRDSPostgreSQLRotationSingleUser",
        longest_user=63,
    ),
    Engine.MYSQL: EngineFacts(
        instance=TargetFacts(
            engine="mysql",
            default_version="8.4",
            versions=("5.7", "8.0", "8.4"),
            parameter_group_family="mysql{0}.{1}",
            default_instance_class="db.t4g.micro",
            log_exports=("error", "slowquery"),
            no_performance_insights=(
                *("db.t2.micro", "db.t2.small", "db.t3.micro", "db.t3.small", "db.t4g.micro", "db.t4g.small"),
            ),
        ),
        cluster=TargetFacts(
            engine="aurora-mysql",
            default_version="8.0.mysql_aurora.3.08.0",
            versions=("5.7", "8.0"),
            # Aurora MySQL 3.x is MySQL 8.0; its versions read 8.0.mysql_aurora.3.08.0.
            parameter_group_family="aurora-mysql{0}.{1}",
            default_instance_class="db.t4g.medium",
            log_exports=("error", "slowquery"),
            no_performance_insights=("db.t2.", "db.t3.", "db.t4g.micro", "db.t4g.small"),
        ),
        proxy_family="MYSQL",
        port=3306,
        tls=("require_secure_transport", "ON"),
        client_password_auth_types=("MYSQL_CACHING_SHA2_PASSWORD", "MYSQL_NATIVE_PASSWORD"),
        session_pinning_filters=("EXCLUDE_VARIABLE_SETS",),
        rotation_application="SecretsManagerRDSMySQLRotationSingleUser",
        longest_user=32,
    ),
}
