"""The admin function on a real PostgreSQL whose master is no superuser, with Secrets Manager in moto."""

import json
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws
from psycopg import sql

from lambda_rds_proxy.user.admin_function.database_admin import postgresql
from lambda_rds_proxy.user.admin_function.database_admin.app import handler
from lambda_rds_proxy.user.admin_function.database_admin.bootstrap_sql import Timeouts, bootstrap_sql
from lambda_rds_proxy.user.admin_function.database_admin.server import AdminError, Login
from tests.components.user.invoked import PROXY_NAME, made_for, resolving
from tests.handler.cloud import APPLICATION, DATABASE, Cloud, Context, running, until

servers_needed = pytest.mark.servers
Event = dict[str, Any]


@pytest.fixture(scope="module")
def servers() -> Iterator[Cloud]:
    with running() as cloud:
        yield cloud


def timeouts_of(statement: float | None, idle: float | None) -> dict[str, Any]:
    return {"statement_timeout": statement, "idle_in_transaction_session_timeout": idle}


class Secrets:
    """Secrets Manager with RDS's master secret and an empty secret for the application's user."""

    def __init__(self, master_user: str, master_password: str) -> None:
        self._manager = boto3.client("secretsmanager", region_name="eu-west-1")
        master = json.dumps({"username": master_user, "password": master_password})
        self.master_arn = self._manager.create_secret(Name="rds!db-master", SecretString=master)["ARN"]
        self.user_arn = self._manager.create_secret(Name="app")["ARN"]

    @property
    def value(self) -> dict[str, Any]:
        current = self._manager.get_secret_value(SecretId=self.user_arn, VersionStage="AWSCURRENT")
        found: dict[str, Any] = json.loads(current["SecretString"])
        return found

    def put(self, value: str, stages: Sequence[str] = ("AWSCURRENT",)) -> None:
        self._manager.put_secret_value(SecretId=self.user_arn, SecretString=value, VersionStages=list(stages))

    def begin_rotation(self, value: str) -> str:
        """As createSecret of a rotation; the version that is pending."""
        pending = self._manager.put_secret_value(
            SecretId=self.user_arn, SecretString=value, VersionStages=["AWSPENDING"]
        )
        return str(pending["VersionId"])

    def finish_rotation(self, version: str) -> None:
        """As finishSecret: the pending version is the current one, and still pending too."""
        current = self._manager.get_secret_value(SecretId=self.user_arn)["VersionId"]
        self._manager.update_secret_version_stage(
            SecretId=self.user_arn, VersionStage="AWSCURRENT", MoveToVersionId=version, RemoveFromVersionId=current
        )

    def is_empty(self) -> bool:
        return self.versions() == 0

    def versions(self) -> int:
        return len(self._manager.list_secret_version_ids(SecretId=self.user_arn, IncludeDeprecated=True)["Versions"])


@pytest.fixture
def secrets(servers: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
        "DB_SSL_ROOT_CERT": servers.bundle,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Secrets(servers.postgres.settings.username, servers.postgres.settings.password)


@pytest.fixture
def create(servers: Cloud, secrets: Secrets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Event]:
    """Invokes create-user with what Pulumi would send, changed as told."""

    def invoke(**changed: Any) -> Event:
        event = {
            "action": "create-user",
            "engine": "postgresql",
            "host": servers.postgres.settings.address,
            "port": 5432,
            "database": DATABASE,
            "masterSecretArn": secrets.master_arn,
            "userSecretArn": secrets.user_arn,
            "user": "shop",
            "rdsIam": False,
            **changed,
        }
        made_for(monkeypatch, tmp_path, event)
        return handler(event, Context(event.pop("seconds", 30)))

    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-dev-admin")
    return invoke


def log_in(cloud: Cloud, user: str, password: str) -> "psycopg.Connection[Any]":
    settings = cloud.postgres.settings
    return psycopg.connect(
        host=settings.address,
        port=settings.port,
        dbname=DATABASE,
        user=user,
        password=password,
        sslmode="verify-full",
        sslrootcert=cloud.bundle,
        autocommit=True,
    )


@servers_needed
def test_a_user_is_made_that_owns_its_tables_and_may_do_nothing_else(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event]
) -> None:
    assert create(user="shop") == {"user": "shop", "created": True, "rdsIam": False}
    assert secrets.value["username"] == "shop"
    assert len(secrets.value["password"]) >= 40
    assert (secrets.value["engine"], secrets.value["dbname"], secrets.value["port"]) == ("postgres", DATABASE, 5432)
    with log_in(servers, "shop", secrets.value["password"]) as connection:
        connection.execute("CREATE TABLE orders (id int)")
        connection.execute("DROP TABLE orders")
        for forbidden in ("CREATE ROLE x", "CREATE DATABASE x", "CREATE SCHEMA x", "SET ROLE master"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)


