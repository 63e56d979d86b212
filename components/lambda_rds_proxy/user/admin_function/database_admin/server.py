"""Where the admin function connects, and how a database's refusal is told: the same for each engine."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The longest wait for one address to let us in, in seconds.
CONNECT_SECONDS = 10
_CERTIFICATES = Path(__file__).parent.parent / "certificates"


class AdminError(RuntimeError):
    """What went wrong, without any secret, and what to look at."""


class DatabaseRefusedError(RuntimeError):
    """What the database said; asking again changes nothing."""


class DatabaseNotReadyError(RuntimeError):
    """What the database said, or that it said nothing; it may pass by itself.

    Attributes:
        out_of_time: only our own patience ended, which says less than any answer.
    """

    def __init__(self, reason: str, *, out_of_time: bool = False) -> None:
        super().__init__(reason)
        self.out_of_time = out_of_time


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where to connect, and the bundle that verifies it."""

    host: str
    port: int
    database: str
    bundle: str

    @classmethod
    def of(cls, event: dict[str, Any], bundle: str) -> "Server":
        """The server that an event names; `bundle` is a file of this package, unless DB_SSL_ROOT_CERT names another."""
        return cls(
            host=str(event["host"]),
            port=int(event["port"]),
            database=str(event["database"]),
            bundle=os.environ.get("DB_SSL_ROOT_CERT") or str(_CERTIFICATES / bundle),
        )
