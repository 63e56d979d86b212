"""The DB proxies: a pooler, and an IAM gate in front of it where logins need one."""

import secrets
import shutil

from ...iam.tokens import TokenAudience
from ..account import Account
from ..credentials import Credentials
from ..errors import LaptopError
from ..iam_gate_process import IamGateProcess
from ..pgbouncer import PgBouncer, PgBouncerSettings, Target
from ..proxy_logins import ProxyLogins
from ..state import Resource
from .instance import POSTGRES_PORT
from .kind import Kind


class Proxies(Kind):
    """The `poolers` and gates of all proxies, by name; there is none where it could not be started."""

    name = "proxy"
    runs = True

    def __init__(self, account: Account, logins: ProxyLogins, credentials: Credentials) -> None:
        self._account = account
        self._state = account.state
        self._logins = logins
        self._credentials = credentials
        self.poolers: dict[str, PgBouncer] = {}
        self._gates: dict[str, IamGateProcess] = {}

    def make(self, resource: Resource) -> None:
        """Start a proxy, again if it comes to need a gate or no longer does; fills in its facts.

        Raises:
            LaptopError: it is for another engine, or its pooler or gate does not start.
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
        settings = self._settings(resource)
        running = self.poolers.get(name)
        if running is None:
            self._start(resource, settings)
        elif running.settings.gated != settings.gated:
            self.drop(resource)
            try:
                self._start(resource, settings)
            except (LaptopError, OSError):
                self.drop(resource)
                self._start(resource, running.settings)  # a change that fails must not cost the proxy
                raise

    def drop(self, resource: Resource) -> None:
        """End a proxy and remove its files; it may be half made."""
        name, folder = resource.identifier, self._account.folder
        self._end(name)
        for files in (folder / "gates" / name, folder / "proxies" / name):
            shutil.rmtree(files, ignore_errors=True)

    def settle(self) -> None:
        """Bring every running pooler and gate to what pool, target, users, secrets and policies are now."""
        principals = self._credentials.principals(self._state)
        for resource in self._state.all(self.name):
            pooler, gate = self.poolers.get(resource.identifier), self._gates.get(resource.identifier)
            if pooler is not None:
                pooler.change(self._settings(resource))
                if gate is not None:
                    gate.change(pooler.settings, principals)

    def status(self, resource: Resource) -> str:
        """RDS's word for a proxy: failed when its pooler could not be started, else that of the pooler."""
        pooler = self.poolers.get(resource.identifier)
        return "failed" if pooler is None else pooler.server.status

    def stop(self) -> None:
        """End every gate and pooler; nothing is forgotten."""
        for gate in self._gates.values():
            gate.stop()
        for pooler in self.poolers.values():
            pooler.stop()

    def _start(self, resource: Resource, settings: PgBouncerSettings) -> None:
        name, folder, authority = resource.identifier, self._account.folder, self._account.authority
        pooler_folder = folder / "proxies" / name
        try:
            self.poolers[name] = PgBouncer(pooler_folder, settings, authority)
            self.poolers[name].start()
            if settings.gated:
                gate = IamGateProcess(folder / "gates" / name, pooler_folder, authority, self._audience(resource))
                self._gates[name] = gate
                gate.start(settings, self._credentials.principals(self._state))
        except BaseException:
            self._end(name)  # its logs stay, for they say why
            raise

    def _end(self, name: str) -> None:
        for running in (self._gates.pop(name, None), self.poolers.pop(name, None)):
            if running is not None:
                running.stop()

    def _settings(self, resource: Resource) -> PgBouncerSettings:
        name, spec, facts = resource.identifier, resource.spec, resource.facts
        group = self._state.get("target-group", name)
        pool = group.spec if group else {}
        borrow = pool.get("connectionBorrowTimeout")
        logins = self._logins.of(resource)
        iam = any(auth.get("iamAuth") == "REQUIRED" for auth in spec.get("auths") or [])
        return PgBouncerSettings(
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
            gated=iam or spec.get("defaultAuthScheme") == "IAM_AUTH",
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
