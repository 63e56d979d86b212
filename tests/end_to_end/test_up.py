"""The laptop stack for real: engine, PostgreSQL, PgBouncer, TLS, secrets, and the zip under AWS's runtime client.

One stack for all of them; the fixture `up` brings it back to its form where a test has changed it.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from rds_connection.iam_token import auth_token
from tests.end_to_end.checkouts import Checkout
from tests.end_to_end.local_stack import LocalStack
from tests.local.supervisor.conftest import client_of, shell
from tests.processes import kill, running, wait_for_the_end
from tests.waiting import LIMIT_SECONDS, until

pytestmark = [pytest.mark.engine, pytest.mark.servers]
_CALLERS = 3
_CONNECTING = {"path": "connecting", "timeout": 120, "reservedConcurrency": 10}
_TWO_USERS = {
    "auth": "iam",
    "users": [{"name": "reporting", "auth": "secret"}],
    "functions": [{"name": "app", **_CONNECTING}, {"name": "reports", "user": "reporting", **_CONNECTING}],
    "rotationDays": 30,
    "borrowTimeout": 60,  # a loaded machine takes its time between two steps of a rotation
}


@pytest.fixture
def two_users(local_stack: LocalStack) -> Checkout:
    """The stack with a second function, whose user logs in at the proxy with its own secret."""
    root = local_stack.checkout.root
    # It connects anew for each invocation, so that every rotation meets logins.
    shutil.copytree(root / "handler", root / "connecting", dirs_exist_ok=True)
    app = root / "connecting" / "app.py"
    app.write_text('import os\n\nos.environ["DB_POOL_MAX_IDLE"] = "0"\n' + (root / "handler" / "app.py").read_text())
    local_stack.bring_to(_TWO_USERS)
    return local_stack.checkout


def facts(checkout: Checkout, kind: str) -> dict[str, Any]:
    (found,) = [each for each in checkout.supervisor.resources() if each["kind"] == kind]
    return {**found["facts"], "identifier": found["identifier"], "status": found["status"]}


def secret(checkout: Checkout) -> dict[str, str]:
    """What the application user's secret holds, read as a developer does in that shell."""
    code = (
        "import boto3, sys\n"
        "print(boto3.client('secretsmanager').get_secret_value(SecretId=sys.argv[1])['SecretString'])"
    )
    found: dict[str, str] = json.loads(checkout.run("python", "-c", code, checkout.outputs()["secretArn"]).stdout)
    return found


def connect(checkout: Checkout, **changes: Any) -> "psycopg.Connection[Any]":
    """A connection through the proxy, as a function makes it: by name, with a token, with the stack's own CA."""
    where = facts(checkout, "proxy")
    host = where["endpoint"]
    arguments: dict[str, Any] = {
        "host": host,
        "hostaddr": where["ip"],
        "port": where["port"],
        "dbname": "app_db",
        "user": "app",
        "password": auth_token(host=host, port=5432, user="app", region="eu-west-1", credentials=shell(checkout.root)),
        "sslmode": "verify-full",
        "sslrootcert": str(checkout.state / "authority" / "ca.pem"),
        "autocommit": True,
        "prepare_threshold": None,
        "connect_timeout": 60,
    }
    return psycopg.connect(**{**arguments, **changes})


def configured(checkout: Checkout, **values: Any) -> "subprocess.CompletedProcess[str]":
    """`pulumi up` with these keys of the configuration."""
    config = [
        word
        for key, value in values.items()
        for word in ("--config", f"lambda-rds-proxy:{key}={value if isinstance(value, str) else json.dumps(value)}")
    ]
    return checkout.pulumi("up", "--yes", "-s", "local", "--skip-preview", "--policy-pack", "policies", *config)


def passwords(checkout: Checkout) -> dict[str, dict[str, str]]:
    """What the secrets of the application's users hold, by ARN; RDS's own is not among them."""
    manager = client_of(checkout.root, "secretsmanager")
    arns = [each["ARN"] for each in manager.list_secrets()["SecretList"] if not each["Name"].startswith("rds!")]
    return {arn: json.loads(manager.get_secret_value(SecretId=arn)["SecretString"]) for arn in arns}


