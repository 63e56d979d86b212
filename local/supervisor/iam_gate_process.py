"""The process of an IAM gate: started, told of changes, ended."""

import json
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..iam.tokens import TokenAudience
from .certificates import Authority
from .pgbouncer import PRIVATE_FOLDER, PgBouncerSettings
from .private_file import write_private
from .processes import Server, free_of_others

# In the supervisor's environment: how many logins with a token each gate lets through in a second, the others are
# refused as RDS Proxy refuses them.
TOKENS_PER_SECOND = "LAPTOP_TOKENS_PER_SECOND"
_ROOT = Path(__file__).resolve().parents[2]

Principals = Mapping[str, dict[str, Any]]
"""Access key → secret key and policy statements of who signs with it."""


class IamGateProcess:
    """The gate in front of one pooler, in `folder`; the pooler's files are in `pooler_folder`."""

    def __init__(self, folder: Path, pooler_folder: Path, authority: Authority, audience: TokenAudience) -> None:
        self._folder = folder
        self._socket = pooler_folder / PRIVATE_FOLDER
        self._authority = authority
        self._audience = audience
        self._file = folder / "gate.json"
        self._told: dict[str, Any] = {}
        self._address = ("", 0)
        self._server = Server(
            f"IAM gate {folder.name}",
            [sys.executable, "-m", "local.supervisor.iam_gate", str(self._file)],
            folder=folder,
            log=folder / "gate.log",
            ready=self._answers,
            stop_signal=signal.SIGTERM,
            environment={"PYTHONPATH": str(_ROOT)},
            as_server=False,
        )

    def start(self, pooler: PgBouncerSettings, principals: Principals) -> None:
        """Start it at the proxy's own address.

        Raises:
            LaptopError: the address is taken, or the gate does not start.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._address = (pooler.address, pooler.port)
        free_of_others(*self._address)
        self._authority.issue(self._folder, name=pooler.name, address=pooler.address)
        self._write(pooler, principals)
        self._server.start()

    def change(self, pooler: PgBouncerSettings, principals: Principals) -> None:
        """Take other users or grants; clients that are in stay in."""
        if self._write(pooler, principals):
            self._server.signal(signal.SIGHUP)

    def stop(self) -> None:
        """End it."""
        self._server.stop()

    def _write(self, pooler: PgBouncerSettings, principals: Principals) -> bool:
        """Write down what it is to know: whether that is news."""
        settings = {
            "address": pooler.address,
            "port": pooler.port,
            "pooler_port": pooler.own_port,
            "pooler_folder": str(self._socket),
            "certificate": str(self._folder / "server.pem"),
            "key": str(self._folder / "server.key"),
            "require_tls": pooler.require_tls,
            "audience": vars(self._audience),
            "tokens_per_second": int(os.environ[TOKENS_PER_SECOND]) if TOKENS_PER_SECOND in os.environ else None,
            "principals": principals,
            "token_users": sorted(pooler.token_users),
            "password_users": sorted(pooler.users.keys() - pooler.token_users),
        }
        if settings == self._told:
            return False
        write_private(self._file, json.dumps(settings))
        self._told = settings
        return True

    def _answers(self) -> bool:
        try:
            socket.create_connection(self._address, timeout=1).close()
        except OSError:
            return False
        return True
