"""The matrix: which fault is tried at which moment, and with which kinds of login. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Auth(StrEnum):
    """How the handler logs in; `DB_AUTH`'s values."""

    IAM = "iam"
    SECRET = "secret"
    PASSWORD = "password"


class Style(StrEnum):
    """How the function is written: in plain functions, or in coroutines."""

    PLAIN = "plain"
    ASYNC = "async"


class Moment(StrEnum):
    """Where an execution environment is when the fault begins."""

    FROZEN = "frozen"
    CONNECT = "connect"
    QUERY = "query"
    TRANSACTION = "transaction"
    COMMIT = "commit"
    ANSWER = "answer"

    @property
    def meaning(self) -> str:
        """The moment in words."""
        return _MOMENTS[self]


class Fault(StrEnum):
    """What goes wrong."""

    SERVER_GONE = "server-gone"
    CONNECTION_RESET = "connection-reset"
    NETWORK_CUT = "network-cut"
    BACKEND_KILLED = "backend-killed"
    PROXY_RESTART = "proxy-restart"
    FAILOVER = "failover"
    DATABASE_RESTART = "database-restart"
    READ_ONLY = "read-only"
    DEMOTED = "demoted"
    REPLACED = "replaced"
    BORROW_TIMEOUT = "borrow-timeout"
    CONNECT_REFUSED = "connect-refused"
    CONNECT_SILENT = "connect-silent"
    NO_CLIENT_CONNECTIONS = "no-client-connections"
    TOKEN_EXPIRED = "token-expired"
    PASSWORD_ROTATED = "password-rotated"
    FUNCTION_KILLED = "function-killed"
    FUNCTION_LOST = "function-lost"

    @property
    def meaning(self) -> str:
        """How the fault is made."""
        return _FAULTS[self]


@dataclass(frozen=True)
class Cell:
    """One fault at one moment, with one kind of login."""

    fault: Fault
    moment: Moment
    auth: Auth

    @property
    def is_over(self) -> bool:
        """Whether the fault has passed when the next statement is sent, so that no function runs twice for it."""
        # Nothing tells a connection that is silent, or at a server that does not write, from a good one, but to speak.
        return self.moment is Moment.FROZEN and self.fault not in (Fault.NETWORK_CUT, Fault.DEMOTED, Fault.REPLACED)

    @property
    def is_unnoticed(self) -> bool:
        """Whether no caller may notice anything: it is over, or to wait, or to log in once more, always helps."""
        waits = (Fault.TOKEN_EXPIRED, Fault.FUNCTION_KILLED, Fault.FUNCTION_LOST)
        return self.is_over or self.fault in waits or (self.is_waited_for and self.moment is Moment.CONNECT)

    @property
    def is_waited_for(self) -> bool:
        """Whether nobody may give up to connect: the fault lasts a few seconds, and an invocation has more."""
        return self.fault is Fault.DATABASE_RESTART

    @property
    def is_straight(self) -> bool:
        """Whether no proxy is on the way: one would keep its clients, and from them what the database says."""
        return self.fault is Fault.DATABASE_RESTART

    @property
    def seconds(self) -> float:
        """What each invocation has."""
        return 8.0 if self.fault in (Fault.DATABASE_RESTART, Fault.FUNCTION_LOST) else 3.0

    @property
    def is_repeated(self) -> bool:
        """Whether a function must have run twice: what was lost is an open transaction, or a server that writes."""
        lost = (Fault.CONNECTION_RESET, Fault.BACKEND_KILLED, Fault.DATABASE_RESTART)
        if self.fault is Fault.DEMOTED:
            return self.moment is Moment.FROZEN
        return self.moment is Moment.TRANSACTION and self.fault in lost


