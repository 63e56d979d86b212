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
class EngineFacts:
    """One row of the table.

    `instance_engine` and `cluster_engine` are RDS's engine names, `proxy_family` is `EngineFamily` of CreateDBProxy,
    `port` is the port a proxy always listens on (whatever the database's own), `default_version` the major version
    that a stack without `engineVersion` gets, `parameters` the parameters that make the server refuse plain text.
    """

    instance_engine: str
    cluster_engine: str
    proxy_family: str
    port: int
    default_version: str
    default_cluster_version: str
    parameters: Mapping[str, str]
    client_password_auth_type: str
    instance_log_exports: tuple[str, ...]
    cluster_log_exports: tuple[str, ...]

    def parameter_group_family(self, kind: TargetKind, version: str) -> str:
        """The parameter group family of a version, for example `postgres17` or `aurora-mysql8.0`."""
        parts = version.split(".")
        if kind is TargetKind.CLUSTER:
            # Aurora MySQL 3.x is MySQL 8.0; its versions read 8.0.mysql_aurora.3.08.0.
            return self.cluster_engine + (parts[0] if self.proxy_family == "POSTGRESQL" else "8.0")
        return self.instance_engine + (parts[0] if self.proxy_family == "POSTGRESQL" else ".".join(parts[:2]))


ENGINES: Mapping[Engine, EngineFacts] = {
    Engine.POSTGRESQL: EngineFacts(
        instance_engine="postgres",
        cluster_engine="aurora-postgresql",
        proxy_family="POSTGRESQL",
        port=5432,
        default_version="17",
        default_cluster_version="17.4",
        parameters={"rds.force_ssl": "1"},
        client_password_auth_type="POSTGRES_SCRAM_SHA_256",  # noqa: S106 - the name of a type
        instance_log_exports=("postgresql", "upgrade"),
        cluster_log_exports=("postgresql",),
    ),
    Engine.MYSQL: EngineFacts(
        instance_engine="mysql",
        cluster_engine="aurora-mysql",
        proxy_family="MYSQL",
        port=3306,
        default_version="8.4",
        default_cluster_version="8.0.mysql_aurora.3.08.0",
        parameters={"require_secure_transport": "ON"},
        client_password_auth_type="MYSQL_CACHING_SHA2_PASSWORD",  # noqa: S106 - the name of a type
        instance_log_exports=("error", "slowquery"),
        cluster_log_exports=("error", "slowquery"),
    ),
}
