"""Each row of the decision table, caused for real: servers, pooler, gate, Lambda's runtime; then all is well again."""

import contextlib
import importlib.util
import json
import os
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from local.tools.source import sources
from ops.doctor.drift import Settings, drift
from ops.doctor.evidence import Evidence
from ops.doctor.source import CannotLookError
from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from tests.local.supervisor.conftest import INSTANCE, checkout, client_of, invoke, log_in, until
from tests.processes import kill
from toolchain.checkout import laptop_state, subnet

pytestmark = pytest.mark.servers

_PASSWORD = "of-the-secret"
_LOOK_SECONDS = 2.5
_ROOM = Path(__file__).resolve().parents[3] / "handler"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A laptop cloud with a database of 30 connections, of which a proxy may have half."""
    with checkout(tmp_path_factory.mktemp("doctor")) as folder:
        _package(folder / "functions.zip")
        supervisor = SupervisorClient.ensure(folder)
        supervisor.put("parameter-group", "few", {"parameters": {"max_connections": "30"}})
        instance = supervisor.put("instance", "orders", {**INSTANCE, "parameterGroupName": "few"})
        with log_in(folder, instance) as connection:
            connection.execute(f"CREATE ROLE app LOGIN PASSWORD '{_PASSWORD}'")
        value = json.dumps({"username": "app", "password": _PASSWORD})
        secret = client_of(folder, "secretsmanager").create_secret(Name="app", SecretString=value)["ARN"]
        (folder / "secret.arn").write_text(secret)
        let_in(folder, iam="DISABLED")
        supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})
        yield folder


def let_in(root: Path, *, iam: str) -> None:
    auth = {"authScheme": "SECRETS", "iamAuth": iam, "secretArn": (root / "secret.arn").read_text()}
    spec = {"engineFamily": "POSTGRESQL", "requireTls": True, "auths": [auth]}
    SupervisorClient.ensure(root).put("proxy", "orders", spec)


def pool(root: Path, *, percent: int = 50, borrow: int = 5) -> None:
    spec = {"proxyName": "orders", "maxConnectionsPercent": percent, "connectionBorrowTimeout": borrow}
    SupervisorClient.ensure(root).put("target-group", "orders", spec)


def _package(archive: Path) -> None:
    """The functions, the handler's package and psycopg, as a zip that Lambda's runtime loads."""
    with zipfile.ZipFile(archive, "w") as package:
        package.write(Path(__file__).with_name("faulty_functions.py"), "app.py")
        for file in sorted((_ROOM / "rds_connection").rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                package.write(file, file.relative_to(_ROOM))
        found = importlib.util.find_spec("psycopg")
        assert found is not None and found.origin is not None
        site = Path(found.origin).parents[1]
        for name in ("psycopg", "psycopg_binary", "psycopg_binary.libs", "typing_extensions.py"):
            files = [site / name] if name.endswith(".py") else sorted((site / name).rglob("*"))
            for file in files:
                if file.is_file() and "__pycache__" not in file.parts:
                    package.write(file, file.relative_to(site))


class Load:
    """Invocations that go on all the time, by so many callers."""

    def __init__(self, root: Path, handler: str, callers: int, seconds: float, **spec: Any) -> None:
        self._root, self._callers, self._event = root, callers, {"seconds": seconds}
        self._handler, self._spec = handler, spec
        self._over = threading.Event()
        self._answered = 0

    def __enter__(self) -> "Load":
        supervisor = SupervisorClient.ensure(self._root)
        host = next(each["facts"]["endpoint"] for each in supervisor.resources() if each["kind"] == "proxy")
        variables = {"DB_HOST": host, "DB_NAME": "app_db", "DB_USER": "app", "DB_AUTH": "password"}
        environment = {**variables, "DB_PASSWORD": _PASSWORD, **self._spec.pop("environment", {})}
        spec = {"code": str(self._root / "functions.zip"), "handler": f"app.{self._handler}", "timeout": 10}
        supervisor.put("function", "orders", {**spec, **self._spec, "environment": environment})
        self._threads = [threading.Thread(target=self._call, daemon=True) for _ in range(self._callers)]
        for thread in self._threads:
            thread.start()
        # Cold starts are over: what is looked at is what the function does all day.
        until(lambda: self._answered >= self._callers)
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        SupervisorClient.ensure(self._root).delete("function", "orders")

    def end(self) -> None:
        """No more invocations; the environments stay, frozen."""
        self._over.set()
        for thread in self._threads:
            thread.join(30)

    def _call(self) -> None:
        client = client_of(self._root, "lambda")
        while not self._over.is_set():
            try:
                invoke(client, "orders", self._event)
            except client.exceptions.TooManyRequestsException:
                time.sleep(0.02)  # as a caller does that tries again
            self._answered += 1


def look(root: Path, seconds: float = _LOOK_SECONDS) -> Evidence:
    return next(sources(root=root, seconds=seconds)).look()


def told(root: Path, seconds: float = _LOOK_SECONDS) -> tuple[Cause, str]:
    """The verdict's cause; its numbers for the message of a test that fails."""
    seen = look(root, seconds)
    verdict = diagnose(seen)
    return verdict.cause, f"{verdict.numbers}\n{seen}"


