"""The DB proxies: a pooler, an IAM gate before it where logins need one, its target group and its target."""

import secrets
from typing import Any

import psycopg

from .account import Account
from .credentials import Credentials
from .errors import LaptopError
from .iam_proxy import IamGate
from .instances import POSTGRES_PORT, Instances
from .pgbouncer import PgBouncer, PgBouncerSettings, Target
from .proxy_logins import ProxyLogins
from .state import Resource


class Proxies:
    """The poolers and gates of all proxies, by name."""

    def __init__(
        self, account: Account, instances: Instances, *, logins: ProxyLogins, credentials: Credentials
    ) -> None:
        self._account = account
        self._state = account.state
        self._instances = instances
        self._logins = logins
        self._credentials = credentials
        self._poolers: dict[str, PgBouncer] = {}
        self._gates: dict[str, IamGate] = {}

    def make(self, resource: Resource) -> None:
        """Start a proxy, or bring the running one to its settings; fills in its facts.

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
        running = self._poolers.get(name)
        if running is None:
            self._start(resource, settings)
        elif running.settings.gated != settings.gated:
            self.drop(name)
            try:
                self._start(resource, settings)
            except (LaptopError, OSError):
                self._start(resource, running.settings)  # a change that fails must not cost the proxy
                raise

    def make_target_group(self, resource: Resource) -> None:
        """Fill in the facts of a proxy's one target group, whose spec is its connection pool configuration.

        Raises:
            LaptopError: there is no such proxy.
        """
        self._require("proxy", resource.identifier)
        resource.facts.setdefault("arn", self._account.arn("rds", f"target-group:prx-tg-{secrets.token_hex(8)}"))
        resource.facts["name"] = "default"

    def make_target(self, resource: Resource) -> None:
        """Fill in the facts of a target.

        Raises:
            LaptopError: there is no such proxy or instance, or the proxy has another target.
        """
        proxy, instance = resource.spec["proxyName"], resource.spec["dbInstanceIdentifier"]
        self._require("proxy", proxy)
        self._require("instance", instance)
        for other in self._state.all("target"):
            if other.spec["proxyName"] == proxy and other.identifier != resource.identifier:
                raise LaptopError(
                    f"DBProxyTargetAlreadyRegistered: {proxy} has the target {other.spec['dbInstanceIdentifier']}"
                )
        resource.facts.update(
            **self._address(instance),
            rdsResourceId=instance,
            targetArn=self._account.arn("rds", f"db:{instance}"),
            type="RDS_INSTANCE",
        )

    def settle(self) -> None:
        """Bring every running pooler and gate to what specifications, secrets and policies say now."""
        for target in self._state.all("target"):
            target.facts.update(self._address(target.spec["dbInstanceIdentifier"]))
        principals = self._credentials.principals(self._state)
        for resource in self._state.all("proxy"):
            pooler, gate = self._poolers.get(resource.identifier), self._gates.get(resource.identifier)
            if pooler is not None:
                pooler.change(self._settings(resource))
                if gate is not None:
                    gate.change(pooler.settings, self._door(resource), principals)

    def drop(self, name: str) -> None:
        """End a proxy and remove its files; it may be half made."""
        if name in self._gates:
            self._gates.pop(name).delete()
        if name in self._poolers:
            self._poolers.pop(name).delete()

    def status(self, name: str) -> str:
        """RDS's word for a proxy: failed when its pooler could not be started, else that of the pooler."""
        pooler = self._poolers.get(name)
        return "failed" if pooler is None else pooler.server.status

    def target_status(self, target: Resource) -> str:
        """AWS's words: AVAILABLE, or UNAVAILABLE with a reason, told by logging in as each user of the proxy."""
        pooler = self._poolers.get(target.spec["proxyName"])
        instance = self._instances.get(target.spec["dbInstanceIdentifier"])
        if pooler is None or instance is None or pooler.server.pid is None or instance.server.pid is None:
            return "UNAVAILABLE: CONNECTION_FAILED"
        for user, password in pooler.settings.users.items():
            if not password:
                continue  # logs in with the proxy's certificate, which is the pooler's alone
            try:
                psycopg.connect(
                    host=instance.settings.address,
                    port=instance.settings.port,
                    dbname=instance.settings.database,
                    user=user,
                    password=password,
                    sslmode="require",
                    connect_timeout=3,
                ).close()
            except psycopg.OperationalError as error:
                return "UNAVAILABLE: " + ("AUTH_FAILURE" if "authentication" in str(error) else "CONNECTION_FAILED")
        return "AVAILABLE"

    def stop(self) -> None:
        """End every gate and pooler; nothing is forgotten."""
        for gate in self._gates.values():
            gate.stop()
        for pooler in self._poolers.values():
            pooler.stop()

    def _start(self, resource: Resource, settings: PgBouncerSettings) -> None:
        name, folder, authority = resource.identifier, self._account.folder, self._account.authority
        try:
            self._poolers[name] = PgBouncer(folder / "proxies" / name, settings, authority)
            self._poolers[name].start()
            if settings.gated:
                self._gates[name] = IamGate(folder / "gates" / name, folder / "proxies" / name, authority)
                self._gates[name].start(settings, self._door(resource), self._credentials.principals(self._state))
        except BaseException:
            self.drop(name)
            raise

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
            users={**dict.fromkeys(logins.own, ""), **logins.passwords},
            gated=iam or spec.get("defaultAuthScheme") == "IAM_AUTH",
            token_users=logins.token_users,
            role=logins.role if logins.own else None,
        )

    def _target(self, proxy: str) -> Target | None:
        for instance in self._logins.instances(proxy):
            facts = instance.facts
            return Target(address=facts["ip"], port=facts["port"], max_connections=facts["maxConnections"])
        return None

    def _address(self, instance: str) -> dict[str, Any]:
        """The facts of a target that are its instance's; none when that is gone."""
        found = self._state.get("instance", instance)
        return {} if found is None else {"endpoint": found.facts["address"], "port": found.facts["port"]}

    def _door(self, resource: Resource) -> dict[str, Any]:
        """What an IAM token must be signed for, and the ARN that a grant must name."""
        facts = resource.facts
        proxy_id = facts["arn"].rsplit(":", 1)[1]
        return {
            "host": facts["endpoint"],
            "port": facts["port"],
            "region": self._account.region,
            "arn_prefix": self._account.arn("rds-db", f"dbuser:{proxy_id}/"),
        }

    def _require(self, kind: str, identifier: str) -> Resource:
        found = self._state.get(kind, identifier)
        if found is None:
            raise LaptopError(f"{'DBProxy' if kind == 'proxy' else 'DBInstance'} {identifier} not found")
        return found