@servers_needed
def test_running_again_changes_nothing(servers: Cloud, secrets: Secrets, create: Callable[..., Event]) -> None:
    create(user="again")
    password, versions = secrets.value["password"], secrets.versions()
    assert create(user="again") == {"user": "again", "created": False, "rdsIam": False}
    assert secrets.value["password"] == password
    assert secrets.versions() == versions
    log_in(servers, "again", password).close()


@servers_needed
def test_a_password_that_was_changed_by_hand_is_set_back_to_the_secrets(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event]
) -> None:
    create(user="drifted")
    servers.execute("ALTER ROLE drifted NOLOGIN PASSWORD 'another'")
    create(user="drifted")
    log_in(servers, "drifted", secrets.value["password"]).close()


@servers_needed
@pytest.mark.parametrize("value", ["not ours", "[]", '{"username": "other", "password": "word"}'])
def test_a_secret_of_another_user_gets_a_new_password(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], value: str
) -> None:
    secrets.put(value)
    create(user="renamed")
    assert secrets.value["username"] == "renamed"
    assert secrets.value["password"] != "word"
    log_in(servers, "renamed", secrets.value["password"]).close()


@servers_needed
def test_a_secret_follows_its_database_to_another_host(secrets: Secrets, create: Callable[..., Event]) -> None:
    create(user="moved")
    password = secrets.value["password"]
    secrets.put(json.dumps({**secrets.value, "host": "before.example.com"}))
    create(user="moved")
    assert secrets.value["host"] != "before.example.com"
    assert secrets.value["password"] == password


@servers_needed
def test_rds_iam_is_granted_only_when_asked_and_taken_back(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event]
) -> None:
    create(user="tokens", rdsIam=True, userSecretArn=None)
    assert has_rds_iam(servers, "tokens")
    assert servers.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'tokens'") == [(None,)]
    create(user="tokens", rdsIam=True, userSecretArn=None)
    create(user="tokens", rdsIam=False)
    assert not has_rds_iam(servers, "tokens")
    log_in(servers, "tokens", secrets.value["password"]).close()


@servers_needed
@pytest.mark.parametrize("user", ['we"ird', "UPPER-case", "select", "naïve", "a b'; DROP ROLE app; --"])
def test_any_name_is_quoted(servers: Cloud, secrets: Secrets, create: Callable[..., Event], user: str) -> None:
    create(user=user)
    assert servers.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", user) == [(1,)]
    log_in(servers, user, secrets.value["password"]).close()


@servers_needed
def test_the_server_never_sees_the_password(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], capsys: pytest.CaptureFixture[str]
) -> None:
    servers.execute("ALTER SYSTEM SET log_statement = 'all'")
    servers.execute("SELECT pg_reload_conf()")
    try:
        answer = create(user="quiet")
    finally:
        servers.execute("ALTER SYSTEM RESET log_statement")
        servers.execute("SELECT pg_reload_conf()")
    log = (servers.folder / "postgres" / "postgresql.log").read_text()
    assert 'ROLE "quiet" LOGIN PASSWORD \'SCRAM-SHA-256$' in log
    password = secrets.value["password"]
    assert password not in log + capsys.readouterr().out + json.dumps(answer)


