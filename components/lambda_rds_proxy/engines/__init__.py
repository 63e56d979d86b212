"""The engines, what stands behind a proxy, how clients log in, and what a stack is for: the words that parts share.

What differs from one engine to the next is a field of `EngineFacts`, filled in the engine's own module; index `ENGINES`
for it and never compare engines.
"""

from enum import StrEnum

from . import mysql, postgresql
from .facts import ClusterFacts, EngineFacts, TargetFacts, TargetKind

__all__ = [
    "DEFAULT_ENGINE",
    "ENGINES",
    "Auth",
    "ClusterFacts",
    "Engine",
    "EngineFacts",
    "Profile",
    "TargetFacts",
    "TargetKind",
]


class Engine(StrEnum):
    """Database engine, by the names the stack config and `DB_ENGINE` use."""

    POSTGRESQL = "postgresql"
    """RDS for PostgreSQL, or Aurora PostgreSQL."""
    MYSQL = "mysql"
    """RDS for MySQL, or Aurora MySQL."""

    @staticmethod
    def why_not(name: str) -> str:
        """Why an engine of RDS is not among them, or what it is called here; nothing for what is no engine."""
        return next((why for engine, why in _OTHER_ENGINES.items() if name.lower().startswith(engine)), "")


# By the start of RDS's own name. source: RDS User Guide, "Supported Regions and DB engines for Amazon RDS Proxy".
_OTHER_ENGINES = {
    "postgres": "RDS's postgres is postgresql here",
    "aurora-postgresql": "Aurora PostgreSQL is postgresql with kind cluster here",
    "aurora-mysql": "Aurora MySQL is mysql with kind cluster here",
    "mariadb": "RDS Proxy serves MariaDB as MySQL, but these components make no users for it",
    "sqlserver": "RDS Proxy serves SQL Server, but these components make no users for it",
    "oracle": "Oracle has no RDS Proxy",
    "db2": "Db2 has no RDS Proxy",
    "custom": "RDS Custom has no RDS Proxy",
    "docdb": "DocumentDB has no RDS Proxy",
    "neptune": "Neptune has no RDS Proxy",
}
# What a database is of when nothing says otherwise: the one place that prefers an engine.
DEFAULT_ENGINE = Engine.POSTGRESQL


class Auth(StrEnum):
    """How clients log in to the proxy, and the proxy to the database."""

    IAM = "iam"
    """Clients present an IAM token, the proxy logs in with the password in the secret."""
    IAM_END_TO_END = "iam-end-to-end"
    """IAM on both sides, no secret."""
    SECRET = "secret"  # noqa: S105 - the name of a mode, not a secret
    """Both use the password in the secret."""


class Profile(StrEnum):
    """What a stack is for: how well its data is protected, how long logs are kept, how strict alarms are."""

    DEV = "dev"
    """The database goes with the stack."""
    PROD = "prod"
    """What holds data is protected: final snapshot, two zones, backups for a week."""


ENGINES: dict[Engine, EngineFacts] = {Engine.POSTGRESQL: postgresql.FACTS, Engine.MYSQL: mysql.FACTS}
