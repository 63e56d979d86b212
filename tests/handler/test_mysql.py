"""What MySQL's errors mean, what is imported for which engine, and how a token is sent."""

import subprocess
import sys
from pathlib import Path

import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rds_connection
from rds_connection import ConfigurationError, NoConnectionError, Settings, connection, mysql
from rds_connection.driver import driver
from rds_connection.failures import Failure
from rds_connection.metrics import outcome
from rds_connection.mysql import connect_failure, statement_failure

from .clear_password import listening
from .cloud import Context

HANDLER = Path(__file__).resolve().parents[2] / "handler"
Operational = pymysql.OperationalError
# RDS User Guide, "Troubleshooting RDS Proxy"; MySQL 8.4; MariaDB 10.11; PyMySQL 1.2.
CONNECT_ERRORS = [
    (1040, "Connections rate limit exceeded (50)", Failure.UNAVAILABLE),
    (1040, "IAM authentication rate limit exceeded", Failure.UNAVAILABLE),
    (1040, "Too many connections", Failure.UNAVAILABLE),
    (1045, "Access denied for user 'app'@'%' (using password: YES)", Failure.AUTHENTICATION),
    (1044, "Access denied for user 'app'@'%' to database 'app_db'", Failure.REFUSED),
    (1049, "Unknown database 'nowhere'", Failure.REFUSED),
    (1130, "Host '10.0.0.7' is not allowed to connect to this MySQL server", Failure.REFUSED),
    (1105, "Unknown error", Failure.UNAVAILABLE),
    (1053, "Server shutdown in progress", Failure.UNAVAILABLE),
    (2003, "Can't connect to MySQL server on 'h' ([Errno 111] Connection refused)", Failure.UNAVAILABLE),
    (2003, "Can't connect to MySQL server on 'h' (timed out)", Failure.UNAVAILABLE),
    (2003, "… ([SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: Hostname mismatch …)", Failure.REFUSED),
    (2003, "… ([SSL: WRONG_VERSION_NUMBER] wrong version number)", Failure.REFUSED),
    (2003, "… ([SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol)", Failure.UNAVAILABLE),
    (2013, "Lost connection to MySQL server during query", Failure.UNAVAILABLE),
    (2026, "SSL is required but the server doesn't support it", Failure.REFUSED),
    (2059, "Authentication plugin 'x' not configured", Failure.REFUSED),
    (3118, "Access denied for user 'app'@'%'. Account is locked.", Failure.REFUSED),
    (3159, "This RDS Proxy requires TLS connections.", Failure.REFUSED),
    (9501, "Timed-out waiting to acquire database connection", Failure.UNAVAILABLE),
]


@pytest.mark.parametrize(("code", "text", "failure"), CONNECT_ERRORS)
def test_an_error_while_connecting_is_told_by_its_number(code: int, text: str, failure: Failure) -> None:
    assert connect_failure(Operational(code, text)) is failure


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (Operational(2006, "MySQL server has gone away"), Failure.UNAVAILABLE),
        (Operational(2013, "Lost connection to MySQL server during query"), Failure.UNAVAILABLE),
        (Operational(1053, "Server shutdown in progress"), Failure.UNAVAILABLE),
        (Operational(1927, "Connection was killed"), Failure.UNAVAILABLE),
        (Operational(4031, "The client was disconnected by the server because of inactivity"), Failure.UNAVAILABLE),
        (Operational(9501, "Timed-out waiting to acquire database connection"), Failure.UNAVAILABLE),
        (pymysql.InterfaceError(0, ""), Failure.UNAVAILABLE),
        (pymysql.InternalError("Packet sequence number wrong - got 3 expected 1"), Failure.UNAVAILABLE),
        (Operational(1213, "Deadlock found when trying to get lock"), Failure.STATEMENT),
        (Operational(1205, "Lock wait timeout exceeded"), Failure.STATEMENT),
        (Operational(1317, "Query execution was interrupted"), Failure.STATEMENT),
        (pymysql.IntegrityError(1062, "Duplicate entry '1' for key 'PRIMARY'"), Failure.STATEMENT),
        (pymysql.ProgrammingError(1064, "You have an error in your SQL syntax"), Failure.STATEMENT),
        (pymysql.ProgrammingError("not enough arguments"), Failure.STATEMENT),
        (pymysql.InternalError(815, "a server's own"), Failure.STATEMENT),
    ],
)
def test_an_error_of_a_statement_is_told_by_its_number(error: pymysql.Error, failure: Failure) -> None:
    assert statement_failure(error) is failure
    assert outcome(error, mysql) == failure


