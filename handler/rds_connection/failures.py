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
    READ_ONLY = "read-only"
    """The server only reads, as after a failover: another connection may lead to the one that writes."""
    STATEMENT = "statement"
    """The connection is fine; the database refused what it was asked."""

    @property
    def hint(self) -> str:
        """What to look at when there was no connection."""
        return _HINTS[self]


BUNDLE_HINT = (
    "DB_SSL_ROOT_CERT must be the bundle with the server's authority: a proxy needs Amazon Trust Services' "
    "(amazon-trust-services.pem), a database RDS's (rds.pem, AWS's global-bundle.pem); leave it unset, and the "
    "right one of rds_connection/certificates is taken"
)
_HINTS = {
    Failure.UNAVAILABLE: "look at the proxy's target health, its client connections and the security groups on the way",
    Failure.AUTHENTICATION: "the secret, the database's user and the proxy's auth must agree",
    Failure.REFUSED: "this will not pass by itself; check the DB_* variables and the proxy's settings",
    Failure.READ_ONLY: "look at the proxy's targets: none of them writes",
    Failure.STATEMENT: "look at the statement",
}


def is_unknown_authority(reason: str) -> bool:
    """Whether no authority of the bundle made a certificate, as OpenSSL says it through libpq and through Python."""
    others = ("mismatch", "has expired", "not yet valid")
    return "certificate verify failed" in reason and not any(words in reason for words in others)
