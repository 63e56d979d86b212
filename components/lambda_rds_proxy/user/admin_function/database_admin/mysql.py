"""MySQL: makes a user with its grants, and says as whom a connection got through."""

import hashlib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pymysql
from pymysql.constants import CR, ER

from .bootstrap_sql import MYSQL_IAM_LOGIN, MYSQL_PRIVILEGES, mysql_account, mysql_schema
from .server import CONNECT_SECONDS, AdminError, DatabaseNotReadyError, DatabaseRefusedError, Server

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
_MAY_NOT_GRANT = {ER.DBACCESS_DENIED_ERROR, ER.ACCESS_DENIED_ERROR, _SPECIFIC_ACCESS_DENIED}


@contextmanager
def session(server: Server, user: str, password: str, seconds: float) -> Iterator["Session"]:
    """A session for a block, verified by TLS, in which no step waits longer than `seconds`.

    Raises:
        DatabaseNotReadyError: nobody answered, the login was refused, or the connection was lost.
        DatabaseRefusedError: any other error of a statement.
        AdminError: a value cannot be sent to a server.
    """
    try:
        with _connect(server, user, password, seconds) as connection:
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

    def ensure_user(self, user: str, password: Callable[[], str] | None) -> bool:
        """Bring a user and its grants to their stated form; whether it had to be made.

        Args:
            user: its name.
            password: gives its password, called once nobody else is at it; None for a user that logs in with a token.

        Raises:
            AdminError: the master user has not the right to.
        """
        # No transaction: in MySQL each of these statements commits by itself. The lock goes with the connection.
        if self._rows(f"SELECT GET_LOCK({self._literal(_LOCK)}, {int(self._seconds / 2)})") != [(1,)]:
            raise DatabaseNotReadyError("another run is making users of this server", out_of_time=True)
        account = mysql_account(user)
        known = [name for (name,) in self._rows("SELECT user FROM mysql.user WHERE host = '%'")]
        login = MYSQL_IAM_LOGIN if password is None else self._password_login(password())
        verb = "ALTER" if user in known else "CREATE"
        self._rows(f"{verb} USER {account} IDENTIFIED {login} REQUIRE SSL ACCOUNT UNLOCK")
        # MySQL 5.7 and MariaDB do not have it.
        literal = ("partial_revokes", "ON") in self._rows("SHOW GLOBAL VARIABLES LIKE 'partial_revokes'")
        schema = mysql_schema(self._database, literal=literal)
        try:
            self._rows(f"GRANT {MYSQL_PRIVILEGES} ON {schema}.* TO {account}")
        except pymysql.err.OperationalError as error:
            if error.args[0] not in _MAY_NOT_GRANT:
                raise
            raise AdminError(
                f"the master user may not grant on {self._database}, for it lacks one of these privileges or the GRANT "
                "OPTION; run as an administrator what is printed with bootstrap: false"
            ) from None
        return user not in known

    def facts(self) -> tuple[str, str, str]:
        """User, database and server, as the server itself says."""
        ((account, database, version),) = self._rows("SELECT CURRENT_USER(), DATABASE(), VERSION()")
        return str(account).rpartition("@")[0], str(database), f"MySQL {version}"

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

    def _rows(self, statement: str) -> list[tuple[Any, ...]]:
        # Without arguments PyMySQL takes a percent sign, as in '%', for what it is.
        with self._connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())


def native_password_hash(password: str) -> str:
    """What `mysql_native_password` keeps of a password."""
    once = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
    return "*" + hashlib.sha1(once, usedforsecurity=False).hexdigest().upper()


def _connect(server: Server, user: str, password: str, seconds: float) -> "Connection[Any]":
    server.check_sendable(user, password)
    limit = max(seconds, 0.1)
    return pymysql.connect(
        host=server.host,
        port=server.port,
        database=server.database,
        user=user,
        # PyMySQL would take text for latin1.
        password=password.encode(),
        # A server without TLS is refused; a token, which is sent as it is, goes to a verified server only.
        ssl=_verified(server.bundle),
        connect_timeout=min(CONNECT_SECONDS, limit / 2),
        read_timeout=limit,
        write_timeout=limit,
        autocommit=True,
    )


def _verified(bundle: str) -> ssl.SSLContext:
    """TLS that verifies authority and name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with suppress(OSError):  # ssl.SSLError is one too
        context.load_verify_locations(bundle)
        return context
    raise AdminError("DB_SSL_ROOT_CERT is not a file with certificates in PEM format")


def reason(error: pymysql.Error) -> str:
    """One line without the statement, of which a server quotes what follows "near"."""
    text = " ".join(str(error.args[-1] if error.args else "").split())
    return text.split(" near ")[0][:300] or type(error).__name__
