"""The admin function on a real MariaDB whose master is no superuser, with Secrets Manager in moto."""

import json
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import create_connection as connect
from typing import Any

import boto3
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from lambda_rds_proxy.engines import ENGINES, Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from lambda_rds_proxy.user.admin_function.database_admin import mysql
from lambda_rds_proxy.user.admin_function.database_admin.app import handler
from lambda_rds_proxy.user.admin_function.database_admin.bootstrap_sql import (
    MYSQL_PRIVILEGES,
    bootstrap_sql,
    mysql_account,
    mysql_schema,
)
from lambda_rds_proxy.user.admin_function.database_admin.server import AdminError
from tests.components.user.invoked import made_for
from tests.components.user.test_admin_function import Secrets
from tests.handler.cloud import DATABASE, Context
from tests.mariadb import ADMINISTRATOR, PORT, MariaDB, running

servers_needed = pytest.mark.servers
Event = dict[str, Any]
AWKWARD = ["we`ird", "UPPER-case", "select", "naïve", "a'b\\", "a b'; DROP USER app; --", "100%", "%s"]


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    with running() as mariadb:
        yield mariadb


@pytest.fixture
def secrets(server: MariaDB, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secrets]:
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
        "DB_SSL_ROOT_CERT": server.bundle,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Secrets("master", server.master_password)


@pytest.fixture
def create(server: MariaDB, secrets: Secrets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Event]:
    """Invokes create-user with what Pulumi would send, changed as told."""

    def invoke(**changed: Any) -> Event:
        event = {
            "action": "create-user",
            "engine": "mysql",
            "host": server.address,
            "port": PORT,
            "database": DATABASE,
            "masterSecretArn": secrets.master_arn,
            "userSecretArn": secrets.user_arn,
            "user": "shop",
            "rdsIam": False,
            **changed,
        }
        made_for(monkeypatch, tmp_path, event)
        return handler(event, Context(event.pop("seconds", 60)))

    return invoke


@servers_needed
def test_a_user_is_made_that_owns_its_tables_and_may_do_nothing_else(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    assert create(user="shop") == {"user": "shop", "created": True, "rdsIam": False}
    assert secrets.value["username"] == "shop"
    assert len(secrets.value["password"]) >= 40
    assert (secrets.value["engine"], secrets.value["dbname"], secrets.value["port"]) == ("mysql", DATABASE, PORT)
    server.execute("CREATE DATABASE IF NOT EXISTS appXdb")  # what `app_db` is a pattern for
    with server.log_in("shop", secrets.value["password"]) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id int)")
        cursor.execute("ALTER TABLE orders ADD note text")
        cursor.execute("DROP TABLE orders")
        for forbidden in (
            "CREATE USER x",
            "CREATE DATABASE x",
            "CREATE TABLE appXdb.x (id int)",
            "SELECT * FROM mysql.user",
            f"GRANT SELECT ON {DATABASE}.* TO master",
        ):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(forbidden)


@servers_needed
def test_running_again_changes_nothing(server: MariaDB, secrets: Secrets, create: Callable[..., Event]) -> None:
    create(user="again")
    password, versions, grants = secrets.value["password"], secrets.versions(), privileges(server, "again")
    assert create(user="again") == {"user": "again", "created": False, "rdsIam": False}
    assert (secrets.value["password"], secrets.versions()) == (password, versions)
    assert privileges(server, "again") == grants
    server.log_in("again", password).close()