@servers_needed
@pytest.mark.parametrize("rds_iam", [False, True])
@pytest.mark.parametrize("timeouts", [{}, timeouts_of(9_500, None), timeouts_of(0, 25_000)], ids=str)
def test_the_printed_sql_makes_the_same_user(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], rds_iam: bool, timeouts: Timeouts
) -> None:
    printed, made = (f"{how}_{rds_iam}_{timeouts.get('statement_timeout')}" for how in ("printed", "made"))
    create(user=made, rdsIam=rds_iam, timeouts=timeouts)
    settings = servers.postgres.settings
    with log_in(servers, settings.username, settings.password) as master:
        master.execute(bootstrap_sql(printed, DATABASE, rds_iam, timeouts=timeouts).encode())
    assert privileges(servers, printed) == privileges(servers, made)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1), st.booleans())
def test_the_printed_sql_quotes_as_psycopg_does(name: str, rds_iam: bool) -> None:
    quoted = sql.Identifier(name).as_string()
    text = bootstrap_sql(name, "other", rds_iam)
    assert text.startswith(f"CREATE ROLE {quoted} LOGIN")
    assert f'GRANT CONNECT ON DATABASE "other" TO {quoted};' in text
    assert (f"GRANT rds_iam TO {quoted};" in text) is rds_iam
    assert f"GRANT CONNECT ON DATABASE {quoted} TO" in bootstrap_sql("other", name, rds_iam)


@servers_needed
def test_a_master_who_may_not_grant_is_told(servers: Cloud, secrets: Secrets, create: Callable[..., Event]) -> None:
    servers.execute("ALTER SCHEMA public OWNER TO rdsadmin")
    try:
        with pytest.raises(AdminError, match="may not grant on app_db"):
            create(user="nobody")
    finally:
        servers.execute("ALTER SCHEMA public OWNER TO master")
    assert servers.execute("SELECT 1 FROM pg_roles WHERE rolname = 'nobody'") == []


@servers_needed
@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(
    ("made", "right"),
    [
        ("CREATE ROLE strong SUPERUSER", "SUPERUSER"),
        ("CREATE ROLE strong CREATEROLE CREATEDB", "CREATEROLE, CREATEDB"),
        ("CREATE ROLE strong REPLICATION", "REPLICATION"),
        ("CREATE ROLE strong BYPASSRLS", "BYPASSRLS"),
        ("CREATE ROLE strong IN ROLE pg_monitor", "membership in pg_monitor"),
        ("CREATE ROLE strong IN ROLE rds_iam, master", "membership in master"),
    ],
)
def test_a_role_that_may_more_than_an_application_is_never_taken_over(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], made: str, right: str, adopt: bool
) -> None:
    servers.execute(made)
    try:
        with pytest.raises(AdminError, match=f"the user strong is there and has {right}; give the application another"):
            create(user="strong", adopt=adopt)
        assert servers.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'strong'") == [(False,)]
        assert secrets.is_empty()
    finally:
        servers.execute("DROP ROLE strong")


@servers_needed
def test_a_role_that_somebody_else_made_is_taken_over_when_the_stack_says_so(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event]
) -> None:
    settings = servers.postgres.settings
    with log_in(servers, settings.username, settings.password) as master:
        master.execute("CREATE ROLE theirs LOGIN PASSWORD 'word'")
    with pytest.raises(AdminError, match=r"the user theirs is there and was not made by this stack.*adoptUser: true"):
        create(user="theirs")
    log_in(servers, "theirs", "word").close()
    assert secrets.is_empty()
    assert not create(user="theirs", adopt=True)["created"]
    log_in(servers, "theirs", secrets.value["password"]).close()
    create(user="theirs")  # from then on it is ours


@servers_needed
def test_a_role_of_another_stack_is_left_alone(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    create(user="shared")
    password = secrets.value["password"]
    secrets.put('{"username": "nobody", "password": "word"}')
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders-test-admin")
    with pytest.raises(AdminError, match="was made by orders-dev-admin, of another stack"):
        create(user="shared")
    log_in(servers, "shared", password).close()


@servers_needed
@pytest.mark.parametrize("rds_iam", [False, True])
def test_a_role_that_this_stack_made_is_its_own_without_its_secret(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], rds_iam: bool
) -> None:
    create(user="kept", rdsIam=rds_iam)
    servers.execute("GRANT pg_monitor TO kept")  # what an administrator added is theirs to answer for
    secrets.put('{"username": "nobody", "password": "word"}')  # as a new secret of the same stack
    assert not create(user="kept")["created"]
    log_in(servers, "kept", secrets.value["password"]).close()
    servers.execute("DROP OWNED BY kept")
    servers.execute("DROP ROLE kept")


