"""Looks at the running laptop stack for some seconds: pooler, database, functions' logs, supervisor."""

import socket
import time
from pathlib import Path
from typing import Any

from local.supervisor.certificates import Authority
from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from local.supervisor.pgbouncer import PgBouncer, PgBouncerSettings
from local.supervisor.postgres import Postgres, PostgresSettings
from ops.stack_outputs import StackError, stack_outputs
from toolchain.checkout import checkout_root, laptop_state

from .drift import Settings
from .evidence import Evidence, FunctionEvidence
from .function_log import LoggedInvocations, login_problem, read_log
from .laptop_sampler import LaptopSampler, ProxyDownError

_ADMIN_FUNCTION = "-admin"
_STACK = "local"
_REFUSES = "refuses connections"


class LaptopPatient:
    """The laptop stack of a checkout."""

    def __init__(self, client: SupervisorClient, state: Path, proxy: str | None = None) -> None:
        self._client = client
        self._state = state
        kinds: dict[str, list[dict[str, Any]]] = {}
        resources = client.resources()
        for each in resources:
            kinds.setdefault(each["kind"], []).append(each)
        if not kinds.get("proxy") or not kinds.get("instance"):
            raise LaptopError("the local stack has no proxy with a database; run `make up`")
        proxies = {each["identifier"]: each for each in kinds["proxy"]}
        self.name = name = next(iter(proxies)) if proxy is None else proxy
        if name not in proxies:
            raise LaptopError(f'the local stack has no proxy "{name}"; it has {", ".join(proxies)}')
        self._proxy = proxies.pop(name)
        self._others = {each["facts"]["endpoint"] for each in proxies.values()}
        groups = [each["spec"] for each in kinds.get("target-group", []) if each["identifier"] == name]
        self._group: dict[str, Any] = groups[0] if groups else {}
        targets = [each["spec"] for each in kinds.get("target", []) if each["spec"]["proxyName"] == name]
        behind = {each["dbInstanceIdentifier"] for each in targets}
        # A proxy without a target is looked at beside the database that it should have.
        self._instance = next(
            (each for each in kinds["instance"] if each["identifier"] in behind), kinds["instance"][0]
        )
        self._functions = [
            each
            for each in kinds.get("function", [])
            # Who names none of the proxies may have been meant for this one.
            if not each["identifier"].endswith(_ADMIN_FUNCTION) and each.get("databaseHost") not in self._others
        ]
        authority = Authority(state / "authority")
        facts = self._proxy["facts"]
        pooler = PgBouncer(
            state / "proxies" / self._proxy["identifier"],
            PgBouncerSettings(name=facts["endpoint"], address=facts["ip"], port=facts["port"], gated=self._gated),
            authority,
        )
        facts = self._instance["facts"]
        postgres = Postgres(
            state / "instances" / self._instance["identifier"],
            PostgresSettings(
                name=facts["address"],
                address=facts["ip"],
                port=facts["port"],
                database="postgres",
                username="",
                password="",
                max_connections=facts["maxConnections"],
            ),
            authority,
        )
        self._sampler = LaptopSampler(name, pooler, postgres)

    @classmethod
    def find(cls, root: Path | None = None, *, proxy: str | None = None) -> "LaptopPatient":
        """The laptop stack of a checkout, of this one by default, at one of its proxies, by default the first.

        Raises:
            LaptopError: it is not up, or has no such proxy.
        """
        root = root or checkout_root()
        client = SupervisorClient.running(root)
        if client is None:
            raise LaptopError("the local stack is not up; run `make up`")
        return cls(client, laptop_state(root), proxy)

    @classmethod
    def find_all(cls, root: Path | None = None, *, proxy: str | None = None) -> "list[LaptopPatient]":
        """The same at each of its proxies, or at the one that is named.

        Raises:
            LaptopError: it is not up, or has no such proxy.
        """
        first = cls.find(root, proxy=proxy)
        if proxy is not None:
            return [first]
        names = [each["identifier"] for each in first._client.resources() if each["kind"] == "proxy"]
        return [cls(first._client, first._state, name) for name in names]

    @property
    def is_configured(self) -> bool:
        """Whether the stack's configuration is that of this proxy: it knows one, whatever others a program adds."""
        if not self._others:
            return True
        try:
            return bool(stack_outputs(_STACK).get("proxyEndpoint") == self._proxy["facts"]["endpoint"])
        except StackError:
            return False

    def examine(self, seconds: float) -> Evidence:
        """Look for so long. Where the proxy does not serve, that and what the functions say of it is the evidence."""
        ends = {each["identifier"]: _size(self._log(each["identifier"])) for each in self._functions}
        began, throttles = time.monotonic(), _throttles(self._client.resources())
        try:
            return self._examine(seconds, throttles)
        except ProxyDownError:
            time.sleep(max(0.0, began + seconds - time.monotonic()))
            resources = self._client.resources()
            return Evidence(
                seconds=round(time.monotonic() - began, 1),
                proxy_status=_REFUSES,
                functions=self._functions_since(ends, throttles, resources)[0],
            )

    def _examine(self, seconds: float, throttles: dict[str, int]) -> Evidence:
        self._knock()
        ends = {each["identifier"]: _size(self._log(each["identifier"])) for each in self._functions}
        pooler_log = self._state / "proxies" / self._proxy["identifier"] / "pgbouncer.log"
        pooler_end = _size(pooler_log)
        look = self._sampler.look(seconds)
        resources = self._client.resources()
        functions, logged = self._functions_since(ends, throttles, resources)
        refused = _since(pooler_log, pooler_end)
        problems = [each.login_problem for each in logged if each.login_problem] + [login_problem(refused)]
        state, _, reason = self._target(resources).partition(": ")
        waiting = look.mean(lambda moment: moment.waiting)
        borrowed = look.mean(lambda moment: moment.borrowed)
        settings = self.settings()
        percent = settings.max_connections_percent or 100
        max_connections = int(self._instance["facts"]["maxConnections"])
        return Evidence(
            seconds=round(look.seconds, 1),
            borrow_timeout=settings.borrow_timeout,
            proxy_status="available",
            target_state=state,
            target_reason=reason or None,
            max_connections=max_connections,
            reserved_connections=look.reserved,
            database_sessions=look.peak(lambda moment: moment.sessions),
            allowed=max(1, max_connections * percent // 100),
            connections=look.peak(lambda moment: moment.connections),
            borrowed=borrowed,
            in_transaction=look.mean(lambda moment: moment.in_transaction),
            pinned=0,  # PgBouncer never pins
            clients=look.peak(lambda moment: moment.clients),
            clients_received=look.clients_received,
            waiting=look.peak(lambda moment: moment.waiting),
            borrow_latency=look.milliseconds(waiting),
            held=look.milliseconds(borrowed),
            answer=look.milliseconds(look.mean(lambda moment: moment.active)),
            idle_in_transaction_seconds=look.moments[-1].idle_in_transaction_seconds,
            failed_logins=max(
                sum(each.failed_logins for each in logged),
                sum(each.login_errors for each in logged),
                refused.count("password authentication failed"),
            ),
            login_problem=next((problem for problem in problems if problem), None),
            functions=functions,
        )

    def _functions_since(
        self, ends: dict[str, int], before: dict[str, int], resources: list[dict[str, Any]]
    ) -> tuple[tuple[FunctionEvidence, ...], list[LoggedInvocations]]:
        """What the logs say after these positions, and how many more than before were turned away."""
        throttles = _throttles(resources)
        logged = [read_log(_since(self._log(name), end)) for name, end in ends.items()]
        found = tuple(
            # A supervisor that was started meanwhile counts from zero.
            _function(each, said, max(0, throttles.get(name, 0) - before.get(name, 0)))
            for each, said in zip(self._functions, logged, strict=True)
            for name in [each["identifier"]]
        )
        return found, logged

    def _knock(self) -> None:
        """See whether clients get in at all: before the pooler of an IAM proxy stands a gate."""
        facts = self._proxy["facts"]
        try:
            socket.create_connection((facts["ip"], facts["port"]), timeout=3).close()
        except OSError:
            raise ProxyDownError(f"the proxy {self._proxy['identifier']} {_REFUSES}") from None

    def settings(self) -> Settings:
        """What runs: percent and timeouts as PgBouncer itself has them.

        Raises:
            LaptopError: it does not answer.
        """
        running = {str(row["key"]): str(row["value"]) for row in self._sampler.show("CONFIG")}
        ceiling, most = int(running["max_db_connections"]), int(self._instance["facts"]["maxConnections"])
        asked = self._group.get("maxConnectionsPercent")
        # Several percents round down to one number of connections: if it is the asked one's, that is what runs.
        percent = asked if asked and max(1, most * int(asked) // 100) == ceiling else -(-ceiling * 100 // most)
        spec = self._proxy["spec"]
        return Settings(
            max_connections_percent=int(percent),
            borrow_timeout=round(float(running["query_wait_timeout"])),
            idle_client_timeout=round(float(running["client_idle_timeout"])),
            require_tls=self._gated or running["client_tls_sslmode"] in ("require", "verify-ca", "verify-full"),
            auth="iam" if self._gated else "secret" if spec.get("auths") else None,
        )

    @property
    def _gated(self) -> bool:
        return any(auth.get("iamAuth") == "REQUIRED" for auth in self._proxy["spec"].get("auths") or [])

    def _target(self, resources: list[dict[str, Any]]) -> str:
        """As the supervisor tells it, which logs in to the database for the answer."""
        targets = [each for each in resources if each["kind"] == "target"]
        found = [each["status"] for each in targets if each["spec"]["proxyName"] == self._proxy["identifier"]]
        return str(found[0]) if found else "UNUSED"

    def _log(self, name: str) -> Path:
        return self._state / "functions" / name / "function.log"


def _throttles(resources: list[dict[str, Any]]) -> dict[str, int]:
    """Function → calls turned away since the supervisor started."""
    return {each["identifier"]: each.get("throttles", 0) for each in resources if each["kind"] == "function"}


def _function(resource: dict[str, Any], logged: LoggedInvocations, throttles: int) -> FunctionEvidence:
    return FunctionEvidence(
        name=resource["identifier"],
        timeout=float(resource["spec"].get("timeout") or 3),
        invocations=logged.invocations,
        errors=logged.errors,
        timeouts=logged.timeouts,
        throttles=throttles,
        connections=logged.connections,
    )


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _since(file: Path, position: int) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as stream:
        stream.seek(position)
        return stream.read().decode(errors="replace")
