"""Looks at the running laptop stack for some seconds: pooler, database, functions' logs, supervisor."""

import contextlib
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from lambda_rds_proxy.engines.instance_classes import SESSIONS_PER_VCPU
from lambda_rds_proxy.proxy.ceiling import highest_percent
from lambda_rds_proxy.settings.spelling import CONFIG
from ops.budget import budget_of_output
from ops.doctor.drift import Settings, Surroundings, auth_of
from ops.doctor.evidence import Evidence, FunctionEvidence
from ops.doctor.logged import logged_failures
from ops.doctor.source import CannotLookError
from ops.pinning.counts import Pinning, ranked
from ops.stack_outputs import StackError, stack_outputs
from toolchain.checkout import LAPTOP_STACK, checkout_root, laptop_state

from ..supervisor.certificates import Authority
from ..supervisor.client import SupervisorClient
from ..supervisor.errors import LaptopError
from ..supervisor.pgbouncer import PgBouncer
from ..supervisor.postgres import Postgres
from ..supervisor.proxy import seen
from ..supervisor.proxy_settings import ProxySettings
from .function_events import events_since
from .function_log import read_log
from .sampler import LaptopSampler, ProxyDownError

_ADMIN_FUNCTION = "-admin"
_REFUSES = "refuses connections"
_Resources = list[dict[str, Any]]


def sources(
    stack: str = LAPTOP_STACK,
    *,
    proxy: str | None = None,
    seconds: float | None = None,
    past: float | None = None,
    root: Path | None = None,
) -> "Iterator[LaptopSource]":
    """A source for each proxy of a checkout's laptop stack, or for the one that is named."""
    root = root or checkout_root()
    with _supervisor_errors():
        client = SupervisorClient.running(root)
        if client is None:
            raise CannotLookError(f"the {stack} stack is not up; run `make up`")
        resources = client.resources()
    names = [each["identifier"] for each in resources if each["kind"] == "proxy"]
    if not names or all(each["kind"] != "instance" for each in resources):
        raise CannotLookError(f"the {stack} stack has no proxy with a database; run `make up`")
    if proxy is not None and proxy not in names:
        raise CannotLookError(f'the {stack} stack has no proxy "{proxy}"; it has {", ".join(names)}')
    for name in names if proxy is None else [proxy]:
        yield LaptopSource(client, laptop_state(root), resources, name, seconds or 1.0, past or 0.0)


@contextlib.contextmanager
def _supervisor_errors() -> Iterator[None]:
    try:
        yield
    except LaptopError as error:
        raise CannotLookError(str(error)) from None


