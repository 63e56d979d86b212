"""What an error means for the one who waits: try again, with other credentials, or not at all."""

from enum import StrEnum


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
