"""The admin function's package as the program makes it: for one database, which it says."""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy.user.admin_function.database_admin import server

HASH = "c0ffee123456"
PROXY_NAME = f"orders.proxy-{HASH}.eu-west-1.rds.amazonaws.com"


def made_for(monkeypatch: pytest.MonkeyPatch, folder: Path, event: dict[str, Any]) -> None:
    """Have the function made for the database that an event names."""
    text = json.dumps({key: event[key] for key in ("host", "port", "masterSecretArn")})
    file = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.json"
    if not file.exists():  # whatever runs at once, nobody reads half of one
        aside = folder / f"{threading.get_ident()}.json"
        aside.write_text(text)
        aside.replace(file)
    monkeypatch.setattr(server, "_MADE_FOR", file)


def resolving(monkeypatch: pytest.MonkeyPatch, address: str, port: int) -> None:
    """Have every name resolve to one server of this machine."""
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, port))])
