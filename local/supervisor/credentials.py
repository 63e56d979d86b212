"""Credentials of the laptop's functions, and what their roles may do: who signed an IAM token, and what it opens."""

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import Any

from .private_file import write_private
from .roles import role_name, role_statements
from .state import State

# The shell of `make env` signs as this one: its user is the machine's own, and may do everything.
SHELL_KEY = SHELL_SECRET = "laptop"  # noqa: S105 - published in `make env`, and worth nothing elsewhere
_EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


class Credentials:
    """Access keys by function, derived from one key of this laptop stack."""

    def __init__(self, file: Path) -> None:
        if not file.exists():
            write_private(file, secrets.token_hex(32))
        self._key = bytes.fromhex(file.read_text())

    def access_key(self, function: str) -> str:
        """AWS_ACCESS_KEY_ID of a function."""
        return "LAPTOP" + hashlib.sha256(function.encode()).hexdigest()[:14].upper()

    def secret_key(self, function: str) -> str:
        """AWS_SECRET_ACCESS_KEY of a function."""
        return hmac.digest(self._key, function.encode(), "sha256").hex()

    def principals(self, state: State) -> dict[str, dict[str, Any]]:
        """Access key → secret and policy statements, of every function and of the shell."""
        found: dict[str, dict[str, Any]] = {SHELL_KEY: {"secret": SHELL_SECRET, "statements": _EVERYTHING}}
        for function in state.all("function"):
            found[self.access_key(function.identifier)] = {
                "secret": self.secret_key(function.identifier),
                "statements": role_statements(state, role_name(function.spec.get("role"))),
            }
        return found
