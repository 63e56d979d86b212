"""Who may log in to a proxy and how, and what the proxy itself logs in to its database with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..iam.tokens import connectable
from .roles import role_name, role_statements
from .secrets_manager import ACCOUNT
from .state import Resource, State


@dataclass(frozen=True, kw_only=True)
class Logins:
    """The users of a proxy: those with a secret, with its password, and those that its own role may connect as."""

    passwords: Mapping[str, str] = field(repr=False)
    token_users: frozenset[str]
    own: frozenset[str]
    role: str


class ProxyLogins:
    """Reads them from policies and secrets as they are now; `secret` gives a secret's value by ARN."""

    def __init__(self, state: State, secret: Callable[[str], str | None], *, region: str) -> None:
        self._state = state
        self._secret = secret
        self._region = region

    def of(self, proxy: Resource) -> Logins:
        """The users of a proxy."""
        auths = proxy.spec.get("auths") or []
        own = self._own(proxy)
        return Logins(
            passwords=self._passwords(auths),
            token_users=own | self._passwords([each for each in auths if each.get("iamAuth") == "REQUIRED"]).keys(),
            own=own,
            role=role_name(proxy.spec.get("roleArn")),
        )

    def roles(self) -> dict[str, dict[str, frozenset[str]]]:
        """Instance → role → the users that a proxy with this role may connect as."""
        found: dict[str, dict[str, frozenset[str]]] = {}
        for proxy in self._state.all("proxy"):
            own, role = self._own(proxy), role_name(proxy.spec.get("roleArn"))
            for instance in self.instances(proxy.identifier):
                roles = found.setdefault(instance.identifier, {})
                roles[role] = roles.get(role, frozenset()) | own
        return found

    def instances(self, proxy: str) -> list[Resource]:
        """The targets of a proxy; there is one at most."""
        targets = [each for each in self._state.all("target") if each.spec["proxyName"] == proxy]
        found = (self._state.get("instance", target.spec["dbInstanceIdentifier"]) for target in targets)
        return [each for each in found if each is not None]

    def _own(self, proxy: Resource) -> frozenset[str]:
        if proxy.spec.get("defaultAuthScheme") != "IAM_AUTH":
            return frozenset()
        statements = role_statements(self._state, role_name(proxy.spec.get("roleArn")))
        prefix = f"arn:aws:rds-db:{self._region}:{ACCOUNT}:dbuser:"
        users: frozenset[str] = frozenset()
        for instance in self.instances(proxy.identifier):
            users |= connectable(statements, f"{prefix}{instance.facts['resourceId']}/")
        return users

    def _passwords(self, auths: list[dict[str, Any]]) -> dict[str, str]:
        """User → password, as the secrets have them now; a secret without a value gives nobody."""
        users = {}
        for auth in auths:
            try:
                value = json.loads(self._secret(auth["secretArn"]) or "{}")
            except ValueError:
                continue
            if value.get("username") and value.get("password"):
                users[str(value["username"])] = str(value["password"])
        return users
