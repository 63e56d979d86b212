"""The SQL that makes an application's user, as text for people; needs no driver. The admin function does the same."""

from collections.abc import Mapping
from types import MappingProxyType

# What an application does with its own tables, and no more: nothing outside its database, no GRANT OPTION.
MYSQL_PRIVILEGES = (
    "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, CREATE VIEW, SHOW VIEW, TRIGGER, "
    "CREATE TEMPORARY TABLES, LOCK TABLES, EXECUTE"
)
# What PostgreSQL keeps of a user that frees what a client held which is gone: locks, a transaction, the connection. A
# session has them from its login on, by whatever proxy, so that no client sends a SET, which would pin.
TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout")
# Milliseconds by name; None for the server's own.
Timeouts = Mapping[str, int | None]
# RDS User Guide, "Creating a database account using IAM authentication".
MYSQL_IAM_LOGIN = "WITH AWSAuthenticationPlugin AS 'RDS'"


def bootstrap_sql(
    user: str,
    database: str,
    rds_iam: bool,
    *,
    engine: str = "postgresql",
    timeouts: Timeouts = MappingProxyType({}),
) -> str:
    """What a master user runs in `database` to make `user`; the password is for the reader to fill in.

    Least privilege that lets an application own its tables. PostgreSQL: connect, and create in the schema `public`,
    which version 15 no longer allows everyone; `rds_iam` is for end-to-end IAM only: a user who has it cannot log in
    with a password, as the proxy does in the other modes. `timeouts` are of PostgreSQL. MySQL: everything in the one
    database but to grant, and TLS demanded of the user as well.
    """
    lines = _mysql(user, database, rds_iam) if engine == "mysql" else _postgresql(user, database, rds_iam, timeouts)
    return "\n".join(lines)


def mysql_account(user: str) -> str:
    """The account of a user from any host. Backticks are doubled whatever the SQL mode says of backslashes."""
    return f"{_backticked(user)}@`%`"


def mysql_schema(database: str, *, literal: bool = False) -> str:
    """A database in a GRANT, where it is a pattern: an underscore of the name would stand for any character.

    It is no pattern but taken literally, backslashes included, where the server has partial_revokes on (source: MySQL's
    `acl_get`, sql/auth/sql_auth_cache.cc).
    """
    if literal:
        return _backticked(database)
    return _backticked(database.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))


def _postgresql(user: str, database: str, rds_iam: bool, timeouts: Timeouts) -> list[str]:
    lines = [
        f"CREATE ROLE {_quoted(user)} LOGIN" + (";" if rds_iam else " PASSWORD '…';"),
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {_quoted(user)};",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {_quoted(user)};",
        *(
            f"ALTER ROLE {_quoted(user)} SET {name} = '{milliseconds}ms';"
            for name, milliseconds in timeouts.items()
            if milliseconds is not None
        ),
    ]
    return [*lines, f"GRANT rds_iam TO {_quoted(user)};"] if rds_iam else lines


def _mysql(user: str, database: str, rds_iam: bool) -> list[str]:
    account, schema = mysql_account(user), mysql_schema(database)
    hint = "" if schema == mysql_schema(database, literal=True) else " /* partial_revokes=ON: without backslashes */"
    login = MYSQL_IAM_LOGIN if rds_iam else "BY '…'"
    return [
        f"CREATE USER {account} IDENTIFIED {login} REQUIRE SSL;",
        f"GRANT {MYSQL_PRIVILEGES} ON {schema}.*{hint} TO {account};",
    ]


def _quoted(identifier: str) -> str:
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'


def _backticked(identifier: str) -> str:
    doubled = identifier.replace("`", "``")
    return f"`{doubled}`"
