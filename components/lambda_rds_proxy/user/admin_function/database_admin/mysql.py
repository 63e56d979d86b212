"""MySQL: makes a user with its grants, and says as whom a connection got through."""

import hashlib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CR, ER

from .bootstrap_sql import MYSQL_IAM_LOGIN, MYSQL_PRIVILEGES, Timeouts, mysql_account, mysql_schema
from .ownership import Account, UserSecret, check_ours, mark
from .server import CONNECT_SECONDS, AdminError, DatabaseNotReadyError, DatabaseRefusedError, Login, Server

if TYPE_CHECKING:
    from pymysql.connections import Connection

# What AWS's rotation functions look for in a secret.
SECRET_ENGINE = "mysql"  # noqa: S105 - the name of an engine
# How a password is kept and checked: the first of these that the server has. They are the client password types of a
# MySQL proxy; MySQL 8.4 has the second one switched off, MySQL 5.7 and MariaDB have the second one only.
PASSWORD_PLUGINS = ("caching_sha2_password", "mysql_native_password")
# The same for every run, and known to the whole server: its users are changed by one run at a time.
_LOCK = "lambda-rds-proxy.database-admin"
# Operational errors that do not pass by themselves: MySQL Reference Manual, "Server Error Message Reference".
_PLUGIN_IS_NOT_LOADED, _NOT_VALID_PASSWORD, _SPECIFIC_ACCESS_DENIED = 1524, 1819, 1227
_LASTING = {
    ER.CANNOT_USER,
    ER.TABLEACCESS_DENIED_ERROR,
    _SPECIFIC_ACCESS_DENIED,
    _PLUGIN_IS_NOT_LOADED,
    _NOT_VALID_PASSWORD,
    CR.CR_AUTH_PLUGIN_CANNOT_LOAD,
}
# Logins in which the client sends its password as it is: MySQL Reference Manual, "Authentication Plugins". The full
# login of caching_sha2_password does so too, inside TLS: no client can do without, and RDS's servers alone are asked.
_CLEAR_PLUGINS = ("mysql_clear_password", "sha256_password", "dialog")
_MAY_NOT_GRANT = {ER.DBACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR, _SPECIFIC_ACCESS_DENIED}


@contextmanager
def session(server: Server, login: Login, seconds: float) -> Iterator["Session"]:
    """A session for a block, verified by TLS, in which no step waits longer than `seconds`.

    Raises:
        DatabaseNotReadyError: nobody answered, the login was refused, or the connection was lost.
        DatabaseRefusedError: any other error of a statement.
        AdminError: a value cannot be sent to a server.
    """
    try:
        with _connect(server, login, seconds) as connection:
            yield Session(connection, server.database, seconds)
    except pymysql.err.OperationalError as error:
        if error.args[0] in _LASTING:
            raise DatabaseRefusedError(reason(error)) from None
        late = error.args[0] == CR.CR_SERVER_LOST and "timed out" in str(error)
        raise DatabaseNotReadyError(reason(error), out_of_time=late) from None
    except pymysql.Error as error:
        raise DatabaseRefusedError(reason(error)) from None