@servers_needed
def test_a_login_that_was_changed_by_hand_is_set_back(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    create(user="drifted")
    server.execute("ALTER USER drifted IDENTIFIED BY 'another' REQUIRE NONE ACCOUNT LOCK")
    create(user="drifted")
    server.log_in("drifted", secrets.value["password"]).close()
    assert "REQUIRE SSL" in privileges(server, "drifted")[0]


@servers_needed
def test_a_secret_of_another_user_gets_a_new_password(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    secrets.put('{"username": "other", "password": "word"}')
    create(user="renamed")
    assert secrets.value["username"] == "renamed"
    server.log_in("renamed", secrets.value["password"]).close()


@servers_needed
def test_two_runs_at_once_agree_on_one_password(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    answers: list[Event] = []
    runs = [threading.Thread(target=lambda: answers.append(create(user="raced"))) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(each["created"] for each in answers) == [False, False, True]
    server.log_in("raced", secrets.value["password"]).close()


@servers_needed
def test_a_run_that_finds_another_at_work_for_too_long_changes_nothing(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    with server.log_in("master", server.master_password) as other, other.cursor() as cursor:
        cursor.execute("SELECT GET_LOCK(%s, 0)", [mysql._LOCK])
        with pytest.raises(AdminError, match="another run is making users"):
            create(user="late", seconds=8)
    assert server.execute("SELECT 1 FROM mysql.user WHERE user = 'late'") == []
    assert secrets.is_empty()


@servers_needed
@pytest.mark.parametrize("user", AWKWARD)
def test_any_name_is_quoted(server: MariaDB, secrets: Secrets, create: Callable[..., Event], user: str) -> None:
    assert create(user=user)["created"]
    assert not create(user=user)["created"]
    assert server.execute("SELECT 1 FROM mysql.user WHERE user = %s", user) == [(1,)]
    server.log_in(user, secrets.value["password"]).close()


@servers_needed
@pytest.mark.parametrize("database", ["under_score", "hy-phen", "we`ird", "back\\slash", "100%", "%s"])
def test_any_database_is_quoted_and_is_no_pattern(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event], database: str
) -> None:
    named = "`" + database.replace("`", "``") + "`"
    server.execute(f"CREATE DATABASE {named}")
    server.execute("DROP USER IF EXISTS visitor")
    create(user="visitor", database=database)
    with server.log_in("visitor", secrets.value["password"], database) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE mine (id int)")


@servers_needed
def test_the_server_never_sees_the_password(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event], capsys: pytest.CaptureFixture[str]
) -> None:
    server.execute("SET GLOBAL general_log = ON")
    try:
        answer = create(user="quiet")
    finally:
        server.execute("SET GLOBAL general_log = OFF")
    log = (server.folder / "general.log").read_text()
    assert "CREATE USER `quiet`@`%`" in log
    assert secrets.value["password"] not in log + capsys.readouterr().out + json.dumps(answer)


@servers_needed
def test_the_printed_sql_makes_the_same_user(server: MariaDB, create: Callable[..., Event]) -> None:
    create(user="made_user")
    with server.log_in("master", server.master_password) as master, master.cursor() as cursor:
        for statement in bootstrap_sql("printed", DATABASE, False, engine="mysql").split("\n"):
            cursor.execute(statement)
    made = [line.replace("made_user", "printed") for line in privileges(server, "made_user")]
    assert privileges(server, "printed") == made


@servers_needed
@pytest.mark.parametrize("adopt", [False, True])
@pytest.mark.parametrize(
    ("grant", "right"),
    [
        ("GRANT CREATE USER ON *.* TO strong", r"CREATE USER ON \*\.\*"),
        ("GRANT USAGE ON *.* TO strong WITH GRANT OPTION", "GRANT OPTION"),
        ("GRANT SELECT ON app_db.* TO strong WITH GRANT OPTION", "GRANT OPTION"),
        ("GRANT readers TO strong", "the role `readers`"),
    ],
)
def test_a_user_that_may_more_than_an_application_is_never_taken_over(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event], grant: str, right: str, adopt: bool
) -> None:
    server.execute("CREATE OR REPLACE ROLE readers")
    server.execute("CREATE OR REPLACE USER strong IDENTIFIED BY 'word'")
    server.execute(grant)
    with pytest.raises(AdminError, match=f"the user strong is there and has {right}; give the application another"):
        create(user="strong", adopt=adopt)
    assert secrets.is_empty()
    server.log_in("strong", "word", "information_schema").close()


@servers_needed
def test_a_user_that_somebody_else_made_is_taken_over_when_the_stack_says_so(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    server.execute("CREATE OR REPLACE USER theirs IDENTIFIED BY 'word'")
    with pytest.raises(AdminError, match=r"was not made by this stack.*adoptUser: true"):
        create(user="theirs")
    assert secrets.is_empty()
    assert not create(user="theirs", adopt=True)["created"]
    server.log_in("theirs", secrets.value["password"]).close()


@servers_needed
def test_a_user_that_this_stack_made_is_its_own_with_and_without_its_secret(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    create(user="kept")
    server.execute("GRANT CREATE USER ON *.* TO kept")  # what an administrator added is theirs to answer for
    assert not create(user="kept")["created"]
    server.execute("REVOKE CREATE USER ON *.* FROM kept")
    secrets.put('{"username": "nobody", "password": "word"}')  # as a new secret of the same stack
    assert not create(user="kept")["created"]
    server.log_in("kept", secrets.value["password"]).close()


def test_a_mark_says_who_made_a_user() -> None:
    def ensured(mark: str | None) -> list[str]:
        connection: Any = Statements(None, mark)
        mysql.Session(connection, "app_db", 10).ensure_user("app", None, maker="admin", adopt=False, timeouts={})
        told: list[str] = connection.told
        return [each for each in told if " USER " in each]

    assert ensured("made by lambda-rds-proxy: admin") == [
        "ALTER USER `app`@`%` IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS' REQUIRE SSL ACCOUNT UNLOCK"
        " COMMENT 'made by lambda-rds-proxy: admin'"
    ]
    with pytest.raises(AdminError, match="was made by other, of another stack"):
        ensured("made by lambda-rds-proxy: other")
    with pytest.raises(AdminError, match="was not made by this stack"):
        ensured("somebody's")


@pytest.mark.parametrize(
    ("grant", "rights"),
    [
        ("GRANT USAGE ON *.* TO `app`@`%`", []),
        ("GRANT SELECT, INSERT ON `app\\_db`.* TO `app`@`%`", []),
        ("GRANT SELECT ON `orders`.`a TO b` TO `app`@`%`", []),
        ("REVOKE SELECT ON `mysql`.* FROM `app`@`%`", []),
        ("GRANT SYSTEM_USER,ROLE_ADMIN ON *.* TO `app`@`%`", ["SYSTEM_USER,ROLE_ADMIN ON *.*"]),
        ("GRANT SYSTEM_USER ON *.* TO `app`@`%` WITH GRANT OPTION", ["SYSTEM_USER ON *.*", "GRANT OPTION"]),
        ("GRANT `rds_superuser_role`@`%` TO `app`@`%`", ["the role `rds_superuser_role`@`%`"]),
        ("GRANT `x ON y`@`%` TO `app`@`%`", ["the role `x ON y`@`%`"]),
        ("GRANT PROXY ON `a`@`%` TO `app`@`%`", ["PROXY ON `a`@`%`"]),
    ],
)
def test_what_a_grant_gives_beyond_single_databases(grant: str, rights: list[str]) -> None:
    assert mysql.rights_beyond(grant) == rights


def test_a_user_of_version_0_2_is_known_by_its_grants() -> None:
    usage, ours = "GRANT USAGE ON *.* TO `app`@`%`", "GRANT {} ON `app\\_db`.* TO `app`@`%`"
    in_mysqls_order = ", ".join(reversed(MYSQL_PRIVILEGES.split(", ")))
    assert mysql.is_as_made([usage, ours.format(in_mysqls_order)], r"`app\_db`")
    assert not mysql.is_as_made([usage], r"`app\_db`")
    assert not mysql.is_as_made([usage, ours.format("SELECT")], r"`app\_db`")
    assert not mysql.is_as_made([usage, ours.format(in_mysqls_order)], "`other`")
    assert not mysql.is_as_made([usage, ours.format(in_mysqls_order), ours.format("EVENT")], r"`app\_db`")


@servers_needed
def test_a_password_is_not_set_while_a_rotation_is_at_it(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event]
) -> None:
    create(user="turning")
    password = secrets.value["password"]
    secrets.begin_rotation('{"username": "turning", "password": "next"}')
    server.execute("ALTER USER turning IDENTIFIED BY 'next'")  # as far as setSecret
    with pytest.raises(AdminError, match=r"update-secret-version-stage .*likely one that failed"):
        create(user="turning", seconds=4)
    server.log_in("turning", "next").close()
    assert secrets.value["password"] == password


names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)


@given(names, st.booleans())
def test_the_printed_sql_keeps_every_name_inside_its_quotes(name: str, rds_iam: bool) -> None:
    create, grant = bootstrap_sql(name, "other", rds_iam, engine="mysql").split(";\n")
    assert unquoted(create.removeprefix("CREATE USER ")) == (
        name,
        f"@`%` IDENTIFIED {mysql_login(rds_iam)} REQUIRE SSL",
    )
    assert unquoted(grant.partition(" TO ")[2]) == (name, "@`%`;")


@given(names)
def test_a_database_of_a_grant_is_a_pattern_of_itself_alone(name: str) -> None:
    pattern, rest = unquoted(mysql_schema(name))
    assert rest == ""
    assert "".join(literally(pattern)) == name


@given(names)
def test_a_database_that_is_taken_literally_is_itself(name: str) -> None:
    assert unquoted(mysql_schema(name, literal=True)) == (name, "")


class Statements:
    """A connection that answers as MySQL does and keeps what it was told; MariaDB has no partial_revokes."""

    def __init__(self, partial_revokes: str | None, mark: str | None = None) -> None:
        self.told: list[str] = []
        self._answers: dict[str, list[tuple[Any, ...]]] = {
            "SELECT GET_LOCK": [(1,)],
            "SHOW GLOBAL VARIABLES LIKE 'partial_revokes'": [("partial_revokes", partial_revokes)],
        }
        if mark is not None:
            self._answers |= {
                "SELECT 1 FROM mysql.user": [(1,)],
                "SELECT 1 FROM information_schema.tables": [(1,)],
                "SHOW GRANTS": [("GRANT USAGE ON *.* TO `app`@`%`",)],
                "SELECT attribute": [(mark,)],
            }
        if partial_revokes is None:
            del self._answers["SHOW GLOBAL VARIABLES LIKE 'partial_revokes'"]

    def cursor(self) -> "Statements":
        return self

    def __enter__(self) -> "Statements":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, values: object = None) -> None:
        self.told.append(statement)

    def fetchall(self) -> list[tuple[Any, ...]]:
        return next((rows for start, rows in self._answers.items() if self.told[-1].startswith(start)), [])

    def escape(self, text: str) -> str:
        return f"'{text}'"


@pytest.mark.parametrize(
    ("partial_revokes", "schema"),
    [("ON", "`app_db`.*"), ("OFF", r"`app\_db`.*"), (None, r"`app\_db`.*")],
)
def test_a_grant_names_the_database_as_the_server_reads_it(partial_revokes: str | None, schema: str) -> None:
    connection: Any = Statements(partial_revokes)
    mysql.Session(connection, "app_db", 10).ensure_user("app", None, maker="admin", adopt=False, timeouts={})
    (grant,) = [each for each in connection.told if each.startswith("GRANT ")]
    assert f" ON {schema} TO " in grant


@pytest.mark.parametrize(("database", "hinted"), [("app_db", True), ("orders", False)])
def test_the_printed_sql_says_what_to_change_where_a_grant_is_no_pattern(database: str, hinted: bool) -> None:
    assert (
        "partial_revokes=ON: without backslashes" in bootstrap_sql("app", database, False, engine="mysql")
    ) is hinted


@given(names)
def test_an_account_is_of_any_host(name: str) -> None:
    assert unquoted(mysql_account(name)) == (name, "@`%`")


@servers_needed
def test_a_token_login_needs_rdss_own_plugin_and_tls(create: Callable[..., Event]) -> None:
    # MariaDB has no such plugin: it is asked for, and its absence is told once, not waited for.
    with pytest.raises(AdminError, match=r"the user tokens could not be made.*AWSAuthenticationPlugin"):
        create(user="tokens", rdsIam=True, userSecretArn=None)


def test_a_password_is_kept_by_the_first_plugin_that_a_proxys_clients_may_use() -> None:
    types = ENGINES[Engine.MYSQL].client_password_auth_types
    assert tuple(f"MYSQL_{plugin.removeprefix('mysql_').upper()}" for plugin in mysql.PASSWORD_PLUGINS) == types


class Plugins:
    """As much of a connection as the choice of a plugin needs: MySQL's own list, which MariaDB does not have."""

    def __init__(self, *active: str) -> None:
        self._active = [(each,) for each in active]

    def cursor(self) -> "Plugins":
        return self

    def __enter__(self) -> "Plugins":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, statement: str, values: object = None) -> None:
        assert "information_schema.plugins" in statement

    def fetchall(self) -> list[tuple[str]]:
        return self._active

    def escape(self, text: str) -> str:
        return f"'{text}'"


