"""One DB proxy: a gate, which clients talk to, and PgBouncer, which talks to the database."""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..gate.seen import SOCKET, Seen
from ..gate.settings import GateSettings
from ..gate.short_path import short_path
from ..iam.tokens import Principal, TokenAudience
from .certificates import Authority
from .errors import LaptopError
from .pgbouncer import PORT, PRIVATE_FOLDER, PgBouncer
from .private_file import write_private
from .processes import Server, free_of_others
from .proxy_settings import ProxySettings

# In the supervisor's environment: how many logins with a token each gate lets through in a second, the others are
# refused as RDS Proxy refuses them.
TOKENS_PER_SECOND = "LAPTOP_TOKENS_PER_SECOND"
GATES, POOLERS = "gates", "proxies"
GATE_LOG = "gate.log"
_ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 5.0

Principals = Mapping[str, dict[str, Any]]
"""Access key → secret key, policy statements and function of who signs with it."""


class Proxy:
    """A proxy called `name` whose files are under `folder`."""

    def __init__(
        self, folder: Path, name: str, settings: ProxySettings, authority: Authority, audience: TokenAudience
    ) -> None:
        self.pooler = PgBouncer(folder / POOLERS / name, settings, authority)
        self._authority = authority
        self.audience = audience
        self._principals: Principals = {}
        self._folder = folder / GATES / name
        self._pooler_folder = folder / POOLERS / name / PRIVATE_FOLDER
        self._file = self._folder / "gate.json"
        self._told = ""
        self.gate = Server(
            f"gate {name}",
            [sys.executable, "-m", "local.gate", str(self._file)],
            folder=self._folder,
            log=self._folder / GATE_LOG,
            ready=self._answers,
            stop_signal=signal.SIGTERM,
            environment={"PYTHONPATH": str(_ROOT)},
            as_server=False,
        )

    @property
    def settings(self) -> ProxySettings:
        """What it is asked to be."""
        return self.pooler.settings

    @property
    def status(self) -> str:
        """RDS's word: available while both run, else restarting."""
        return self.pooler.server.status if self.gate.pid else self.gate.status

    def start(self, principals: Principals | None = None) -> None:
        """Start both at the proxy's own address.

        Raises:
            LaptopError: the address is taken, or one of them does not start.
        """
        self._principals = self._principals if principals is None else principals
        free_of_others(self.settings.address, self.settings.port)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self._authority.issue(self._folder, name=self.settings.name, address=self.settings.address)
        try:
            self.pooler.start()
            self._tell()
            self.gate.start()
        except BaseException:
            self.stop()
            raise

    def change(self, settings: ProxySettings, principals: Principals | None = None) -> None:
        """Take other settings, users or grants; name, address and port must stay. Clients that are in stay in."""
        self._principals = self._principals if principals is None else principals
        self.pooler.change(settings)  # first, so that what the gate opens anew is the new one's
        if self._tell():
            self.gate.signal(signal.SIGHUP)

    def stop(self) -> None:
        """End both."""
        self.gate.stop()
        self.pooler.stop()

    def seen(self) -> Seen:
        """What the gate has seen.

        Raises:
            LaptopError: it does not answer.
        """
        return _seen(self._folder)

    def _tell(self) -> bool:
        """Write down what the gate is to know: whether that is news."""
        settings, folder = self.settings, self._folder
        text = GateSettings(
            address=settings.address,
            port=settings.port,
            folder=str(folder),
            pooler_folder=str(self._pooler_folder),
            pooler_port=PORT,
            certificate=str(folder / "server.pem"),
            key=str(folder / "server.key"),
            audience=self.audience,
            require_tls=settings.require_tls,
            tokens_per_second=int(os.environ[TOKENS_PER_SECOND]) if TOKENS_PER_SECOND in os.environ else None,
            principals={key: Principal(**each) for key, each in self._principals.items()},
            token_users=tuple(sorted(settings.token_users)),
            passwords={
                name: password
                for name, password in settings.users.items()
                if password and name not in settings.token_users
            },
            served_by=settings.served_by,
            ceiling=settings.ceiling,
            borrow_timeout=settings.connection_borrow_timeout,
            idle_client_timeout=settings.idle_client_timeout,
            client_limit=settings.client_limit,
            init_query=settings.init_query,
        ).as_text()
        if text == self._told:
            return False
        write_private(self._file, text)
        self._told = text
        return True

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.settings.address, self.settings.port), timeout=1).close()
            self.seen()
        except (OSError, LaptopError):
            return False
        return True


def seen(state: Path, name: str) -> Seen:
    """What the gate of a proxy has seen, of a supervisor with this state.

    Raises:
        LaptopError: it does not answer.
    """
    return _seen(state / GATES / name)


def _seen(folder: Path) -> Seen:
    said = b""
    try:
        with short_path(folder) as at, socket.socket(socket.AF_UNIX) as teller:
            teller.settimeout(_SECONDS)
            teller.connect(f"{at}/{SOCKET}")
            while part := teller.recv(1 << 16):
                said += part
        return Seen.of_json(json.loads(said))
    except (OSError, ValueError):
        raise LaptopError(f"the gate of the proxy {folder.name} does not answer") from None
