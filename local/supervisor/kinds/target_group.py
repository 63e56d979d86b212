"""The one target group of each proxy; its specification is the proxy's connection pool configuration."""

import secrets

from ..account import Account
from ..state import Resource
from .kind import Kind


class TargetGroups(Kind):
    """The target groups of all proxies, by the proxy's name."""

    name = "target-group"

    def __init__(self, account: Account) -> None:
        self._account = account

    def make(self, resource: Resource) -> None:
        """Fill in its facts.

        Raises:
            LaptopError: there is no such proxy.
        """
        self._account.state.require("proxy", resource.identifier, called="DBProxy")
        resource.facts.setdefault("arn", self._account.arn("rds", f"target-group:prx-tg-{secrets.token_hex(8)}"))
        resource.facts["name"] = "default"

    def settle(self) -> None:
        """Let it go with its proxy."""
        state = self._account.state
        for group in state.all(self.name):
            if state.get("proxy", group.identifier) is None:
                state.remove(self.name, group.identifier)