class Session:
    """What the admin function does in one connection."""

    def __init__(self, connection: "Connection[Any]", database: str, seconds: float) -> None:
        self._connection = connection
        self._database = database
        self._seconds = seconds

    def ensure_user(self, user: str, secret: UserSecret | None, *, maker: str, adopt: bool, timeouts: Timeouts) -> bool:
        """Bring a user and its grants to their stated form; whether it had to be made.

        Args:
            user: its name.
            secret: holds its password; None for a user that logs in with a token.
            maker: what the user is marked with.
            adopt: whether a user may be taken that somebody else made.
            timeouts: none, for MySQL keeps none of a user.

        Raises:
            AdminError: the user is not ours to take, the master user has not the right to, or there are timeouts.
            DatabaseNotReadyError: the secret is being rotated, or another run is at it.
        """
        if timeouts:
            raise AdminError(f"timeouts are given, and MySQL keeps none of the user {user}; leave them out")
        # No transaction: in MySQL each of these statements commits by itself. The lock goes with the connection.
        # pins: allowed because it is sent straight to the database, never to a proxy
        if self._rows(f"SELECT GET_LOCK({self._literal(_LOCK)}, {int(self._seconds / 2)})") != [(1,)]:
            raise DatabaseNotReadyError("another run is making users of this server", out_of_time=True)
        # MySQL 5.7 and MariaDB do not have it.
        literal = ("partial_revokes", "ON") in self._rows("SHOW GLOBAL VARIABLES LIKE 'partial_revokes'")
        schema, account = mysql_schema(self._database, literal=literal), mysql_account(user)
        there = self._account(user, schema)
        if there is not None:
            check_ours(there, held=secret is not None and secret.holds(user), maker=maker, adopt=adopt)
        login = MYSQL_IAM_LOGIN if secret is None else self._password_login(secret.password(user))
        verb = "CREATE" if there is None else "ALTER"
        comment = f" COMMENT {self._literal(mark(maker))}" if self._has_comments() else ""
        self._rows(f"{verb} USER {account} IDENTIFIED {login} REQUIRE SSL ACCOUNT UNLOCK{comment}")
        try:
            self._rows(f"GRANT {MYSQL_PRIVILEGES} ON {schema}.* TO {account}")
        except pymysql.err.OperationalError as error:
            if error.args[0] not in _MAY_NOT_GRANT:
                raise
            raise AdminError(
                f"the master user may not grant on {self._database}, for it lacks one of these privileges or the GRANT "
                "OPTION; run as an administrator what is printed with bootstrap: false"
            ) from None
        if secret is not None:
            # What a rotation did in between is undone by the next attempt, once the rotation has ended.
            secret.check_settled()
        return there is None

    def facts(self) -> tuple[str, str, str]:
        """User, database and server, as the server itself says."""
        ((account, database, version),) = self._rows("SELECT CURRENT_USER(), DATABASE(), VERSION()")
        return str(account).rpartition("@")[0], str(database), f"MySQL {version}"

    def _account(self, user: str, schema: str) -> Account | None:
        """What there is of this name at any host; those at one host are other accounts, of which we know nothing."""
        if not self._rows("SELECT 1 FROM mysql.user WHERE host = %s AND user = %s", "%", user):
            return None
        account = mysql_account(user)
        grants = [str(grant) for (grant,) in self._rows(f"SHOW GRANTS FOR {account}")]
        comment: object = None
        if self._has_comments():
            statement = "SELECT attribute->>%s FROM information_schema.user_attributes WHERE host = %s AND user = %s"
            rows = self._rows(statement, "$.comment", "%", user)
            comment = rows[0][0] if rows else None
        return Account(
            user=user,
            rights=[right for grant in grants for right in rights_beyond(grant)],
            mark=None if comment is None else str(comment),
            as_made=is_as_made(grants, schema),
        )

    def _has_comments(self) -> bool:
        """Whether the server keeps comments of users: MySQL since 8.0.21, MariaDB not."""
        tables = "SELECT 1 FROM information_schema.tables WHERE table_schema = 'information_schema'"
        return bool(self._rows(f"{tables} AND table_name = 'USER_ATTRIBUTES'"))

    def _password_login(self, password: str) -> str:
        active = self._rows("SELECT plugin_name FROM information_schema.plugins WHERE plugin_status = 'ACTIVE'")
        plugin = next((each for each in PASSWORD_PLUGINS if (each,) in active), PASSWORD_PLUGINS[0])
        if plugin == "mysql_native_password":
            # Hashed on this side, so that no log of the server can hold the password.
            return f"WITH {plugin} AS {self._literal(native_password_hash(password))}"
        # MySQL makes this one's hash, with a salt of its own, and writes no password to its logs: Reference Manual,
        # "Passwords and Logging".
        return f"WITH {plugin} BY {self._literal(password)}"

    def _literal(self, text: str) -> str:
        return self._connection.escape(text)

    def _rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        # Without values PyMySQL takes a percent sign for what it is.
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return list(cursor.fetchall())