@servers_needed
@pytest.mark.parametrize("rds_iam", [False, True])
@pytest.mark.parametrize("before", ["iam", "iam-end-to-end"])
def test_a_user_of_version_0_2_is_its_own_whatever_it_becomes(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], before: str, rds_iam: bool
) -> None:
    settings, had_rds_iam = servers.postgres.settings, before == "iam-end-to-end"
    with log_in(servers, settings.username, settings.password) as master:
        for statement in bootstrap_sql("early", DATABASE, had_rds_iam).replace("'…'", "'word'").splitlines():
            master.execute(statement.encode())
    if not had_rds_iam:
        secrets.put('{"username": "early", "password": "word"}')
    try:
        for timeouts in (timeouts_of(25_000, 25_000), timeouts_of(None, 5_000)):
            assert not create(user="early", rdsIam=rds_iam, timeouts=timeouts)["created"]
            assert has_rds_iam(servers, "early") is rds_iam
            stated = [f"{name}={value}ms" for name, value in timeouts.items() if value is not None]
            assert servers.execute("SELECT rolconfig FROM pg_roles WHERE rolname = 'early'") == [(stated,)]
    finally:
        servers.execute("DROP OWNED BY early")
        servers.execute("DROP ROLE early")


@servers_needed
def test_a_users_timeouts_are_set_changed_and_given_back(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event]
) -> None:
    for timeouts, expected in (
        (timeouts_of(25_000, 25_000), (25_000, 25_000)),
        (timeouts_of(70_000, 0), (70_000, 0)),
        ({}, (70_000, 0)),  # nothing is said of them, and nothing is changed
        (timeouts_of(None, 9_000.0), (0, 9_000)),  # JSON has no whole numbers
        (timeouts_of(None, None), (0, 0)),
    ):
        create(user="timed", timeouts=timeouts)
        assert session_timeouts(servers, "timed", secrets) == expected
    assert servers.execute("SELECT rolconfig FROM pg_roles WHERE rolname = 'timed'") == [(None,)]


@pytest.mark.parametrize(
    ("timeouts", "words"),
    [
        ({"session_preload_libraries": 1}, "it may have statement_timeout and idle_in_transaction_session_timeout"),
        ({"statement_timeout": "1; DROP ROLE app"}, "must be whole milliseconds, or null"),
        ({"statement_timeout": 0.5}, "must be whole milliseconds, or null"),
        ({"statement_timeout": True}, "must be whole milliseconds, or null"),
    ],
)
def test_no_other_setting_of_a_role_is_taken_for_a_timeout(
    timeouts: Event, words: str, create: Callable[..., Event]
) -> None:
    with pytest.raises(AdminError, match=words):
        create(user="timed", timeouts=timeouts)


# Through the proxy: locks a row, says so, and then does what is said without end.
_HOLDER = """
import sys, psycopg
with psycopg.connect(sys.argv[1], application_name="holder") as connection:
    connection.execute("UPDATE counted SET number = number + 1")
    print("locked", flush=True)
    connection.execute(sys.argv[2])
    sys.stdin.read()
"""
_OF_HOLDER = "SELECT 1 FROM pg_stat_activity WHERE usename = 'holding' AND query = %s AND state <> 'idle'"