def test_a_stack_that_nobody_uses_is_idle(root: Path) -> None:
    pool(root)
    cause, why = told(root, 0.5)
    assert cause is Cause.IDLE, why


def test_a_proxy_whose_target_is_gone(root: Path) -> None:
    pool(root)
    supervisor = SupervisorClient.ensure(root)
    supervisor.delete("target", "orders/orders")
    try:
        cause, why = told(root, 0.5)
    finally:
        supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})
    assert cause is Cause.NO_TARGET, why


def test_settings_are_those_that_run_and_not_those_that_were_asked_for(root: Path) -> None:
    pool(root, percent=7)
    asked = next(sources(root=root)).settings()
    assert asked == Settings(
        max_connections_percent=7, borrow_timeout=5, idle_client_timeout=1800, require_tls=True, auth="secret"
    )
    file = laptop_state(root) / "proxies" / "orders" / "pgbouncer.ini"
    file.write_text(file.read_text().replace("max_db_connections = 2", "max_db_connections = 9"))
    for process in _processes(file):
        process.send_signal(signal.SIGHUP)
    try:
        until(lambda: next(sources(root=root)).settings().max_connections_percent == 30)
        (found,) = drift(asked, next(sources(root=root)).settings())
    finally:
        pool(root)  # another percent: the supervisor writes the file anew
    assert found.startswith("maxConnectionsPercent is 30 % at the proxy and 7 %")


def test_a_storm_that_the_proxy_bears_is_healthy(root: Path) -> None:
    pool(root, percent=7)
    with Load(root, "query", 6, 0.0):
        seen = look(root)
    verdict = diagnose(seen)
    assert verdict.cause is Cause.HEALTHY, f"{verdict}\n{seen}"
    assert seen.invocations > 50
    assert (seen.allowed, seen.clients) == (2, 6)
    assert any("6 clients share them" in number for number in verdict.numbers)


def test_a_pool_that_is_too_small(root: Path) -> None:
    pool(root, percent=4)
    with Load(root, "query", 8, 0.08):
        cause, why = told(root)
    assert cause is Cause.POOL_TOO_SMALL, why


def test_sessions_that_are_pinned_are_told_with_statement_user_and_function(root: Path) -> None:
    pool(root, percent=7)
    with Load(root, "pin", 6, 0.0):
        seen = look(root)
        told = next(sources(root=root)).pins(0)
    verdict = diagnose(seen)
    assert verdict.cause is Cause.PINNED, f"{verdict}\n{seen}"
    assert (seen.pinned or 0) > 1 and seen.connections == 2
    assert any("“set statement_timeout = $1” (user app" in each for each in verdict.numbers), verdict
    assert any("function orders" in each for each in verdict.numbers), verdict
    assert verdict.next_step.startswith("“set statement_timeout = $1”: set it for the user")
    assert told.pinned == 2 and {key.rule for key in told.pins} == {"set"}


def test_statements_that_stay_prepared_hold_connections_and_pin_none(root: Path) -> None:
    pool(root, percent=7)
    with Load(root, "prepare", 6, 0.0):
        seen = look(root)
    verdict = diagnose(seen)
    assert verdict.cause is Cause.HELD_BY_STATEMENTS, f"{verdict}\n{seen}"
    assert seen.pinned == 0 and (seen.held_by_statements or 0) > 1


def test_transactions_that_are_too_long(root: Path) -> None:
    pool(root, percent=7)
    with Load(root, "think", 5, 0.4):
        cause, why = told(root)
    assert cause is Cause.TRANSACTIONS_TOO_LONG, why


def test_transactions_that_are_never_ended(root: Path) -> None:
    pool(root)
    with Load(root, "forget", 3, 0.0, timeout=2) as load:
        load.end()
        time.sleep(1)
        cause, why = told(root)
    assert cause is Cause.IDLE_IN_TRANSACTION, why


def test_statements_that_are_slow(root: Path) -> None:
    pool(root)
    with Load(root, "query", 3, 5.0, timeout=2):
        cause, why = told(root, 4)
    assert cause is Cause.SLOW_QUERIES, why


def test_a_function_that_is_ended_before_the_borrow_timeout(root: Path) -> None:
    pool(root, percent=4, borrow=60)
    with Load(root, "query", 5, 0.8, timeout=2):
        cause, why = told(root, 4)
    assert cause is Cause.TIMEOUT_BELOW_BORROW, why