_MOMENTS = {
    Moment.FROZEN: "between two invocations; the environment is stopped, as Lambda stops it, until the fault is over",
    Moment.CONNECT: "between two invocations; every environment's connection is closed as the fault begins",
    Moment.QUERY: "the database executes a statement",
    Moment.TRANSACTION: "a transaction is open and no statement runs",
    Moment.COMMIT: "COMMIT was sent, and is not yet done",
    Moment.ANSWER: "COMMIT is done, and its answer is under way",
}
_FAULTS = {
    Fault.SERVER_GONE: "the proxy closes the idle connection (idle client timeout, 24 h)",
    Fault.CONNECTION_RESET: "the client's TCP connection is reset; at commit before the proxy got it",
    Fault.NETWORK_CUT: "bytes get lost both ways and nobody is told",
    Fault.BACKEND_KILLED: "`pg_terminate_backend` for all of the application's database connections",
    Fault.PROXY_RESTART: "the proxy, gate and PgBouncer, is killed and started again",
    Fault.FAILOVER: "PostgreSQL is killed and started again; the proxy keeps its clients",
    Fault.DATABASE_RESTART: "PostgreSQL shuts down (`57P01`) and takes 2 s to start (`57P03`); no proxy on the way",
    Fault.READ_ONLY: "the database writes nothing for a while (`25006`), whatever the connection",
    Fault.DEMOTED: "a server keeps its clients and writes nothing any more (`25006`); then the name leads to another",
    Fault.REPLACED: "a server is gone without a word; then the name leads to another",
    Fault.BORROW_TIMEOUT: "others hold all database connections for longer than the borrow timeout (`08000`)",
    Fault.CONNECT_REFUSED: "nobody listens",
    Fault.CONNECT_SILENT: "connections are accepted and nothing is said",
    Fault.NO_CLIENT_CONNECTIONS: "the proxy has as many clients as it takes (`53300`)",
    Fault.TOKEN_EXPIRED: "the first token of each new connection is 16 minutes old",
    Fault.PASSWORD_ROTATED: "database, proxy and secret get another password; `DB_PASSWORD` stays the old one",
    Fault.FUNCTION_KILLED: "an environment is killed while it holds, in a transaction, a row that all others want",
    Fault.FUNCTION_LOST: "the same, but it is frozen for ever: nothing ends its connection",
}
_DURING = (Moment.QUERY, Moment.TRANSACTION, Moment.COMMIT)
_MATRIX: dict[Fault, tuple[Moment, ...]] = {
    Fault.SERVER_GONE: (Moment.FROZEN,),
    Fault.CONNECTION_RESET: (Moment.FROZEN, Moment.CONNECT, *_DURING, Moment.ANSWER),
    Fault.NETWORK_CUT: (Moment.FROZEN, Moment.CONNECT, *_DURING),
    Fault.BACKEND_KILLED: (Moment.FROZEN, *_DURING),
    Fault.PROXY_RESTART: (Moment.FROZEN, Moment.CONNECT, *_DURING),
    Fault.FAILOVER: (Moment.FROZEN, Moment.CONNECT, *_DURING),
    Fault.DATABASE_RESTART: (Moment.CONNECT, Moment.QUERY, Moment.TRANSACTION),
    Fault.READ_ONLY: (Moment.QUERY,),
    Fault.DEMOTED: (Moment.FROZEN, Moment.CONNECT, Moment.QUERY),
    Fault.REPLACED: (Moment.FROZEN, Moment.TRANSACTION),
    Fault.BORROW_TIMEOUT: (Moment.CONNECT, Moment.QUERY),
    Fault.CONNECT_REFUSED: (Moment.CONNECT,),
    Fault.CONNECT_SILENT: (Moment.CONNECT,),
    Fault.NO_CLIENT_CONNECTIONS: (Moment.CONNECT,),
    Fault.TOKEN_EXPIRED: (Moment.CONNECT,),
    Fault.PASSWORD_ROTATED: (Moment.FROZEN, Moment.CONNECT),
    Fault.FUNCTION_KILLED: (Moment.TRANSACTION,),
    Fault.FUNCTION_LOST: (Moment.TRANSACTION,),
}
# A token is what only `iam` has, and what no database takes without a proxy here.
_AUTHS: dict[Fault, tuple[Auth, ...]] = {
    Fault.TOKEN_EXPIRED: (Auth.IAM,),
    Fault.DATABASE_RESTART: (Auth.SECRET, Auth.PASSWORD),
}


def cells(
    *, faults: Collection[Fault] = (), moments: Collection[Moment] = (), auths: Collection[Auth] = ()
) -> list[Cell]:
    """The cells that pass all filters, by fault, moment and auth; an empty filter lets everything pass."""
    return [
        Cell(fault, moment, auth)
        for fault, its_moments in _MATRIX.items()
        for moment in its_moments
        for auth in _AUTHS.get(fault, tuple(Auth))
        if (not faults or fault in faults) and (not moments or moment in moments) and (not auths or auth in auths)
    ]