@servers_needed
@pytest.mark.parametrize(
    ("timeout", "then", "end"),
    [
        # Lambda freezes an environment whose invocation ended, whatever it has open, and nobody is told.
        ("idle_in_transaction_session_timeout", "SELECT 1", signal.SIGSTOP),
        # A server that works for a client does not see that it is gone.
        ("statement_timeout", "SELECT pg_sleep(3600)", signal.SIGKILL),
    ],
)
def test_what_a_function_held_that_is_gone_is_free_after_the_timeout_and_all_who_waited_get_on(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], timeout: str, then: str, end: signal.Signals
) -> None:
    create(user="holding", timeouts={**timeouts_of(None, None), timeout: 3_000})
    password = secrets.value["password"]
    with servers.pooling(users={APPLICATION: servers.password, "holding": password}, connection_borrow_timeout=60):
        proxy = servers.proxy.settings
        through_the_proxy = (
            f"host={proxy.address} port={proxy.port} dbname={DATABASE} user=holding password={password} "
            f"sslmode=verify-full sslrootcert={servers.bundle}"
        )
        with psycopg.connect(through_the_proxy) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS counted AS SELECT 0 AS number")
        numbers: list[int] = []

        def wait_and_count() -> None:
            while True:
                with suppress(psycopg.errors.QueryCanceled), psycopg.connect(through_the_proxy) as connection:
                    row = connection.execute("UPDATE counted SET number = number + 1 RETURNING number").fetchone()
                    numbers.extend(row or ())
                    return

        holder = subprocess.Popen(
            [sys.executable, "-c", _HOLDER, through_the_proxy, then],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            until(lambda: servers.execute(_OF_HOLDER, then) == [(1,)])
            holder.send_signal(end)
            for _ in range(8):
                threading.Thread(target=wait_and_count, daemon=True).start()
            until(lambda: len(numbers) == 8)
            assert sorted(numbers) == list(range(1, 9))  # what was held is undone, and each of the others is done
        finally:
            holder.kill()
            holder.communicate()
            servers.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'holding'")
            servers.execute("DROP TABLE counted")


@servers_needed
@pytest.mark.parametrize(
    "grants",
    [
        "",
        "GRANT ALL ON DATABASE app_db TO foreigner; GRANT USAGE, CREATE ON SCHEMA public TO foreigner",
        "GRANT CONNECT ON DATABASE app_db TO foreigner; GRANT USAGE ON SCHEMA public TO foreigner",
    ],
)
def test_a_role_that_is_not_as_we_would_have_left_it_is_not_ours(
    servers: Cloud, create: Callable[..., Event], grants: str
) -> None:
    servers.execute("CREATE ROLE foreigner LOGIN IN ROLE rds_iam")
    servers.execute(grants)
    try:
        with pytest.raises(AdminError, match="was not made by this stack"):
            create(user="foreigner", rdsIam=True, userSecretArn=None)
    finally:
        servers.execute("DROP OWNED BY foreigner; DROP ROLE foreigner")


@servers_needed
def test_a_password_is_not_set_while_a_rotation_is_at_it(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event]
) -> None:
    create(user="turning")
    password = secrets.value["password"]
    version = secrets.begin_rotation(json.dumps({**secrets.value, "password": "next"}))
    servers.execute("ALTER ROLE turning PASSWORD 'next'")  # as far as setSecret
    command = f"update-secret-version-stage --secret-id {secrets.user_arn} --version-stage AWSPENDING.*{version}"
    with pytest.raises(AdminError, match=command):
        create(user="turning", seconds=4)
    log_in(servers, "turning", "next").close()
    secrets.finish_rotation(version)
    create(user="turning")
    log_in(servers, "turning", "next").close()
    assert secrets.value["password"] == "next" != password


@servers_needed
def test_a_label_that_a_rotation_left_moves_with_the_password(secrets: Secrets, create: Callable[..., Event]) -> None:
    create(user="labelled")
    moved = json.dumps({**secrets.value, "host": "before.example.com"})
    secrets.put(moved, stages=["AWSCURRENT", "AWSPENDING"])  # as a rotation that ended well may leave it
    create(user="labelled")
    assert secrets.value["host"] != "before.example.com"
    create(user="labelled")


@servers_needed
def test_a_rotation_that_begins_in_between_takes_the_password_back(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    create(user="racing")
    before = servers.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'racing'")
    grants = postgresql.Session._ensure_grants

    def and_a_rotation(*words: Any, **named: Any) -> None:
        secrets.begin_rotation('{"username": "racing", "password": "next"}')
        grants(*words, **named)

    monkeypatch.setattr(postgresql.Session, "_ensure_grants", and_a_rotation)
    with pytest.raises(AdminError, match="a rotation of the secret"):
        create(user="racing", seconds=4)
    assert servers.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'racing'") == before


@servers_needed
@pytest.mark.parametrize("left", [[], ["AWSPENDING"]])
def test_a_rotation_that_ended_in_between_has_the_last_word(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], monkeypatch: pytest.MonkeyPatch, left: list[str]
) -> None:
    create(user="raced")
    grants, rotations = postgresql.Session._ensure_grants, ["next"]

    def and_a_rotation(*words: Any, **named: Any) -> None:
        if rotations:
            secrets.put(json.dumps({**secrets.value, "password": rotations.pop()}), ["AWSCURRENT", *left])
        grants(*words, **named)

    monkeypatch.setattr(postgresql.Session, "_ensure_grants", and_a_rotation)
    create(user="raced")
    log_in(servers, "raced", "next").close()