@pytest.mark.parametrize(
    ("active", "login"),
    [
        (("caching_sha2_password", "mysql_native_password"), "WITH caching_sha2_password BY 'password'"),
        (("caching_sha2_password",), "WITH caching_sha2_password BY 'password'"),
        (
            ("mysql_native_password", "sha256_password"),
            "WITH mysql_native_password AS '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'",
        ),
    ],
)
def test_the_strongest_plugin_of_the_server_is_used(active: tuple[str, ...], login: str) -> None:
    connection: Any = Plugins(*active)
    assert mysql.Session(connection, DATABASE, 1)._password_login("password") == login


@servers_needed
def test_a_native_hash_is_the_servers_own(server: MariaDB) -> None:
    assert server.execute("SELECT PASSWORD('wörd')") == [(mysql.native_password_hash("wörd"),)]


@servers_needed
def test_a_master_who_may_not_grant_is_told(server: MariaDB, secrets: Secrets, create: Callable[..., Event]) -> None:
    server.execute("CREATE OR REPLACE USER weak IDENTIFIED BY 'word'")
    server.execute("GRANT CREATE USER ON *.* TO weak")
    server.execute("GRANT SELECT ON mysql.* TO weak")
    server.execute(f"GRANT SELECT ON {DATABASE}.* TO weak")
    secrets.put('{"username": "weak", "password": "word"}')
    other = boto3.client("secretsmanager", region_name="eu-west-1").create_secret(Name="other")["ARN"]
    with pytest.raises(AdminError, match="may not grant on app_db"):
        create(user="nobody", masterSecretArn=secrets.user_arn, userSecretArn=other)


