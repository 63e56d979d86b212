"""The DB proxies."""

import secrets
import shutil

from ...iam.tokens import TokenAudience
from ..account import Account
from ..credentials import Credentials
from ..errors import LaptopError
from ..proxy import GATES, POOLERS, Proxy
from ..proxy_logins import ProxyLogins
from ..proxy_settings import ProxySettings, Target
from ..state import Resource
from .instance import POSTGRES_PORT
from .kind import Kind


class Proxies(Kind):
    """All proxies, `running` by name; there is none where it could not be started."""

    name = "proxy"
    runs = True

    def __init__(self, account: Account, logins: ProxyLogins, credentials: Credentials) -> None:
        self._account = account
        self._state = account.state
        self._logins = logins
        self._credentials = credentials
        self.running: dict[str, Proxy] = {}

    def make(self, resource: Resource) -> None:
        """Start a proxy; fills in its facts.

        Raises:
            LaptopError: it is for another engine, or does not start.
        """
        name, facts, account = resource.identifier, resource.facts, self._account
        if resource.spec.get("engineFamily") != "POSTGRESQL":
            raise LaptopError(
                f"the laptop has a pooler for PostgreSQL only, and {name} is for {resource.spec.get('engineFamily')}: "
                "Debian packages none for MySQL. Preview works; for up use engine postgresql or AWS"
            )
        facts.setdefault("arn", account.arn("rds", f"db-proxy:prx-{secrets.token_hex(9)[:17]}"))
        facts["endpoint"] = f"{name}.proxy-{account.account_hash}.{account.region}.rds.amazonaws.com"
        facts["ip"] = account.ip("proxy", name)
        facts["port"] = POSTGRES_PORT
        if name not in self.running:
            proxy = Proxy(account.folder, name, self._settings(resource), account.authority, self._audience(resource))
            proxy.start(self._credentials.principals(self._state))
            self.running[name] = proxy

    def drop(self, resource: Resource) -> None:
        """End a proxy and remove its files; it may be half made."""
        running = self.running.pop(resource.identifier, None)
        if running is not None:
            running.stop()
        for folder in (GATES, POOLERS):
            shutil.rmtree(self._account.folder / folder / resource.identifier, ignore_errors=True)

    def settle(self) -> None:
        """Bring every running proxy to what pool, target, users, secrets and policies are now."""
        principals = self._credentials.principals(self._state)
        for resource in self._state.all(self.name):
            running = self.running.get(resource.identifier)
            if running is not None:
                running.change(self._settings(resource), principals)

    def status(self, resource: Resource) -> str:
        """RDS's word for a proxy: failed when it could not be started, else its own."""
        running = self.running.get(resource.identifier)
        return "failed" if running is None else running.status

    def stop(self) -> None:
        """End every proxy; nothing is forgotten."""
        for running in self.running.values():
            running.stop()

    def _settings(self, resource: Resource) -> ProxySettings:
        name, spec, facts = resource.identifier, resource.spec, resource.facts
        group = self._state.get("target-group", name)
        pool = group.spec if group else {}
        borrow = pool.get("connectionBorrowTimeout")
        logins = self._logins.of(resource)
        return ProxySettings(
            name=facts["endpoint"],
            address=facts["ip"],
            port=facts["port"],
            require_tls=bool(spec.get("requireTls")),
            idle_client_timeout=int(spec.get("idleClientTimeout") or 1800),
            max_connections_percent=int(pool.get("maxConnectionsPercent") or 100),
            connection_borrow_timeout=120 if borrow is None else int(borrow),
            init_query=pool.get("initQuery"),
            target=self._target(name),
            users={**dict.fromkeys(sorted(logins.own), ""), **logins.passwords},
            token_users=logins.token_users,
            role=logins.role if logins.own else None,
        )

    def _target(self, proxy: str) -> Target | None:
        for instance in self._logins.instances(proxy):
            facts = instance.facts
            return Target(address=facts["ip"], port=facts["port"], max_connections=facts["maxConnections"])
        return None

    def _audience(self, resource: Resource) -> TokenAudience:
        facts, account = resource.facts, self._account
        proxy_id = facts["arn"].rsplit(":", 1)[1]
        return TokenAudience(
            host=facts["endpoint"],
            port=facts["port"],
            region=account.region,
            arn_prefix=account.arn("rds-db", f"dbuser:{proxy_id}/"),
        )