@servers_needed
def test_a_database_that_is_not_there_yet_is_waited_for(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], capsys: pytest.CaptureFixture[str]
) -> None:
    servers.postgres.stop()
    starting = threading.Timer(0.2, servers.postgres.start)
    starting.start()
    try:
        assert create(user="patient")["created"]
    finally:
        starting.join()
    assert "attempt 1: " in capsys.readouterr().out


@servers_needed
def test_a_wrong_master_password_is_told_with_its_likely_cause(
    servers: Cloud, secrets: Secrets, create: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = json.dumps({"username": "master", "password": "hidden-password"})
    secrets.put(wrong)
    with pytest.raises(
        AdminError, match=r"password authentication failed.*likely the secret, the database's"
    ) as raised:
        create(masterSecretArn=secrets.user_arn, seconds=4)
    assert "hidden" not in str(raised.value)


@pytest.fixture
def verify(servers: Cloud, secrets: Secrets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Event]:
    """Invokes verify with what Pulumi would send, changed as told."""
    database = {"host": "orders", "port": 5432, "masterSecretArn": secrets.master_arn}
    made_for(monkeypatch, tmp_path, database)
    # libpq resolves no name that psycopg has not resolved before.
    resolving(monkeypatch, servers.proxy.settings.address, 5432)

    def invoke(**changed: Any) -> Event:
        event = {
            "action": "verify",
            "host": PROXY_NAME,
            "port": 5432,
            "database": DATABASE,
            "user": "app",
            "auth": "secret",
            "userSecretArn": secrets.user_arn,
            "timeoutSeconds": 2,
            "proxyId": "prx-0123456789abcdef0",
            **changed,
        }
        return handler(event, Context(event.pop("seconds", 30)))

    secrets.put(json.dumps({"username": "app", "password": servers.password}))
    return invoke


@servers_needed
def test_the_way_through_the_proxy_is_verified_as_the_application(verify: Callable[..., Event]) -> None:
    answer = verify()
    assert (answer["user"], answer["database"], answer["attempts"]) == ("app", DATABASE, 1)
    assert answer["server"].startswith("PostgreSQL ")


@servers_needed
def test_a_proxy_that_is_still_starting_is_waited_for(servers: Cloud, verify: Callable[..., Event]) -> None:
    servers.proxy.stop()
    starting = threading.Timer(0.3, servers.proxy.start)
    starting.start()
    try:
        assert verify(timeoutSeconds=10)["attempts"] > 1
    finally:
        starting.join()


@servers_needed
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"port": 9}, "Connection refused.*nothing listens there"),
        ({"database": "nowhere", "user": "app"}, "database.*nowhere"),
        ({"userSecretArn": "missing"}, "GetSecretValue: ResourceNotFoundException"),
    ],
)
def test_a_way_that_stays_shut_is_told_with_the_last_reason(
    verify: Callable[..., Event], changed: Event, words: str
) -> None:
    with pytest.raises(AdminError, match=rf"(?s)within 2 s \(\d+ attempts\).*{words}"):
        verify(**changed)