@servers_needed
def test_a_master_who_may_not_make_users_is_told_at_once(
    server: MariaDB, secrets: Secrets, create: Callable[..., Event], capsys: pytest.CaptureFixture[str]
) -> None:
    server.execute("CREATE OR REPLACE USER weaker IDENTIFIED BY 'word'")
    server.execute("GRANT SELECT ON mysql.* TO weaker")
    server.execute(f"GRANT SELECT ON {DATABASE}.* TO weaker")
    secrets.put('{"username": "weaker", "password": "word"}')
    other = boto3.client("secretsmanager", region_name="eu-west-1").create_secret(Name="other")["ARN"]
    with pytest.raises(AdminError, match=r"the user noone could not be made.*CREATE USER"):
        create(user="noone", masterSecretArn=secrets.user_arn, userSecretArn=other)
    assert "attempt" not in capsys.readouterr().out


@servers_needed
def test_a_wrong_master_password_is_told_with_its_likely_cause(secrets: Secrets, create: Callable[..., Event]) -> None:
    secrets.put('{"username": "master", "password": "hidden-password"}')
    with pytest.raises(AdminError, match=r"Access denied for user 'master'.*likely the secret, the database's") as told:
        create(masterSecretArn=secrets.user_arn, seconds=8)
    assert "hidden" not in str(told.value)


