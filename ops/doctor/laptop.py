"""Looks at the running laptop stack for some seconds: pooler, database, functions' logs, supervisor."""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

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

_SAMPLE_SECONDS = 0.1
_ADMIN_FUNCTION = "-admin"
_CONSOLE = "pgbouncer"
_STACK = "local"
_REFUSES = "refuses connections"
_ACTIVITY = """
SELECT count(*),
       count(*) FILTER (WHERE usename = ANY(%(users)s) AND state = 'active'),
       count(*) FILTER (WHERE usename = ANY(%(users)s) AND xact_start IS NOT NULL),
       coalesce(max(extract(epoch FROM clock_timestamp() - state_change))
                FILTER (WHERE usename = ANY(%(users)s) AND state LIKE 'idle in transaction%%'), 0)::float
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""
# PostgreSQL 16 added `reserved_connections`; RDS 15 has one of its own, and the laptop neither.
_RESERVED = """
SELECT sum(setting::int)::int FROM pg_settings WHERE name IN ('superuser_reserved_connections', 'reserved_connections')
"""


class _ProxyDownError(LaptopError):
    """The proxy's endpoint, or the pooler behind it, takes no connection."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One sample; of the database None while it does not let us in."""

    clients: int
    waiting: int
    connections: int
    borrowed: int
    sessions: int | None = None
    active: int | None = None
    in_transaction: int | None = None
    idle_in_transaction_seconds: float | None = None


@dataclass
class _Look:
    """All samples of a look, and what had happened before it."""

    moments: list[Moment] = field(default_factory=list)
    opened: set[tuple[object, ...]] = field(default_factory=set)

    def mean(self, read: Callable[[Moment], int | None]) -> float | None:
        values = [value for each in self.moments if (value := read(each)) is not None]
        return sum(values) / len(values) if values else None

    def peak(self, read: Callable[[Moment], int | None]) -> int | None:
        return max((value for each in self.moments if (value := read(each)) is not None), default=None)


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
        self._pooler = PgBouncer(
            state / "proxies" / self._proxy["identifier"],
            PgBouncerSettings(name=facts["endpoint"], address=facts["ip"], port=facts["port"], gated=self._gated),
            authority,
        )
        facts = self._instance["facts"]
        self._postgres = Postgres(
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
        except _ProxyDownError:
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
        known = {_client(row) for row in self._show("CLIENTS")}
        transactions, began = self._transactions(), time.monotonic()
        look, reserved = _Look(), 0
        with contextlib.ExitStack() as stack:
            watcher: psycopg.Connection[Any] | None = None
            while time.monotonic() - began < seconds or not look.moments:
                due = time.monotonic() + _SAMPLE_SECONDS
                watcher = watcher or self._watcher(stack)
                clients = self._show("CLIENTS")
                look.opened |= {_client(row) for row in clients} - known
                try:
                    reserved = reserved or _reserved(watcher)
                    look.moments.append(self._moment(len(clients), watcher))
                except psycopg.Error:
                    watcher = None
                    look.moments.append(self._moment(len(clients), None))
                time.sleep(max(0.0, due - time.monotonic()))
        took = time.monotonic() - began
        done = self._transactions() - transactions
        resources = self._client.resources()
        functions, logged = self._functions_since(ends, throttles, resources)
        refused = _since(pooler_log, pooler_end)
        problems = [each.login_problem for each in logged if each.login_problem] + [login_problem(refused)]
        state, _, reason = self._target(resources).partition(": ")
        # Little's law: a mean number of clients in some state, by how many pass through, is how long each is in it.
        each_ms = took * 1000 / max(1, done)
        waiting, borrowed, active = (
            look.mean(gauge) for gauge in (lambda m: m.waiting, lambda m: m.borrowed, lambda m: m.active)
        )
        settings = self.settings()
        percent = settings.max_connections_percent or 100
        max_connections = int(self._instance["facts"]["maxConnections"])
        return Evidence(
            seconds=round(took, 1),
            borrow_timeout=settings.borrow_timeout,
            proxy_status="available",
            target_state=state,
            target_reason=reason or None,
            max_connections=max_connections,
            reserved_connections=reserved,
            database_sessions=look.peak(lambda moment: moment.sessions),
            allowed=max(1, max_connections * percent // 100),
            connections=look.peak(lambda moment: moment.connections),
            borrowed=borrowed,
            in_transaction=look.mean(lambda moment: moment.in_transaction),
            pinned=0,  # PgBouncer never pins
            clients=look.peak(lambda moment: moment.clients),
            clients_received=max(len(look.opened), int(done > 0 and not known)),
            waiting=look.peak(lambda moment: moment.waiting),
            borrow_latency=None if waiting is None else waiting * each_ms,
            held=None if borrowed is None else borrowed * each_ms,
            answer=None if active is None else active * each_ms,
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
            raise _ProxyDownError(f"the proxy {self._proxy['identifier']} {_REFUSES}") from None

    def settings(self) -> Settings:
        """What runs: percent and timeouts as PgBouncer itself has them.

        Raises:
            LaptopError: it does not answer.
        """
        running = {str(row["key"]): str(row["value"]) for row in self._show("CONFIG")}
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

    def _moment(self, clients: int, watcher: "psycopg.Connection[Any] | None") -> Moment:
        pools = [row for row in self._show("POOLS") if row["database"] != _CONSOLE]

        def total(*names: str) -> int:
            return sum(int(str(row[name])) for row in pools for name in names)

        users = sorted({str(row["user"]) for row in pools})
        row = watcher.execute(_ACTIVITY, {"users": users}).fetchone() if watcher else None
        sessions, active, in_transaction, idle = row or (None, None, None, None)
        return Moment(
            clients=clients,
            waiting=total("cl_waiting"),
            connections=total("sv_active", "sv_idle", "sv_used", "sv_tested", "sv_login"),
            borrowed=total("sv_active"),
            sessions=sessions,
            active=active,
            in_transaction=in_transaction,
            idle_in_transaction_seconds=idle,
        )

    def _watcher(self, stack: contextlib.ExitStack) -> "psycopg.Connection[Any] | None":
        try:
            return stack.enter_context(self._postgres.superuser())
        except (psycopg.OperationalError, OSError):
            return None

    def _show(self, what: str) -> list[dict[str, object]]:
        try:
            rows = self._pooler.show(what)
        except (psycopg.OperationalError, OSError):
            name = self._proxy["identifier"]
            raise _ProxyDownError(f"the proxy {name} (PgBouncer) does not answer") from None
        return [row for row in rows if row.get("database") != _CONSOLE]

    def _transactions(self) -> int:
        return sum(int(str(row["total_xact_count"])) for row in self._show("STATS"))

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


def _client(row: dict[str, object]) -> tuple[object, ...]:
    return row["addr"], row["port"], row["connect_time"]


def _reserved(watcher: "psycopg.Connection[Any] | None") -> int:
    row = watcher.execute(_RESERVED).fetchone() if watcher else None
    return int(row[0]) if row else 0


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _since(file: Path, position: int) -> str:
    if not file.exists():
        return ""
    with file.open("rb") as stream:
        stream.seek(position)
        return stream.read().decode(errors="replace")