def native_password_hash(password: str) -> str:
    """What `mysql_native_password` keeps of a password."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def rights_beyond(grant: str) -> list[str]:
    """What a line of SHOW GRANTS gives beyond single databases: in the whole server, by a role, or to pass on."""
    what = grant.partition(" TO ")[0].removeprefix("GRANT ")
    if not grant.startswith("GRANT "):  # such as REVOKE
        return []
    if what.startswith("`") or " ON " not in what:
        return [f"the role {what}"]
    everywhere = what != "USAGE ON *.*" and (what.endswith(" ON *.*") or what.startswith("PROXY "))
    passed_on = grant.endswith(" WITH GRANT OPTION")
    return [*([what] if everywhere else []), *(["GRANT OPTION"] if passed_on else [])]


def is_as_made(grants: Sequence[str], schema: str) -> bool:
    """Whether SHOW GRANTS says what `ensure_user` grants, and nothing else; the server has an order of its own."""
    others = [words for words in (grant.partition(" TO ")[0] for grant in grants) if words != "GRANT USAGE ON *.*"]
    granted = [words.removeprefix("GRANT ").removesuffix(f" ON {schema}.*").split(", ") for words in others]
    return [sorted(each) for each in granted] == [sorted(MYSQL_PRIVILEGES.split(", "))]


class _Connection(pymysql.connections.Connection):
    """PyMySQL's connection, which gives no server a password as it is, unless it is a token."""

    is_token = False
    _auth_plugin_name: str

    def _request_authentication(self) -> None:
        self._refuse_clear(self._auth_plugin_name)
        super()._request_authentication()  # type: ignore[misc]  # not in its stubs

    def _process_auth(self, plugin_name: bytes, *rest: Any) -> Any:  # noqa: ANN401 - PyMySQL's packets
        self._refuse_clear(plugin_name.decode(errors="replace"))
        return super()._process_auth(plugin_name, *rest)  # type: ignore[misc]  # not in its stubs

    def _refuse_clear(self, plugin: str) -> None:
        if plugin in _CLEAR_PLUGINS and not self.is_token:
            raise pymysql.err.OperationalError(
                CR.CR_AUTH_PLUGIN_CANNOT_LOAD, f"the server asks for the password as it is ({plugin}); it gets none"
            )


def _connect(server: Server, login: Login, seconds: float) -> "Connection[Any]":
    server.check_sendable(login)
    limit = max(seconds, 0.1)
    connection = _Connection(
        host=server.host,
        port=server.port,
        database=server.database,
        user=login.user,
        # PyMySQL would take text for latin1.
        password=login.password.encode(),
        # A server without TLS is refused; a token, which is sent as it is, goes to a verified server only.
        ssl=_verified(server.bundle),
        connect_timeout=min(CONNECT_SECONDS, limit / 2),
        read_timeout=limit,
        write_timeout=limit,
        autocommit=True,
        defer_connect=True,
    )
    connection.is_token = login.is_token
    connection.connect()
    return connection


def _verified(bundle: str) -> ssl.SSLContext:
    """TLS that verifies authority and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(OSError):  # ssl.SSLError is one too
        context.load_verify_locations(bundle)
        return context
    raise AdminError("DB_SSL_ROOT_CERT is not a file with certificates in PEM format")


def reason(error: pymysql.Error) -> str:
    """One line without the statement, which a server quotes in its own language where a statement is wrong."""
    number, text = error.args[0] if error.args else None, error.args[-1] if error.args else ""
    if number in (ER.PARSE_ERROR, ER.SYNTAX_ERROR):
        return "syntax error"
    return " ".join(str(text).split())[:300] or type(error).__name__