def borrow_for_all_callers(checkout: Checkout) -> None:
    """Let the proxy have as many database connections as callers can need at once.

    PgBouncer, unlike RDS Proxy as far as is known, refuses clients once a login of its own failed and it has none left;
    and it renews all of them whenever a secret has changed.
    """
    reporting = next(each["password"] for each in passwords(checkout).values() if each["username"] == "reporting")
    with ExitStack() as open_at_once:
        for who in ({}, {"user": "reporting", "password": reporting}):
            for _ in range(_CALLERS):
                connection = open_at_once.enter_context(connect(checkout, **who))
                open_at_once.enter_context(connection.transaction())
                connection.execute("SELECT 1")


def is_current(checkout: Checkout, arn: str, version: str) -> bool:
    manager = client_of(checkout.root, "secretsmanager")
    return "AWSCURRENT" in manager.describe_secret(SecretId=arn)["VersionIdsToStages"].get(version, ())


def have_grown(counted: "Counter[str]", before: "Counter[str]", names: Iterable[str]) -> bool:
    return all(counted[name] >= before[name] + 10 for name in names)


def pooler_setting(checkout: Checkout, name: str) -> str:
    text: str = (checkout.state / "proxies" / facts(checkout, "proxy")["identifier"] / "pgbouncer.ini").read_text()
    return next(line.split(" = ")[1] for line in text.splitlines() if line.startswith(f"{name} = "))


def answers(checkout: Checkout) -> bool:
    """Whether the function does; what is being brought back may refuse it meanwhile."""
    return bool(checkout.invoke()["body"].get("ok"))


def test_an_invocation_answers_through_the_proxy(up: Checkout) -> None:
    answer = up.invoke()
    assert answer["error"] is None
    assert answer["body"]["ok"] is True
    assert answer["body"]["via"] == up.outputs()["proxyEndpoint"]
    assert ".proxy-" in answer["body"]["via"]


def test_what_the_configuration_keeps_encrypted_is_in_clear_nowhere_in_the_state(up: Checkout) -> None:
    word = "hush0dec0de0"
    encrypted = {
        "functions.app.environment.API_KEY": word,
        "initQuery": f"SET app.key = '{word}'",
        "permissionsBoundaryArn": f"arn:aws:iam::000000000000:policy/{word}",
    }
    for path, value in encrypted.items():
        done = up.pulumi("config", "set", "--secret", "--path", f"lambda-rds-proxy:{path}", value, "-s", "local")
        assert done.returncode == 0, done.stderr
    told = up.run("python", "-m", "local", "up")
    assert told.returncode == 0, told.stdout + told.stderr
    state = up.pulumi("stack", "export", "-s", "local")
    outputs = up.pulumi("stack", "output", "--json", "-s", "local")
    for each in (told, state, outputs):
        assert word not in each.stdout + each.stderr
    shown = up.pulumi("stack", "export", "--show-secrets", "-s", "local").stdout
    for shows in ("API_KEY", f"app.key = '{word}'", f"policy/{word}"):
        assert shows in shown


def test_no_password_is_in_pulumis_state(up: Checkout) -> None:
    state = up.pulumi("stack", "export", "-s", "local").stdout
    password = secret(up)["password"]
    assert password and password not in state
    for kept in (up.state / "secrets.pickle", up.state / "resources.json"):
        assert kept.stat().st_mode & 0o077 == 0


def test_a_second_up_changes_nothing(up: Checkout) -> None:
    done = up.pulumi("up", "--yes", "-s", "local", "--policy-pack", "policies", "--expect-no-changes", "--skip-preview")
    assert done.returncode == 0, done.stdout


def test_an_export_of_the_stack_is_analyzed_without_a_finding(up: Checkout, tmp_path: Path) -> None:
    export = tmp_path / "state.json"
    export.write_text(up.pulumi("stack", "export", "-s", "local").stdout)
    done = up.pulumi("policy", "analyze", "--file", str(export), "--policy-pack", "policies")
    assert done.returncode == 0, done.stdout + done.stderr
    export.write_text(export.read_text().replace('"maxConnectionsPercent": 85', '"maxConnectionsPercent": 95'))
    done = up.pulumi("policy", "analyze", "--file", str(export), "--policy-pack", "policies")
    assert done.returncode != 0
    assert "rds-proxy-max-connections" in done.stdout + done.stderr