def test_each_of_two_proxies_has_its_own_verdict(root: Path) -> None:
    pool(root, percent=4)
    supervisor = SupervisorClient.ensure(root)
    auth = {"authScheme": "SECRETS", "iamAuth": "DISABLED", "secretArn": (root / "secret.arn").read_text()}
    supervisor.put("proxy", "reports", {"engineFamily": "POSTGRESQL", "requireTls": True, "auths": [auth]})
    supervisor.put("target", "reports/orders", {"proxyName": "reports", "dbInstanceIdentifier": "orders"})
    try:
        with Load(root, "query", 8, 0.08):
            each_proxy = sources(root=root, seconds=_LOOK_SECONDS)
            found = {each.name: diagnose(each.look()) for each in each_proxy}
        (named,) = sources(root=root, proxy="reports")
        with pytest.raises(CannotLookError, match='has no proxy "other"; it has orders, reports'):
            next(sources(root=root, proxy="other"))
    finally:
        supervisor.delete("proxy", "reports")
    causes = {name: verdict.cause for name, verdict in found.items()}
    # The function names the endpoint of `orders`: its waiting is not the business of `reports`.
    assert causes == {"orders": Cause.POOL_TOO_SMALL, "reports": Cause.IDLE}, found
    assert named.name == "reports"


def test_callers_whom_lambda_turns_away(root: Path) -> None:
    pool(root)
    with Load(root, "query", 4, 0.2, reservedConcurrentExecutions=1):
        seen = look(root)
    verdict = diagnose(seen)
    assert verdict.cause is Cause.THROTTLED, f"{verdict}\n{seen}"
    assert seen.throttles > seen.invocations


def test_a_pooler_that_is_dead_and_lives_again(root: Path) -> None:
    pool(root)
    file = laptop_state(root) / "proxies" / "orders" / "pgbouncer.ini"
    kept = file.read_text()
    file.write_text("no configuration\n")
    try:
        kill(*_processes(file))
        cause, why = told(root, 0.5)
        assert cause is Cause.PROXY_DOWN, why
    finally:
        file.write_text(kept)
    until(lambda: told(root, 0.2)[0] is Cause.IDLE)


def test_a_role_that_may_not_connect(root: Path) -> None:
    pool(root)
    let_in(root, iam="REQUIRED")
    try:
        with Load(root, "query", 2, 0.0, environment={"DB_AUTH": "iam", "DB_PASSWORD": ""}):
            cause, why = told(root, 4)
    finally:
        let_in(root, iam="DISABLED")
    assert cause is Cause.LOGIN_REFUSED, why


def test_a_proxy_without_any_secret_is_seen_behind_its_gate(root: Path) -> None:
    pool(root)
    spec = {"engineFamily": "POSTGRESQL", "requireTls": True, "defaultAuthScheme": "IAM_AUTH"}
    supervisor = SupervisorClient.ensure(root)
    supervisor.put("proxy", "orders", {**spec, "roleArn": "arn:aws:iam::000000000000:role/orders-proxy"})
    try:
        cause, why = told(root, 0.5)
        settings = next(sources(root=root)).settings()
    finally:
        let_in(root, iam="DISABLED")
    assert cause is Cause.IDLE, why
    assert (settings.auth, settings.require_tls) == ("iam-end-to-end", True)


def test_a_function_that_fails_by_its_own_fault_is_quoted(root: Path) -> None:
    pool(root)
    with Load(root, "raise_at_once", 1, 0.0):
        cause, why = told(root)
    assert cause is Cause.FUNCTION_FAILS, why
    assert "“ValueError: no order with password=*** in two lines” at app.py:" in why
    assert "since the beginning of the look" in why and _PASSWORD not in why


def test_a_function_that_runs_out_of_time_in_its_own_code_is_told_from_a_slow_database(root: Path) -> None:
    pool(root)
    with Load(root, "wait", 2, 0.0, timeout=1):
        seen = look(root, 4)
    verdict = diagnose(seen)
    assert verdict.cause is Cause.FUNCTION_FAILS, f"{verdict}\n{seen}"
    assert verdict.title == "Functions run out of time in their own code, not in the database."


def test_a_burst_of_failures_just_before_is_seen_by_who_looks_back(root: Path) -> None:
    pool(root)
    with Load(root, "compute", 2, 0.0) as load:
        load.end()
        (source,) = sources(root=root, seconds=0.5, past=60)
        cause, why = told(root, 0.5)
        seen = source.look()
    assert cause is Cause.HEALTHY or cause is Cause.IDLE, why
    verdict = diagnose(seen)
    assert verdict.cause is Cause.FUNCTION_FAILS, f"{verdict}\n{seen}"
    assert (seen.errors, seen.log_seconds is not None and seen.log_seconds > 60) == (0, True)
    assert "not the database's business" in verdict.numbers[0]


