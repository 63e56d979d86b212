"""Where the admin function connects and as whom, and how a database's refusal is told: the same for each engine."""

import json
import os
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# The longest wait for one address to let us in, in seconds.
CONNECT_SECONDS = 10
_CERTIFICATES = Path(__file__).parent.parent / "certificates"
# Written into the package by the program; whoever may invoke the function cannot change it.
_MADE_FOR = Path(__file__).parent.parent / "made_for.json"
# Where RDS's endpoints are, for which AWS alone has certificates: botocore 1.44.3, data/partitions.json.
_RDS_SUFFIXES = tuple(
    f".rds.{suffix}"
    for suffix in (
        *("amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "c2s.ic.gov", "sc2s.sgov.gov"),
        *("cloud.adc-e.uk", "csp.hci.ic.gov"),
    )
)
# Labels of 1 to 63 characters, 253 in all: of others Python's look-up makes a UnicodeError.
_NAME = re.compile(r"(?!.{255})[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")


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
class Login:
    """As whom to connect. A token is sent as it is, for it is good at one server only; a password never is."""

    user: str
    password: str = field(repr=False)
    is_token: bool = False


@dataclass(frozen=True, kw_only=True)
class Server:
    """Where to connect, and the bundle that verifies it."""

    host: str
    port: int
    database: str
    bundle: str

    @classmethod
    def of(cls, event: dict[str, Any], bundle: str) -> "Server":
        """The server that an event names; `bundle` is a file of this package, unless DB_SSL_ROOT_CERT names another.

        Raises:
            AdminError: the port is none.
        """
        port = str(event["port"]).removesuffix(".0")
        if not (port.isascii() and port.isdigit() and len(port) < 6):
            raise AdminError("port is not a whole number such as 5432")
        return cls(
            host=str(event["host"]),
            port=int(port),
            database=str(event["database"]),
            # Whole, for libpq takes the word "system" for the machine's own authorities.
            bundle=str(Path(os.environ.get("DB_SSL_ROOT_CERT") or _CERTIFICATES / bundle).absolute()),
        )

    @classmethod
    def made_for(cls, event: dict[str, Any]) -> "tuple[Server, str]":
        """The one database that this function was made for, and the ARN of its master user's secret.

        An event may say them again, so that a change of them is a change of the event; it cannot say others.

        Raises:
            AdminError: the event names another, or the package none.
        """
        fixed = _made_for()
        for key in ("host", "port", "masterSecretArn"):
            told = str(event.get(key))
            if key == "port":
                told = told.removesuffix(".0")
            if told != str(fixed[key]):
                raise AdminError(f"{key} is {told}, and this function was made for {fixed[key]}; it serves no other")
        return cls.of({**event, **fixed}, "rds.pem"), str(fixed["masterSecretArn"])

    @property
    def is_of_rds(self) -> bool:
        """Whether the host is a name that RDS alone gives and has certificates for."""
        return is_host(self.host) and self.host.lower().removesuffix(".").endswith(_RDS_SUFFIXES)

    def check_sendable(self, login: Login) -> None:
        """What each engine asks before it connects, wherever its values come from: none may displace a TLS option.

        Raises:
            AdminError: a driver would read one of them as something else.
        """
        texts = {"database": self.database, "bundle": self.bundle, "user": login.user, "password": login.password}
        wrong = [name for name, text in texts.items() if not text or not is_sendable(text)]
        del texts  # some tools show the variables of a traceback
        if wrong:
            raise AdminError(
                f"the {wrong[0]} to connect with is empty or holds a NUL or half a character; give another"
            )
        if not is_host(self.host):
            raise AdminError(
                "the host to connect to is not a host name alone; leave out scheme, port, path and password"
            )


def master_secret() -> str:
    """ARN of the master user's secret.

    Raises:
        AdminError: the package names none.
    """
    return str(_made_for()["masterSecretArn"])


def _made_for() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(_MADE_FOR.read_text())
    except FileNotFoundError:
        raise AdminError(f"the package has no {_MADE_FOR.name}, so this function was made for no database") from None
    return found


def is_sendable(text: str) -> bool:
    """Whether drivers send a text whole.

    A NUL ends it for libpq, and with it the connection string with the TLS options in it; for MySQL it ends a field of
    the login. Half of a surrogate pair, which JSON and `os.environ` may hold, has no UTF-8.
    """
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def is_host(text: str) -> bool:
    """Whether a text is one host name or address.

    Everything else means something of its own to somebody: a path is a socket without TLS, a comma a list, an empty
    text this machine, and an address with a scheme holds a password.
    """
    if _NAME.fullmatch(text):
        return True
    try:
        socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return False
    return True
