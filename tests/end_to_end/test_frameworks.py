"""The functions of examples/frameworks, packaged and run as the laptop does, through its proxy, while things break."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from local.supervisor.environment import Answer, FunctionSpec, Runtime
from local.supervisor.environment_pool import EnvironmentPool
from tests.chaos.faults import strike
from tests.chaos.load import Load
from tests.chaos.matrix import Auth, Cell, Fault, Moment
from tests.chaos.stand import Stand, stand
from tests.chaos.wire import Break
from tests.end_to_end.checkouts import ROOT
from tests.waiting import LIMIT_SECONDS
from toolchain.lambda_runtime import lambda_runtime_directory

pytestmark = pytest.mark.servers
EXAMPLE = ROOT / "examples" / "frameworks"
_TIMEOUT_SECONDS = 10
# What breaks when such an order is written: its database connection, at the first attempt; or nothing but patience.
_TROUBLE = """
CREATE SEQUENCE attempts;
CREATE FUNCTION trouble() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$ BEGIN
    IF starts_with(NEW.item, 'slow') THEN PERFORM pg_sleep(60); END IF;
    IF starts_with(NEW.item, 'cut off') AND nextval('attempts') = 1 THEN
        PERFORM pg_terminate_backend(pg_backend_pid());
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER trouble BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION trouble();
"""
# What Django's connection is in its block, and what the pool's is afterwards.
_OF_DJANGO = """
import json, sys, django.conf
django.conf.settings.configure(DATABASES={"default": {"ENGINE": "rds_connection.django", **json.loads(sys.argv[1])}})
django.setup()
from django.db import connection, transaction
import rds_connection

def seen(cursor):
    row = cursor.execute("SELECT current_setting('transaction_isolation'), '{}'::jsonb").fetchone()
    print(type(cursor).__module__, type(cursor).__name__, row)

with transaction.atomic(), connection.cursor() as cursor:
    seen(cursor.cursor)
connection.close()
with rds_connection.connection() as conn, conn.transaction():
    seen(conn.cursor())
"""


def over_http(item: str | None = None) -> dict[str, Any]:
    """An event of API Gateway, or of a function's URL: an order, or the question which there are."""
    event = json.loads((EXAMPLE / "events" / "http.json").read_text())
    if item is None:
        event["requestContext"]["http"]["method"] = "GET"
    return {**event, "body": json.dumps({"item": item})}


def over_sqs(*items: str) -> dict[str, Any]:
    """An event of SQS: a message for each order, whose id is its text."""
    message = json.loads((EXAMPLE / "events" / "sqs.json").read_text())["Records"][0]
    return {"Records": [{**message, "messageId": item, "body": json.dumps({"item": item})} for item in items]}


def straight(item: str) -> dict[str, Any]:
    """An event of whoever invokes the function."""
    return {"item": item}


@dataclass(frozen=True)
class Framework:
    """A function of the example.

    Attributes:
        event: that orders.
        taken: whether an answer without an error says that the order was taken.
        repeats: whether it writes in `transaction`.
    """

    path: str
    event: Callable[[str], dict[str, Any]]
    taken: Callable[[dict[str, Any]], bool]
    handler: str = "app.handler"
    repeats: bool = False


FRAMEWORKS = {
    "django": Framework("django", over_http, lambda body: body["statusCode"] == 200),
    "fastapi": Framework("fastapi", over_http, lambda body: body["statusCode"] == 200, repeats=True),
    "powertools": Framework("powertools", over_sqs, lambda body: not body["batchItemFailures"], repeats=True),
    "sqlmodel": Framework("sqlmodel", straight, lambda body: body["order"] > 0),
    "sqlmodel-async": Framework("sqlmodel", straight, lambda body: body["order"] > 0, handler="async_app.handler"),
}