@given(st.one_of(st.integers(), st.text()), st.text())
def test_every_error_has_an_answer(code: int | str, text: str) -> None:
    for error in (Operational(code, text), pymysql.InternalError(code), pymysql.Error()):
        assert connect_failure(error) in Failure
        assert statement_failure(error) in Failure


def test_mysql_has_a_port_of_its_own() -> None:
    given = {"DB_HOST": "h", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "p"}
    assert Settings.from_environment({**given, "DB_ENGINE": "mysql"}).port == 3306
    assert Settings.from_environment(given).port == 5432
    with pytest.raises(ConfigurationError, match=r"^[^;]*DB_ENGINE is not one of postgresql, mysql$"):
        Settings.from_environment({**given, "DB_ENGINE": "oracle"})


@pytest.mark.parametrize(
    ("engine", "imported", "left_out"), [("mysql", "pymysql", "psycopg"), ("postgresql", "psycopg", "pymysql")]
)
def test_only_the_library_of_the_engine_is_imported_and_at_once(engine: str, imported: str, left_out: str) -> None:
    program = (
        f"import sys; sys.modules['{left_out}'] = None; import rds_connection; "
        f"print('{imported}' in sys.modules, rds_connection.Connection.__module__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"DB_ENGINE": engine, "PYTHONPATH": str(HANDLER)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["True", f"rds_connection.{engine}"]


def said(program: str, **environment: str) -> str:
    """What an interpreter with the handler says of a program, on standard error."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": str(HANDLER), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr


@pytest.mark.parametrize(
    ("engine", "missing"),
    [("mysql", "pymysql"), ("postgresql", "psycopg"), ("", "psycopg")],
)
def test_an_engine_whose_library_is_not_in_the_package_is_told(engine: str, missing: str) -> None:
    told = said(f"import sys; sys.modules['{missing}'] = None; import rds_connection", DB_ENGINE=engine)
    assert f"ConfigurationError: this package has no {missing}; DB_ENGINE must be the engine" in told
    assert "ModuleNotFoundError" not in told


def test_a_psycopg_without_libpq_is_told() -> None:
    told = said("import sys; sys.modules['psycopg_binary'] = None; import rds_connection", PSYCOPG_IMPL="binary")
    assert "psycopg has no libpq that runs here; its list needs psycopg[binary]" in told


def test_an_engine_that_there_is_not_is_told_and_never_shown() -> None:
    told = said("import rds_connection", DB_ENGINE="mysql://app:hidden-word@orders.example.com")
    assert "ConfigurationError: the database environment is wrong: DB_ENGINE is not one of" in told
    assert "hidden-word" not in told


def test_each_engine_has_a_module() -> None:
    assert driver("mysql") is mysql
    assert driver("postgresql") is not mysql


@pytest.fixture
def token_login(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of `auth: iam`, but for host and authority."""
    for name, value in {
        "DB_ENGINE": "mysql",
        "DB_NAME": "app_db",
        "DB_USER": "app",
        "DB_AUTH": "iam",
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("DB_PORT", "DB_PASSWORD", "AWS_SESSION_TOKEN", "AWS_LAMBDA_FUNCTION_NAME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_a_token_is_sent_as_it_is_over_tls(token_login: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with listening(tmp_path) as server:
        token_login.setenv("DB_HOST", server.address)
        token_login.setenv("DB_SSL_ROOT_CERT", server.bundle)
        with connection(Context(30)):
            pass
        rds_connection.close()
        ((token, over_tls),) = server.shown
    assert token.startswith(f"{server.address}:3306/?Action=connect&DBUser=app&".encode())
    assert token.endswith(b"\0")
    assert over_tls


def test_a_server_without_tls_never_sees_a_token(token_login: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with listening(tmp_path, tls=False) as server:
        token_login.setenv("DB_HOST", server.address)
        token_login.setenv("DB_SSL_ROOT_CERT", server.bundle)
        with pytest.raises(NoConnectionError, match="SSL is required") as told, connection(Context(30)):
            pass
        rds_connection.close()
        assert server.shown == []
    assert told.value.outcome == "refused"


def test_a_server_of_another_authority_never_sees_a_token(token_login: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with listening(tmp_path) as server, listening(tmp_path / "other") as other:
        token_login.setenv("DB_HOST", server.address)
        token_login.setenv("DB_SSL_ROOT_CERT", other.bundle)
        with pytest.raises(NoConnectionError, match="certificate verify failed") as told, connection(Context(30)):
            pass
        rds_connection.close()
        assert server.shown == []
    assert told.value.outcome == "refused"