@servers_needed
def test_a_database_that_is_not_there_yet_is_waited_for(
    server: MariaDB, create: Callable[..., Event], capsys: pytest.CaptureFixture[str]
) -> None:
    server.stop()
    with pytest.MonkeyPatch.context() as patch:

        def start(_: float) -> None:
            patch.undo()
            server.start()

        patch.setattr("time.sleep", start)
        assert create(user="patient")["created"]
    assert "attempt 1: " in capsys.readouterr().out


@servers_needed
def test_a_reason_never_quotes_the_statement(server: MariaDB) -> None:
    for language in ("en_US", "de_DE"):
        with server.log_in(ADMINISTRATOR, server.administrator_password) as connection, connection.cursor() as cursor:
            cursor.execute("SET lc_messages = %s", [language])
            with pytest.raises(pymysql.Error) as raised:
                cursor.execute("CREATE USER x IDENTIFIED oops BY 'hidden'")
        assert "hidden" in str(raised.value)
        assert mysql.reason(raised.value) == "syntax error"


@pytest.mark.parametrize(
    ("engine", "library", "left_out"), [(Engine.MYSQL, "pymysql", "psycopg"), (Engine.POSTGRESQL, "psycopg", "pymysql")]
)
@servers_needed
def test_its_package_holds_the_library_of_its_engine_and_no_other(
    tmp_path: Path, engine: Engine, library: str, left_out: str
) -> None:
    source = Path(mysql.__file__).parents[1]
    zipfile.ZipFile(build_package(source, target=this_machine(), engine=engine)).extractall(tmp_path)
    assert not list(tmp_path.glob(f"{left_out}*"))
    program = (
        f"import sys; sys.modules['{left_out}'] = None; from database_admin import app; app.driver('{engine}'); "
        f"print(sys.modules['{library}'].__file__)"
    )
    # boto3 is Lambda's own, here this environment's.
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)