def test_coming_up_changed_no_file_of_the_checkout(up: Checkout) -> None:
    root = Path(__file__).resolve().parents[2]
    for name in ("Pulumi.local.yaml", "Pulumi.yaml"):
        assert (up.root / name).read_text() == (root / name).read_text()


def test_the_proxy_checks_logins_and_demands_tls(up: Checkout) -> None:
    with connect(up) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("app",)
    for wrong in ({"password": "wrong"}, {"user": "db_admin"}, {"sslmode": "disable"}, {"host": "elsewhere.example"}):
        with pytest.raises(psycopg.OperationalError):
            connect(up, **wrong)


def test_the_application_user_owns_its_tables_and_is_no_superuser(up: Checkout) -> None:
    with connect(up) as connection:
        connection.execute("CREATE TABLE numbers (n int)")
        connection.execute("DROP TABLE numbers")
        assert connection.execute("SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = 'app'").fetchone() == (
            False,
            False,
        )


def test_a_users_timeouts_follow_its_functions_and_what_is_said_and_come_back(up: Checkout) -> None:
    def of_the_role() -> list[str]:
        with connect(up) as connection:
            row = connection.execute("SELECT rolconfig FROM pg_roles WHERE rolname = current_user").fetchone()
        return sorted(row[0]) if row else []

    first = ["idle_in_transaction_session_timeout=25000ms", "statement_timeout=25000ms"]
    assert of_the_role() == first
    with connect(up) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("25s",)
    slower = {"app": {"path": "handler", "timeout": 30}}
    done = configured(up, functions=slower, statementTimeout=0)
    assert done.returncode == 0, done.stdout + done.stderr
    assert of_the_role() == ["idle_in_transaction_session_timeout=40000ms", "statement_timeout=0ms"]
    for key in ("functions", "statementTimeout"):
        assert up.pulumi("config", "rm", key, "-s", "local").returncode == 0
    done = configured(up)
    assert done.returncode == 0, done.stdout + done.stderr
    assert of_the_role() == first


def test_a_change_of_percent_reaches_the_pooler_and_keeps_endpoint_and_clients(up: Checkout) -> None:
    before = facts(up, "proxy")
    assert pooler_setting(up, "max_db_connections") == "67"  # floor(79 × 85 %)
    with connect(up) as client:
        done = up.pulumi(
            "up", "--yes", "-s", "local", "--skip-preview", "--config", "lambda-rds-proxy:maxConnectionsPercent=50"
        )
        assert done.returncode == 0, done.stdout
        assert pooler_setting(up, "max_db_connections") == "39"
        assert client.execute("SELECT 1").fetchone() == (1,)
    assert facts(up, "proxy")["endpoint"] == before["endpoint"]


