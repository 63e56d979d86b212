"""Credentials of the laptop's functions, and what their roles may do: who signed a request, and what it opens."""

import hashlib
import hmac
from typing import Any

from toolchain.laptop_key import SHELL_ACCESS_KEY

from .roles import role_name, role_statements
from .state import State

# The shell of `make env` signs as this one: its user is the machine's own, and may do everything.
_EVERYTHING = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]


class Credentials:
    """Access keys by function, derived from the secret of the checkout's shell."""

    def __init__(self, shell_secret: str) -> None:
        self._shell_secret = shell_secret

    def access_key(self, function: str) -> str:
        """AWS_ACCESS_KEY_ID of a function."""
        return "LAPTOP" + hashlib.sha256(function.encode()).hexdigest()[:14].upper()

    def secret_key(self, function: str) -> str:
        """AWS_SECRET_ACCESS_KEY of a function."""
        return hmac.digest(self._shell_secret.encode(), function.encode(), "sha256").hex()

    def principals(self, state: State) -> dict[str, dict[str, Any]]:
        """Access key → secret, policy statements and name, of every function; and of the shell, which has no name."""
        found: dict[str, dict[str, Any]] = {SHELL_ACCESS_KEY: {"secret": self._shell_secret, "statements": _EVERYTHING}}
        for function in state.all("function"):
            found[self.access_key(function.identifier)] = {
                "secret": self.secret_key(function.identifier),
                "statements": role_statements(state, role_name(function.spec.get("role"))),
                "function": function.identifier,
            }
        return found