class Functions:
    """Every function of the example in one environment, and the servers that they share."""

    def __init__(self, its: Stand, folder: Path) -> None:
        self.its = its
        self._folder = folder
        self._runtime = Runtime(
            libraries=lambda_runtime_directory(),
            address=its.variables["DB_HOST"],
            gateway="http://127.0.0.1:9",  # nothing asks AWS
            region=its.variables["AWS_REGION"],
            extra={},
        )
        self._pools = {name: self._pool(name, each.path, each.handler) for name, each in FRAMEWORKS.items()}
        self._pools["migrate"] = self._pool("migrate", "django", "migrate.handler")

    def invoke(self, name: str, event: dict[str, Any]) -> tuple[Answer, dict[str, Any]]:
        """One invocation: what the runtime says of it, and the answer."""
        answer = self._pools[name].invoke(json.dumps(event).encode())
        return answer, json.loads(answer.payload)

    def order(self, trouble: str = "order") -> dict[str, bool]:
        """An order of each framework, called `trouble` and its name, all at once: which were told that it is taken."""

        def taken(name: str) -> bool:
            answer, body = self.invoke(name, FRAMEWORKS[name].event(f"{trouble} of {name}"))
            # Whatever happens, it is the function that answers: Lambda did not have to end it.
            assert not str(body.get("errorType")).startswith(("Sandbox", "Runtime")), (name, body, answer.log)
            return answer.error is None and FRAMEWORKS[name].taken(body)

        with ThreadPoolExecutor(len(FRAMEWORKS)) as at_once:
            return dict(zip(FRAMEWORKS, at_once.map(taken, FRAMEWORKS), strict=True))

    def written(self, trouble: str = "order") -> dict[str, int]:
        """How often each of these orders is in the table."""
        rows = dict(self.its.query("SELECT item, count(*) FROM orders GROUP BY item"))
        return {name: rows.get(f"{trouble} of {name}", 0) for name in FRAMEWORKS}

    def run_django(self, database: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
        """Run Django with such a database in its settings, and with its package alone."""
        environment = {"PYTHONPATH": str(self._pools["django"].spec.code), **self.its.variables}
        command = [sys.executable, "-S", "-c", _OF_DJANGO, json.dumps(database)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )

    def end(self) -> None:
        """End the environments."""
        for pool in self._pools.values():
            pool.retire()

    def _pool(self, name: str, path: str, handler: str) -> EnvironmentPool:
        archive = build_package(EXAMPLE / path, target=this_machine(), engine=Engine.POSTGRESQL, handler=handler)
        code = self._folder / archive.stem
        with zipfile.ZipFile(archive) as package:
            package.extractall(code)
        access, secret = self.its.keys
        spec = FunctionSpec(
            name=name,
            handler=handler,
            timeout=_TIMEOUT_SECONDS,
            memory=256,
            environment=self.its.variables,
            reserved_concurrency=1,
            code=code,
            access_key=access,
            secret_key=secret,
        )
        return EnvironmentPool(spec, self._folder, self._runtime)


EVERYONE, NOBODY = dict.fromkeys(FRAMEWORKS, True), dict.fromkeys(FRAMEWORKS, False)
ONCE, NEVER = dict.fromkeys(FRAMEWORKS, 1), dict.fromkeys(FRAMEWORKS, 0)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with stand(Auth.IAM, environments=0) as its, ExitStack() as stack:
        its.query("GRANT CREATE ON SCHEMA public TO app")
        functions = Functions(its, tmp_path_factory.mktemp("functions"))
        stack.callback(functions.end)
        answer, body = functions.invoke("migrate", {})
        assert answer.error is None, body
        its.query(_TROUBLE)
        yield functions


@pytest.fixture
def functions(migrated: Functions) -> Iterator[Functions]:
    """Warm, without an order; whatever a test does, no framework pins."""
    assert migrated.order() == EVERYONE
    migrated.its.query("TRUNCATE orders")
    migrated.its.query("ALTER SEQUENCE attempts RESTART")
    yield migrated
    assert not migrated.its.proxy.seen().pins


def test_every_framework_takes_an_order(functions: Functions) -> None:
    assert functions.order() == EVERYONE
    assert functions.written() == ONCE
    for name in ("django", "fastapi"):
        _, listed = functions.invoke(name, over_http())
        assert sorted(json.loads(listed["body"])) == sorted(f"order of {each}" for each in FRAMEWORKS)


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_a_warm_environment_opens_no_connection(name: str, functions: Functions) -> None:
    answer, body = functions.invoke(name, FRAMEWORKS[name].event("warm"))
    assert FRAMEWORKS[name].taken(body)
    (line,) = (json.loads(line) for line in answer.log.splitlines() if line.startswith(b'{"_aws"'))
    assert (line["ConnectionsOpened"], line["ConnectionsReused"] > 0, line["Outcome"]) == (0, True, "ok")


@pytest.mark.parametrize("fault", [Fault.BACKEND_KILLED, Fault.SERVER_GONE, Fault.PROXY_RESTART])
def test_nobody_notices_what_broke_between_two_invocations(fault: Fault, functions: Functions) -> None:
    met = strike(functions.its, Cell(fault, Moment.FROZEN, Auth.IAM), Load([], Moment.FROZEN, seconds=0))
    assert met >= (1 if fault is Fault.BACKEND_KILLED else len(FRAMEWORKS))  # they share the proxy's
    assert functions.order() == EVERYONE
    assert functions.written() == ONCE


def test_an_order_that_is_cut_off_is_repeated_or_the_caller_is_told(functions: Functions) -> None:
    for name, framework in FRAMEWORKS.items():
        functions.its.query("ALTER SEQUENCE attempts RESTART")
        item = f"cut off of {name}"
        answer, body = functions.invoke(name, framework.event(item))
        assert (answer.error is None and framework.taken(body)) == framework.repeats, (name, body)
    assert functions.written("cut off") == {name: int(each.repeats) for name, each in FRAMEWORKS.items()}
    assert functions.order() == EVERYONE


def test_a_commit_without_an_answer_is_told_and_never_repeated(functions: Functions) -> None:
    functions.its.wire.break_at(Break.ANSWER)
    try:
        assert functions.order("lost") == NOBODY
    finally:
        functions.its.wire.break_at(Break.NOWHERE)
    assert functions.written("lost") == ONCE
    assert functions.order() == EVERYONE


def test_a_message_that_comes_again_is_one_order_and_only_what_failed_comes_again(functions: Functions) -> None:
    items = ["first", "\0", "last"]  # PostgreSQL's text has no NUL
    for _ in range(2):
        answer, body = functions.invoke("powertools", over_sqs(*items))
        assert answer.error is None
        assert body == {"batchItemFailures": [{"itemIdentifier": "\0"}]}
    assert functions.its.query("SELECT item FROM orders ORDER BY id") == [("first",), ("last",)]


def test_an_answer_comes_before_lambda_ends_the_invocation(functions: Functions) -> None:
    assert functions.order("slow") == NOBODY
    functions.its.terminate_backends()  # RDS Proxy hands no cancel request on either
    assert functions.written("slow") == NEVER
    assert functions.order() == EVERYONE


@pytest.mark.parametrize(
    ("options", "cursor", "isolation"),
    [
        ({}, "Cursor", "read committed"),
        ({"server_side_binding": True, "isolation_level": 3}, "ServerBindingCursor", "repeatable read"),
    ],
)
def test_djangos_own_cursors_types_and_isolation_end_with_its_request(
    options: dict[str, Any], cursor: str, isolation: str, functions: Functions
) -> None:
    done = functions.run_django({"OPTIONS": options})
    assert done.returncode == 0, done.stderr
    of_django, of_the_pool = done.stdout.splitlines()
    assert of_django == f"django.db.backends.postgresql.base {cursor} ('{isolation}', '{{}}')"
    assert of_the_pool == "psycopg Cursor ('read committed', {})"


def test_django_refuses_what_only_the_environment_says(functions: Functions) -> None:
    done = functions.run_django({"HOST": "db.example", "OPTIONS": {"sslmode": "disable"}})
    assert done.stderr.endswith(
        "ImproperlyConfigured: DATABASES['default'] has HOST, OPTIONS['sslmode']: leave them out, for "
        "rds_connection.django connects as the DB_* environment says and takes of OPTIONS only isolation_level, "
        "server_side_binding\n"
    )