def test_a_storm_is_refused_by_the_database_and_served_through_the_proxy(up: Checkout) -> None:
    done = up.run(
        "python", "-m", "ops", "storm", "--environments", "60", "--connections", "2", "--seconds", "2", "--json"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    storm = json.loads(done.stdout)
    direct, proxy = storm["phases"]["direct"], storm["phases"]["proxy"]
    assert sum(direct["failed"].values()) > 0
    assert direct["idleLeftBehind"] > 67
    assert proxy["failed"] == {} and proxy["served"] > 0
    assert proxy["peakDatabaseConnections"] <= 67
    assert (up.root / "reports" / "storm.html").exists()
    up.must_answer()


def test_an_interrupted_storm_ends_its_load_and_shows_what_it_measured(up: Checkout) -> None:
    command = ["python", "-m", "ops", "storm", "--environments", "20", "--connections", "1", "--seconds", "30"]

    def load() -> list[psutil.Process]:
        return running(str(up.root / "local" / "storm" / "load.py"))

    with subprocess.Popen(
        command, cwd=up.root, env=up.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as storm:
        try:
            until(load, or_else=lambda: storm.poll() is not None)
            storm.send_signal(signal.SIGINT)
            said, _ = storm.communicate(timeout=LIMIT_SECONDS)
        finally:
            storm.kill()
    assert storm.returncode == 130, said
    assert "interrupted" in said
    assert load() == []


def test_the_deployed_functions_are_a_load_too(up: Checkout) -> None:
    done = up.run("python", "-m", "ops", "storm", "--stack", "local", "--environments", "5", "--seconds", "1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    storm = json.loads(done.stdout)
    assert set(storm["phases"]) == {"proxy"}
    assert storm["phases"]["proxy"]["failed"] == {} and storm["phases"]["proxy"]["served"] > 0
    assert (storm["maxConnections"], storm["pgbenchRequestsPerSecond"]) == (79, None)


def test_passwords_are_refused_with_iam_and_taken_with_secret(up: Checkout) -> None:
    def switch(auth: str) -> None:
        done = up.pulumi("up", "--yes", "-s", "local", "--skip-preview", "--policy-pack", "policies", "--config",
                         f"lambda-rds-proxy:auth={auth}")  # fmt: skip
        assert done.returncode == 0, done.stdout

    password = secret(up)["password"]
    with pytest.raises(psycopg.OperationalError, match="IAM authentication failed"):
        connect(up, password=password)
    switch("secret")
    up.must_answer()
    with connect(up, password=password) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    switch("iam")
    up.must_answer()


def test_a_killed_pooler_comes_back_and_functions_go_on(up: Checkout) -> None:
    (pooler,) = running(str(up.state / "proxies" / facts(up, "proxy")["identifier"] / "pgbouncer.ini"))
    kill(pooler)
    wait_for_the_end([pooler])
    until(lambda: answers(up))


def test_a_killed_database_comes_back_and_functions_go_on(up: Checkout) -> None:
    postmaster = int(
        (up.state / "instances" / facts(up, "instance")["identifier"] / "data" / "postmaster.pid")
        .read_text()
        .split()[0]
    )
    os.kill(postmaster, signal.SIGKILL)
    until(lambda: answers(up))


def test_a_killed_supervisor_is_brought_back_with_everything_it_ran(up: Checkout) -> None:
    supervisor = psutil.Process(up.supervisor.pid)
    kill(supervisor)
    wait_for_the_end([supervisor])
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert up.supervisor.pid != supervisor.pid
    assert re.search(r"^Resources: \d+ unchanged, in ", done.stdout, re.MULTILINE), done.stdout
    up.must_answer()


def test_a_replaced_proxy_has_its_pool_and_target_again_and_functions_reach_it(up: Checkout) -> None:
    before = facts(up, "proxy")
    listed = json.loads(up.pulumi("stack", "export", "-s", "local").stdout)["deployment"]["resources"]
    (urn,) = [each["urn"] for each in listed if each["type"] == "aws:rds/proxy:Proxy"]
    done = up.pulumi("up", "--yes", "-s", "local", "--skip-preview", "--policy-pack", "policies", "--replace", urn)
    assert done.returncode == 0, done.stdout
    assert facts(up, "proxy")["arn"] != before["arn"]
    assert pooler_setting(up, "max_db_connections") == "67"
    assert facts(up, "target")["status"] == "AVAILABLE"
    up.must_answer()


def test_a_user_with_a_secret_comes_to_a_running_stack_and_goes_again(up: Checkout) -> None:
    # Alone: with a function of its own comes a policy, of which the gate would hear in any case.
    for users in ([{"name": "reporting", "auth": "secret"}], []):
        done = configured(up, auth="iam", users=users)
        assert done.returncode == 0, done.stdout
        up.must_answer()


def test_two_functions_share_the_proxy_as_users_with_their_own_ways_to_log_in(two_users: Checkout) -> None:
    assert "database app_db as app," in two_users.invoke()["body"]["server"]
    assert "database app_db as reporting," in two_users.invoke(function="reports")["body"]["server"]
    assert two_users.pinned() == []
    assert len([found for found in two_users.supervisor.resources() if found["kind"] == "proxy"]) == 1


def test_passwords_are_rotated_under_load_and_no_caller_sees_an_error(two_users: Checkout) -> None:
    up = two_users
    manager, functions = client_of(up.root, "secretsmanager"), up.outputs()["functions"]
    before = passwords(up)
    assert len(before) == 2
    ended, counted = threading.Event(), Counter[str]()

    def call(function: str) -> None:
        client = client_of(up.root, "lambda")
        while not ended.is_set():
            answer = client.invoke(FunctionName=function, Payload=b"{}")
            body = json.loads(answer["Payload"].read())
            counted[function if body.get("ok") is True else f"{function}: {body}"] += 1

    with ThreadPoolExecutor() as pool:
        callers = [pool.submit(call, function) for function in functions.values() for _ in range(_CALLERS)]
        try:
            for arn in [*before] * 3:
                borrow_for_all_callers(up)
                seen = counted.copy()
                version = manager.rotate_secret(SecretId=arn)["VersionId"]  # as `aws secretsmanager rotate-secret` does
                until(partial(is_current, up, arn, version))
                # Every environment has logged in since.
                until(partial(have_grown, counted, seen, functions.values()))
        finally:
            ended.set()
        for caller in callers:
            caller.result()
    assert set(counted) == set(functions.values()), counted
    after = passwords(up)
    address = facts(up, "instance")
    for arn, login in before.items():
        database = {"host": address["address"], "hostaddr": address["ip"], "user": login["username"]}
        with connect(up, **database, password=after[arn]["password"]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (login["username"],)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(up, **database, password=login["password"])


def test_with_iam_on_both_sides_the_database_takes_the_proxys_role_and_no_password(two_users: Checkout) -> None:
    up = two_users
    password = secret(up)["password"]
    done = configured(up, auth="iam-end-to-end")
    assert done.returncode == 0, done.stdout
    assert "database app_db as app," in up.invoke()["body"]["server"]
    assert "database app_db as reporting," in up.invoke(function="reports")["body"]["server"]
    role = next(each["spec"]["roleArn"] for each in up.supervisor.resources() if each["kind"] == "proxy")

    def is_logged_in_as_the_role() -> bool:
        with connect(up) as connection:
            found = connection.execute("SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
        return bool(found == (f"/CN={role.rsplit('/', 1)[1]}",))

    until(is_logged_in_as_the_role, not_yet=psycopg.OperationalError)
    instance = facts(up, "instance")
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        connect(up, host=instance["address"], hostaddr=instance["ip"], password=password)
    assert len(passwords(up)) == 1


def test_an_update_that_would_give_a_function_the_databases_endpoint_stops_before_the_function(
    checkout: Checkout,
) -> None:
    project = checkout.root / "tests" / "end_to_end" / "programs" / "direct"
    keys = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
    (project / "Pulumi.direct-up.yaml").write_text(json.dumps({"config": keys}))
    checkout.pulumi("stack", "init", "direct-up", "--no-select", project=project)
    pack = str(checkout.root / "policies")
    try:
        done = checkout.pulumi(
            "up", "--yes", "--skip-preview", "-s", "direct-up", "--policy-pack", pack, project=project
        )
        state = json.loads(checkout.pulumi("stack", "export", "-s", "direct-up", project=project).stdout)
    finally:
        destroyed = checkout.pulumi("destroy", "--yes", "--skip-preview", "-s", "direct-up", project=project)
    assert done.returncode != 0
    assert "lambda-uses-rds-proxy" in done.stdout and "DB_HOST" in done.stdout
    types = {each["type"] for each in state["deployment"]["resources"]}
    assert "aws:rds/instance:Instance" in types
    assert "aws:lambda/function:Function" not in types
    assert destroyed.returncode == 0, destroyed.stdout


def test_destroy_leaves_no_process_no_port_and_no_file(local_stack: LocalStack) -> None:
    local_stack.bring_up()
    up, state = local_stack.checkout, local_stack.checkout.state
    done = up.run("python", "-m", "local", "down")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not state.exists()
    assert running(str(state)) == []
    again = up.run("python", "-m", "local", "down")
    assert again.returncode == 0, again.stdout + again.stderr