@pytest.fixture
def verify(server: MariaDB, secrets: Secrets, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Event]:
    """Invokes verify with what Pulumi would send, changed as told."""
    made_for(monkeypatch, tmp_path, {"host": "orders", "port": PORT, "masterSecretArn": secrets.master_arn})
    # PyMySQL has the name resolved on its way to a socket, and not by Python's look-up.
    monkeypatch.setattr(
        "socket.create_connection",
        lambda address, *rest, **named: connect((server.address, address[1]), *rest, **named),
    )

    def invoke(**changed: Any) -> Event:
        event = {
            "action": "verify",
            "engine": "mysql",
            "host": "orders.c0ffee123456.eu-west-1.rds.amazonaws.com",
            "port": PORT,
            "database": DATABASE,
            "user": "app",
            "auth": "secret",
            "userSecretArn": secrets.user_arn,
            "timeoutSeconds": 4,
            "proxyId": "prx-0123456789abcdef0",
            **changed,
        }
        return handler(event, Context(event.pop("seconds", 60)))

    secrets.put(json.dumps({"username": "app", "password": server.password}))
    return invoke


@servers_needed
def test_the_way_is_verified_as_the_application(verify: Callable[..., Event]) -> None:
    answer = verify(timeoutSeconds=30)
    assert (answer["user"], answer["database"], answer["attempts"]) == ("app", DATABASE, 1)
    assert answer["server"].startswith("MySQL ")


@servers_needed
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"port": 9}, "Connection refused.*nothing listens there"),
        ({"database": "nowhere"}, "Access denied.*do not agree"),
        ({"userSecretArn": "missing"}, "GetSecretValue: ResourceNotFoundException"),
    ],
)
def test_a_way_that_stays_shut_is_told_with_the_last_reason(
    verify: Callable[..., Event], changed: Event, words: str
) -> None:
    with pytest.raises(AdminError, match=rf"(?s)within 4 s \(\d+ attempts\).*{words}"):
        verify(**changed)


@servers_needed
def test_a_proxy_with_another_authority_is_refused(
    verify: Callable[..., Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_SSL_ROOT_CERT")
    with pytest.raises(AdminError, match=r"certificate verify failed.*of another authority"):
        verify()


@servers_needed
def test_a_proxy_of_another_name_is_refused(verify: Callable[..., Event]) -> None:
    with pytest.raises(AdminError, match=r"Hostname mismatch.*not for this name"):
        verify(host="another.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com")


def privileges(server: MariaDB, user: str) -> list[str]:
    """How a user logs in, without its password, and what it may."""
    (made,) = server.execute(f"SHOW CREATE USER '{user}'@'%'") or [("",)]
    grants = server.execute(f"SHOW GRANTS FOR '{user}'@'%'")
    return [text.partition("'*")[0] + text.partition("'*")[2][41:] for (text,) in [made, *grants]]


def mysql_login(rds_iam: bool) -> str:
    return "WITH AWSAuthenticationPlugin AS 'RDS'" if rds_iam else "BY '…'"


def unquoted(text: str) -> tuple[str, str]:
    """A name between backticks, as MySQL reads it, and what follows."""
    assert text[0] == "`"
    name, index = "", 1
    while text[index] != "`" or text[index + 1 : index + 2] == "`":
        index += 1 + (text[index] == "`")
        name += text[index - 1]
    return name, text[index + 1 :]


def literally(pattern: str) -> Iterator[str]:
    """The characters of a pattern of a GRANT in which nothing is a wildcard."""
    characters = iter(pattern)
    for character in characters:
        assert character not in "%_"
        yield next(characters) if character == "\\" else character
