"""What a PostgreSQL error means for the one who waits: try again, with other credentials, or not at all.

Sources: RDS User Guide, "Troubleshooting RDS Proxy" (its errors), PgBouncer 1.18 (`src/client.c`, `src/janitor.c`) and
PostgreSQL's appendix "Error Codes". While connecting, libpq gives text and no SQLSTATE, so text decides.
"""

from enum import StrEnum

import psycopg


class Failure(StrEnum):
    """Why something failed, as far as the next step depends on it."""

    UNAVAILABLE = "unavailable"
    """Nobody there, no connection to be had, or the connection is gone: another attempt may work."""
    AUTHENTICATION = "authentication"
    """The credentials were refused: another attempt with new ones may work."""
    REFUSED = "refused"
    """The server does not want this connection, however often it is asked."""
    STATEMENT = "statement"
    """The connection is fine; the database refused what it was asked."""

    @property
    def hint(self) -> str:
        """What to look at when there was no connection."""
        return _HINTS[self]


_HINTS = {
    Failure.UNAVAILABLE: "look at the proxy's target health, its client connections and the security groups on the way",
    Failure.AUTHENTICATION: "the secret, the database's user and the proxy's auth must agree",
    Failure.REFUSED: "this will not pass by itself; check the DB_* variables and the proxy's settings",
    Failure.STATEMENT: "look at the statement",
}
# Looked for first: the words of other errors are in these ("IAM authentication failed because of too many …").
_UNAVAILABLE = ("too many competing requests", "unexpected eof while reading")
_AUTHENTICATION = (
    "password authentication failed",
    "SASL authentication failed",
    "IAM authentication failed",
    "PAM authentication failed",
    "The password that was provided for the role",
)
_REFUSED = (
    "certificate",
    "SSL error",
    "server does not support SSL",
    "has no credentials for the role",
    "requires TLS",
    "only with SSL",
    "Enable IAM authentication",
    "Configure IAM authentication",
    "Feature not supported",
    "unsupported startup parameter",
    "no pg_hba.conf entry",
    "no such user",
    "no such database",
    "does not exist",
    "permission denied for database",
    "is not permitted to log in",
)
# Connection exceptions, too many connections, and a server that stops, crashed or starts.
_UNAVAILABLE_STATES = ("53300", "57P01", "57P02", "57P03")


def connect_failure(text: str) -> Failure:
    """What the text of an error while connecting means; unknown text is worth another attempt, for nothing ran yet."""
    if any(words in text for words in _UNAVAILABLE):
        return Failure.UNAVAILABLE
    if any(words in text for words in _AUTHENTICATION):
        return Failure.AUTHENTICATION
    if any(words in text for words in _REFUSED):
        return Failure.REFUSED
    return Failure.UNAVAILABLE


def statement_failure(error: psycopg.Error) -> Failure:
    """What an error of a statement means: `UNAVAILABLE` if the connection was lost, or never got to the database."""
    state = error.sqlstate
    if state is not None:
        # 08000: RDS Proxy's borrow timeout; 08P01: PgBouncer's query_wait_timeout and its lost servers.
        return Failure.UNAVAILABLE if state[:2] == "08" or state in _UNAVAILABLE_STATES else Failure.STATEMENT
    # Without one the error is psycopg's own: the connection went, or its last words came where an answer was due.
    lost = isinstance(error, psycopg.OperationalError | psycopg.InternalError)
    return Failure.UNAVAILABLE if lost else Failure.STATEMENT