@servers_needed
def test_a_proxy_with_another_authority_is_refused(
    verify: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_SSL_ROOT_CERT")
    with pytest.raises(AdminError, match=r"certificate verify failed.*of another authority"):
        verify()


@servers_needed
def test_a_proxy_of_another_name_is_refused(
    servers: Cloud, verify: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    address = servers.proxy.settings.address
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", (address, 5432))])
    with pytest.raises(AdminError, match=r"does not match host name.*not for this name"):
        verify(host="another.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com")


@servers_needed
def test_a_reason_never_quotes_the_statement(servers: Cloud) -> None:
    for wrong, words in (
        ("app 'SCRAM-SHA-256$hidden'", "syntax error"),
        ("nobody PASSWORD 'hidden'", "role .* not exist"),
    ):
        with servers.connect() as connection, pytest.raises(psycopg.Error) as raised:
            connection.execute(f"ALTER ROLE {wrong}")
        assert re.fullmatch(words, postgresql.reason(raised.value))
    refused = psycopg.OperationalError(
        "connection failed: FATAL:  no\nLINE 1: SELECT 'hidden'\nQUERY:  SELECT 'hidden'"
    )
    assert postgresql.reason(refused) == "connection failed: FATAL: no"


@servers_needed
def test_a_proxy_without_a_database_connection_is_told(servers: Cloud, verify: Callable[..., Event]) -> None:
    with servers.pooling(max_connections_percent=3), servers.connect() as holder:
        holder.execute("SELECT 1")
        with pytest.raises(AdminError, match=r"Timed-out waiting.*gets no database connection"):
            verify()


@servers_needed
def test_the_invocations_own_time_is_a_limit_too(servers: Cloud, verify: Callable[..., Event]) -> None:
    with servers.pooling(max_connections_percent=3, connection_borrow_timeout=60), servers.connect() as holder:
        holder.execute("SELECT 1")
        context = Context(5)
        with pytest.raises(AdminError, match="within 2 s"):
            verify(timeoutSeconds=300, seconds=5)
        assert context.get_remaining_time_in_millis() > 1000


@servers_needed
def test_with_iam_the_password_is_a_token(
    servers: Cloud, verify: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    session = postgresql.session

    def with_the_password(server: Any, login: Login, seconds: float) -> Any:
        assert login.is_token
        asked.append(login.password)
        return session(server, Login(user=login.user, password=servers.password), seconds)

    monkeypatch.setattr(postgresql, "session", with_the_password)
    assert verify(auth="iam", userSecretArn=None)["user"] == "app"
    assert asked[0].startswith(f"{PROXY_NAME}:5432/?Action=connect&DBUser=app&X-Amz-")


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"action": "create-user", "engine": "oracle"}, '"oracle" is unknown; it must be postgresql or mysql'),
        ({"action": "drop-user"}, '"drop-user" is unknown; it must be create-user or verify'),
        ({}, '"None" is unknown'),
    ],
)
def test_what_cannot_be_done_is_told_in_one_sentence(event: Event, words: str) -> None:
    with pytest.raises(AdminError, match=words):
        handler(event, Context(30))


def session_timeouts(cloud: Cloud, user: str, secrets: Secrets) -> tuple[int, int]:
    """What a new session of a user has, in milliseconds."""
    password = secrets.value["password"]
    names = ("statement_timeout", "idle_in_transaction_session_timeout")
    with log_in(cloud, user, password) as connection:
        rows = connection.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)]
        ).fetchall()
    found = {name: int(setting) for name, setting in rows}
    return found[names[0]], found[names[1]]


def has_rds_iam(cloud: Cloud, user: str) -> bool:
    return bool(cloud.execute("SELECT pg_has_role(%s, 'rds_iam', 'MEMBER')", user)[0][0])


def privileges(cloud: Cloud, user: str) -> list[tuple[Any, ...]]:
    """What a role is and may, without its name and its password's salt."""
    return cloud.execute(
        "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolinherit, rolreplication, rolconnlimit,"
        " rolpassword IS NULL, substr(rolpassword, 1, 13),"
        " (SELECT array_agg(privilege_type ORDER BY 1) FROM pg_database, aclexplode(datacl) WHERE grantee = r.oid),"
        " (SELECT array_agg(privilege_type ORDER BY 1) FROM pg_namespace, aclexplode(nspacl) WHERE grantee = r.oid),"
        " (SELECT array_agg(roleid::regrole::text ORDER BY 1) FROM pg_auth_members WHERE member = r.oid),"
        " (SELECT array_agg(setconfig) FROM pg_db_role_setting WHERE setrole = r.oid)"
        " FROM pg_authid r WHERE rolname = %s",
        user,
    )