def test_a_wrong_password(root: Path) -> None:
    pool(root)
    with Load(root, "query", 2, 0.0, environment={"DB_PASSWORD": "not-this-one"}):
        cause, why = told(root, 4)
    assert cause is Cause.WRONG_PASSWORD, why
    assert "not-this-one" not in why


def test_a_function_that_never_reaches_the_proxy(root: Path) -> None:
    pool(root)
    # The handler goes on connecting for as long as there is time, so that an end is seen only of short invocations.
    with Load(root, "query", 2, 0.0, timeout=2, environment={"DB_HOST": f"{subnet(root)}.249"}):
        cause, why = told(root, 4)
    assert cause is Cause.NEVER_REACHED, why


def test_a_function_that_fails_by_itself_behind_a_proxy_that_works(root: Path) -> None:
    pool(root, percent=4)
    with Load(root, "compute", 4, 0.0):
        cause, why = told(root)
    assert cause is Cause.FUNCTION_FAILS, why
    assert "4 clients share them" in why


def test_a_database_that_direct_clients_have_filled(root: Path) -> None:
    pool(root)
    with Load(root, "query", 2, 0.0), _filled(root):
        cause, why = told(root)
    assert cause is Cause.DATABASE_FULL, why


def test_a_secret_that_is_not_the_databases(root: Path) -> None:
    pool(root)
    with _superuser(root) as connection:
        connection.execute("ALTER ROLE app PASSWORD 'another'")
        try:
            cause, why = told(root, 0.5)
        finally:
            connection.execute(f"ALTER ROLE app PASSWORD '{_PASSWORD}'")
    assert cause is Cause.DATABASE_LOGIN, why


def test_tokens_that_are_expired(root: Path) -> None:
    pool(root)
    let_in(root, iam="REQUIRED")
    try:
        with Load(root, "stale", 2, 0.0, environment={"DB_AUTH": "iam", "DB_PASSWORD": ""}):
            cause, why = told(root, 4)
    finally:
        let_in(root, iam="DISABLED")
    assert cause is Cause.TOKEN_EXPIRED, why


def test_more_tokens_at_once_than_iam_checks(root: Path) -> None:
    pool(root)
    let_in(root, iam="REQUIRED")
    gate = laptop_state(root) / "gates" / "orders" / "gate.json"
    try:
        with Load(root, "query", 2, 0.0, timeout=2, environment={"DB_AUTH": "iam", "DB_PASSWORD": ""}):
            gate.write_text(json.dumps({**json.loads(gate.read_text()), "tokens_per_second": 0}))
            for process in _processes(gate):
                process.send_signal(signal.SIGHUP)
            cause, why = told(root, 4)
    finally:
        let_in(root, iam="DISABLED")
    assert cause is Cause.IAM_THROTTLED, why


def test_more_sessions_at_work_than_the_processor_bears(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pool(root)
    busy = 2 * (os.cpu_count() or 1)
    monkeypatch.setattr("local.tools.source.SESSIONS_PER_VCPU", 1)
    with Load(root, "work", busy, 0.3):
        cause, why = told(root)
    assert cause is Cause.CPU_BOUND, why


def test_a_database_that_is_down_and_up_again(root: Path) -> None:
    pool(root)
    settings = laptop_state(root) / "instances" / "orders" / "postgresql.conf"
    kept = settings.read_text()
    settings.write_text("port = none\n")
    try:
        kill(*_processes(settings.parent / "data"))
        cause, why = told(root, 0.5)
        assert cause is Cause.DATABASE_DOWN, why
    finally:
        settings.write_text(kept)
    until(lambda: told(root, 0.2)[0] is Cause.IDLE)


def _processes(argument: Path) -> list[psutil.Process]:
    """The servers that were started with this file or folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if str(argument) in process.cmdline():
                found.append(process)
    return found


def _superuser(root: Path) -> "psycopg.Connection[Any]":
    instance = next(each["facts"] for each in SupervisorClient.ensure(root).resources() if each["kind"] == "instance")
    password = (laptop_state(root) / "instances" / "orders" / "rdsadmin.password").read_text()
    return log_in(root, instance, user="rdsadmin", password=password, dbname="postgres")


@contextmanager
def _filled(root: Path) -> Iterator[None]:
    """Connections straight to the database until it takes no more."""
    instance = next(each["facts"] for each in SupervisorClient.ensure(root).resources() if each["kind"] == "instance")
    with ExitStack() as stack:
        with contextlib.suppress(psycopg.OperationalError):
            while True:
                stack.enter_context(log_in(root, instance))
        yield