class LaptopSource:
    """One proxy of the laptop stack, looked at for so many seconds, with its functions' logs from before."""

    pause = 0.0

    def __init__(
        self,
        client: SupervisorClient,
        state: Path,
        resources: _Resources,
        name: str,
        seconds: float,
        past: float = 0.0,
    ) -> None:
        self.name, self._past = name, past
        self._client, self._state, self._seconds = client, state, seconds
        self._proxy = next(each for each in _of_kind(resources, "proxy") if each["identifier"] == name)
        self._spec, self._facts = self._proxy["spec"], self._proxy["facts"]
        self._others = {each["facts"]["endpoint"] for each in _of_kind(resources, "proxy") if each is not self._proxy}
        groups = [each["spec"] for each in _of_kind(resources, "target-group") if each["identifier"] == name]
        self._asked_percent = groups[0].get("maxConnectionsPercent") if groups else None
        targets = {each["spec"]["dbInstanceIdentifier"] for each in self._targets(resources)}
        instances = _of_kind(resources, "instance")
        # A proxy without a target is looked at beside the database that it should have.
        instance = next((each for each in instances if each["identifier"] in targets), instances[0])
        self._max_connections = int(instance["facts"]["maxConnections"])
        self._functions = [
            each
            for each in _of_kind(resources, "function")
            # Who names none of the proxies may have been meant for this one.
            if not each["identifier"].endswith(_ADMIN_FUNCTION) and each.get("databaseHost") not in self._others
        ]
        self._auth = auth_of(
            default_scheme=self._spec.get("defaultAuthScheme"),
            iam_auths=[str(each.get("iamAuth")) for each in self._spec.get("auths") or []],
        )
        own = self._facts
        pooler = ProxySettings(name=own["endpoint"], address=own["ip"], port=own["port"])
        self._sampler = LaptopSampler(
            name,
            partial(seen, state, name),
            PgBouncer(self._folder, pooler, Authority(state / "authority")),
            Postgres.running(state, instance["identifier"], instance["facts"]),
        )

    @property
    def is_configured(self) -> bool:
        """Whether the stack's configuration is that of this proxy."""
        if not self._others:
            return True
        try:
            return bool(stack_outputs(LAPTOP_STACK).get("proxyEndpoint") == self._facts["endpoint"])
        except StackError:
            return False

    @_supervisor_errors()
    def look(self) -> Evidence:
        """What is seen from now on. Of a proxy that does not serve, that and what functions say of it is evidence."""
        files = [self._state / "functions" / each["identifier"] / "function.log" for each in self._functions]
        since = time.time()
        logs_since = since - self._past
        began, throttles = time.monotonic(), _throttles(self._client.resources())
        try:
            samples, settings = self._sampler.take(self._seconds), self.settings()
        except ProxyDownError:
            time.sleep(max(0.0, began + self._seconds - time.monotonic()))
            samples = None
        resources = self._client.resources()
        events = [events_since(file, logs_since) for file in files]
        logged = [read_log(event for event in each if event.at >= since) for each in events]
        functions = tuple(
            FunctionEvidence(
                name=name,
                timeout=float(each["spec"].get("timeout") or 3),
                invocations=said.invocations,
                errors=said.errors,
                timeouts=said.timeouts,
                # A supervisor that was started meanwhile counts from zero.
                throttles=max(0, _throttles(resources).get(name, 0) - throttles.get(name, 0)),
                connections=said.connections,
                failures=logged_failures(seen, start=logs_since, end=time.time()),
            )
            for each, seen, said in zip(self._functions, events, logged, strict=True)
            for name in [each["identifier"]]
        )
        log_seconds = round(time.time() - logs_since, 1)
        if samples is None:
            return Evidence(
                seconds=round(time.monotonic() - began, 1),
                log_seconds=log_seconds,
                proxy_status=_REFUSES,
                functions=functions,
            )
        # As the supervisor tells it, which logs in to the database for the answer.
        state, _, reason = next((each["status"] for each in self._targets(resources)), "UNUSED").partition(": ")
        bearable = (os.cpu_count() or 1) * SESSIONS_PER_VCPU  # of this machine, which is no instance class
        return Evidence(
            seconds=round(samples.seconds, 1),
            log_seconds=log_seconds,
            borrow_timeout=settings.borrow_timeout,
            proxy_status="available",
            target_state=state,
            target_reason=reason or None,
            max_connections=self._max_connections,
            reserved_connections=samples.peak(lambda each: each.reserved) or 0,
            database_sessions=samples.peak(lambda each: each.sessions),
            cpu=samples.cpu,
            bearable_sessions=bearable,
            bearable_percent=highest_percent(self._max_connections, bearable),
            allowed=max(1, self._max_connections * (settings.max_connections_percent or 100) // 100),
            connections=samples.peak(lambda each: each.gate.connections),
            borrowed=samples.mean(lambda each: each.gate.borrowed),
            in_transaction=samples.mean(lambda each: each.in_transaction),
            pinned=samples.mean(lambda each: each.gate.pinned),
            held_by_statements=samples.mean(lambda each: each.gate.held),
            pins=tuple(ranked(samples.pins)),
            clients=samples.peak(lambda each: each.gate.clients),
            clients_received=round(samples.counted(lambda gate: gate.accepted + gate.refused)),
            waiting=samples.peak(lambda each: each.gate.waiting),
            borrow_latency=samples.each_borrow(
                lambda gate: gate.borrow_seconds, lambda gate: gate.waiting, lambda gate: gate.borrows + gate.timeouts
            ),
            borrow_timeouts=round(samples.counted(lambda gate: gate.timeouts)),
            held=samples.each_borrow(lambda gate: gate.lent_seconds, lambda gate: gate.borrowed),
            answer=samples.answer,
            idle_in_transaction_seconds=samples.taken[-1].idle_in_transaction_seconds,
            failed_logins=round(samples.counted(lambda gate: gate.refused)),
            login_problem=next(filter(None, (each.login_problem for each in logged)), None),
            functions=functions,
        )

    def pins(self, since: float) -> Pinning:  # noqa: ARG002 - the gate counts from its own start
        """What is pinned, and the sessions that were since the gate was started."""
        gate = self._sampler.look()
        return Pinning(pinned=gate.pinned, held=gate.held, pins=gate.pins)

    def settings(self) -> Settings:
        """What runs: the percent as PgBouncer itself has it, the rest as the gate does."""
        gate = self._sampler.look()
        running = {str(row["key"]): str(row["value"]) for row in self._sampler.show("CONFIG")}
        ceiling, percent = int(running["max_db_connections"]), int(self._asked_percent or 0)
        # Several percents round down to one number of connections: if it is the asked one's, that is what runs.
        if not percent or max(1, self._max_connections * percent // 100) != ceiling:
            percent = -(-ceiling * 100 // self._max_connections)
        return Settings(
            max_connections_percent=percent,
            borrow_timeout=round(gate.borrow_timeout),
            idle_client_timeout=round(gate.idle_client_timeout),
            require_tls=gate.require_tls,
            auth=self._auth,
        )

    def surroundings(self) -> Surroundings:
        """Nothing stands around a proxy of the laptop."""
        return Surroundings()

    def budget(self) -> tuple[str, ...]:
        """What the laptop stack's connection budget warns of."""
        try:
            output = stack_outputs(LAPTOP_STACK).get("connectionBudget") if self.is_configured else None
            return tuple(budget_of_output(output).warnings(CONFIG))
        except (StackError, ValueError):
            return ()

    @property
    def _folder(self) -> Path:
        return self._state / "proxies" / self.name

    def _targets(self, resources: _Resources) -> _Resources:
        return [each for each in _of_kind(resources, "target") if each["spec"]["proxyName"] == self.name]


def _of_kind(resources: _Resources, kind: str) -> _Resources:
    return [each for each in resources if each["kind"] == kind]


def _throttles(resources: _Resources) -> dict[str, int]:
    """Function → calls turned away since the supervisor started."""
    return {each["identifier"]: each.get("throttles", 0) for each in _of_kind(resources, "function")}
