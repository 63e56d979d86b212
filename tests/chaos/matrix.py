"""The matrix: which fault is tried at which moment, and with which kinds of login. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum


class Auth(StrEnum):
    """How the handler logs in; `DB_AUTH`'s values."""

    IAM = "iam"
    SECRET = "secret"
    PASSWORD = "password"


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
    BORROW_TIMEOUT = "borrow-timeout"
    CONNECT_REFUSED = "connect-refused"
    CONNECT_SILENT = "connect-silent"
    NO_CLIENT_CONNECTIONS = "no-client-connections"
    TOKEN_EXPIRED = "token-expired"
    PASSWORD_ROTATED = "password-rotated"

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
        # Nothing tells a connection that is silent from one that is lost, but to speak.
        return self.moment is Moment.FROZEN and self.fault is not Fault.NETWORK_CUT

    @property
    def is_unnoticed(self) -> bool:
        """Whether no caller may notice anything: it is over, or a second login always helps."""
        return self.is_over or self.fault is Fault.TOKEN_EXPIRED

    @property
    def is_repeated(self) -> bool:
        """Whether a function must have run twice: what was lost is an open transaction, and nothing else is."""
        return self.moment is Moment.TRANSACTION and self.fault in (Fault.CONNECTION_RESET, Fault.BACKEND_KILLED)


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
    Fault.BORROW_TIMEOUT: "others hold all database connections for longer than the borrow timeout (`08000`)",
    Fault.CONNECT_REFUSED: "nobody listens",
    Fault.CONNECT_SILENT: "connections are accepted and nothing is said",
    Fault.NO_CLIENT_CONNECTIONS: "the proxy has as many clients as it takes (`53300`)",
    Fault.TOKEN_EXPIRED: "the first token of each new connection is 16 minutes old",
    Fault.PASSWORD_ROTATED: "database, proxy and secret get another password; `DB_PASSWORD` stays the old one",
}
_DURING = (Moment.QUERY, Moment.TRANSACTION, Moment.COMMIT)
_MATRIX: dict[Fault, tuple[Moment, ...]] = {
    Fault.SERVER_GONE: (Moment.FROZEN,),
    Fault.CONNECTION_RESET: (Moment.FROZEN, Moment.CONNECT, *_DURING, Moment.ANSWER),
    Fault.NETWORK_CUT: (Moment.FROZEN, Moment.CONNECT, *_DURING),
    Fault.BACKEND_KILLED: (Moment.FROZEN, *_DURING),
    Fault.PROXY_RESTART: (Moment.FROZEN, Moment.CONNECT, *_DURING),
    Fault.FAILOVER: (Moment.FROZEN, Moment.CONNECT, *_DURING),
    Fault.BORROW_TIMEOUT: (Moment.CONNECT, Moment.QUERY),
    Fault.CONNECT_REFUSED: (Moment.CONNECT,),
    Fault.CONNECT_SILENT: (Moment.CONNECT,),
    Fault.NO_CLIENT_CONNECTIONS: (Moment.CONNECT,),
    Fault.TOKEN_EXPIRED: (Moment.CONNECT,),
    Fault.PASSWORD_ROTATED: (Moment.FROZEN, Moment.CONNECT),
}


def cells(
    *, faults: Collection[Fault] = (), moments: Collection[Moment] = (), auths: Collection[Auth] = ()
) -> list[Cell]:
    """The cells that pass all filters, by fault, moment and auth; an empty filter lets everything pass."""
    return [
        Cell(fault, moment, auth)
        for fault, its_moments in _MATRIX.items()
        for moment in its_moments
        for auth in Auth
        if (not faults or fault in faults) and (not moments or moment in moments) and (not auths or auth in auths)
        # A token is what only `iam` has.
        if fault is not Fault.TOKEN_EXPIRED or auth is Auth.IAM
    ]
