"""No value displaces a TLS option: it is sent whole to a server that was verified, or refused and never shown."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
import psycopg
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from moto import mock_aws
from psycopg.conninfo import conninfo_to_dict

import rds_connection
from rds_connection import ConfigurationError, NoConnectionError, Settings, connection, mysql, postgresql
from rds_connection.addresses import is_host
from rds_connection.credentials import Credentials, Login, _login, check_sendable
from rds_connection.driver import driver
from rds_connection.settings import AMAZON_TRUST_SERVICES, is_sendable
from tests.handler.clear_password import TokenServer, listening, listening_postgresql

from .shown import everything_shown

_LISTENERS: dict[str, Callable[[Path], AbstractContextManager[TokenServer]]] = {
    "postgresql": listening_postgresql,
    "mysql": lambda folder: listening(folder, tls=False),
}
TLS = {
    "sslmode": "verify-full",
    "sslrootcert": str(AMAZON_TRUST_SERVICES),
    "ssl_min_protocol_version": "TLSv1.2",
    "target_session_attrs": "any",
    "gssencmode": "disable",
    "options": "",
}
# Texts, and above all those that end, split or quote a connection string.
PIECES = [*"\0'\\ =;\n\t/@,:%aé\xa0\x85", "\ud800", "sslmode=disable", " host=/tmp "]
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))


@pytest.fixture(scope="module", params=list(_LISTENERS))
def liar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TokenServer]]:
    """An engine, and a server that has no TLS and asks for the password."""
    with _LISTENERS[request.param](tmp_path_factory.mktemp("liar")) as server:
        yield request.param, server


def settings(engine: str, server: TokenServer, **changed: Any) -> Settings:
    values: dict[str, Any] = {
        "engine": engine,
        "host": server.address,
        "port": 3306 if engine == "mysql" else 5432,
        "database": "app_db",
        "user": "app",
        "auth": "password",
        "password": "word",
        "ssl_root_cert": server.bundle,
        **changed,
    }
    return Settings(**values)


@pytest.fixture
def variables(liar: tuple[str, TokenServer], monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The environment of a function that connects to the liar with a password; no connection is left from before."""
    engine, server = liar
    for name in [name for name in os.environ if name.startswith(("DB_", "AWS_", "PG"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
        "AWS_LAMBDA_FUNCTION_NAME": "orders-api",
        "DB_ENGINE": engine,
        "DB_HOST": server.address,
        "DB_NAME": "app_db",
        "DB_USER": "app",
        "DB_PASSWORD": "hidden-word",
        "DB_SSL_ROOT_CERT": server.bundle,
    }.items():
        monkeypatch.setenv(name, value)
    rds_connection.close()
    yield monkeypatch
    rds_connection.close()


def test_a_refused_connection_shows_no_password_in_error_log_or_metrics(
    liar: tuple[str, TokenServer],
    variables: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(NoConnectionError) as raised:
        connection().__enter__()
    assert raised.value.__context__ is raised.value.__cause__ is None
    told = everything_shown(raised.value) + caplog.text + "".join(capsys.readouterr())
    assert '"Outcome":"refused"' in told
    assert "hidden-word" not in told
    assert liar[1].shown == []


@pytest.mark.parametrize("name", ["DB_HOST", "DB_PORT", "DB_NAME", "DB_USER", "DB_ENGINE", "DB_AUTH", "DB_SECRET_ARN"])
def test_a_password_in_the_wrong_variable_is_in_no_error_log_or_metrics(
    variables: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    variables.setenv(name, "postgresql://app:hidden-word@orders.example.com/app_db")
    with pytest.raises(ConfigurationError, match=name) as raised:
        connection().__enter__()
    told = everything_shown(raised.value) + caplog.text + "".join(capsys.readouterr())
    assert '"Outcome":"configuration"' in told
    assert "hidden-word" not in told


@pytest.mark.parametrize("key", ["username", "password"])
def test_a_secret_that_no_driver_can_send_is_refused_and_never_shown_to_anyone(
    liar: tuple[str, TokenServer], variables: pytest.MonkeyPatch, key: str
) -> None:
    variables.setenv("DB_AUTH", "secret")
    variables.setenv("DB_SECRET_ARN", "orders/app")
    with mock_aws():
        manager = boto3.client("secretsmanager", region_name="eu-west-1")
        manager.create_secret(Name="orders/app")
        for text in ("hidden-word\0", "hidden\0word", "\0hidden-word", "hidden-word\ud800"):
            value = json.dumps({"username": "app", "password": "word", key: text})
            manager.put_secret_value(SecretId="orders/app", SecretString=value)
            with pytest.raises(NoConnectionError, match='is not JSON with "username" and "password"') as raised:
                connection().__enter__()
            assert "hidden" not in everything_shown(raised.value)
    assert liar[1].shown == []


@pytest.mark.parametrize("field", ["user", "password", "database", "function_name", "ssl_root_cert", "host"])
@given(text=TEXTS)
@example(text="word\0")
@example(text="'word\0")
@example(text="word\0 ")
@example(text="")
@example(text="app sslmode=disable")
def test_whatever_a_value_is_a_server_without_tls_gets_no_password(
    liar: tuple[str, TokenServer], field: str, text: str
) -> None:
    assume(field != "host" or not is_host(text))  # another host may be anybody's
    engine, server = liar
    login = {"user": "app", "password": "word"}
    changed = {field: text}
    if field in login:
        login, changed = {**login, **changed}, {}
    with pytest.raises((ConfigurationError, psycopg.Error, mysql.Error, OSError)):
        driver(engine).open_connection(settings(engine, server, **changed), Login(**login), 5)
    assert server.shown == []


@given(texts=st.fixed_dictionaries(dict.fromkeys(("user", "password", "dbname", "application_name"), TEXTS)))
def test_libpq_reads_what_it_was_given_with_the_tls_options(texts: dict[str, str]) -> None:
    where = Settings(
        host="orders.example.com",
        port=5432,
        database=texts["dbname"],
        user="app",
        auth="password",
        ssl_root_cert=str(AMAZON_TRUST_SERVICES),
        function_name=texts["application_name"],
    )
    login = Login(texts["user"], f"§{texts['password']}§")
    try:
        check_sendable(where, login)
    except ConfigurationError as error:
        assert not texts["user"] or not all(is_sendable(text) for text in texts.values())
        assert login.password not in everything_shown(error)
        return
    read = conninfo_to_dict(postgresql._conninfo(where, login, "10.0.0.7"))
    assert read == {
        "host": "orders.example.com",
        "hostaddr": "10.0.0.7",
        "port": "5432",
        **texts,
        "password": login.password,
        "application_name": texts["application_name"] or "rds_connection",
        **TLS,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGSSLMODE", "disable"),
        ("PGGSSENCMODE", "prefer"),
        ("PGSSLROOTCERT", "system"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1"),
        ("PGHOST", "/tmp"),
        ("PGOPTIONS", "-c ssl=off"),
        ("PGPASSWORD", "hidden-word"),
    ],
)
def test_no_variable_of_libpq_displaces_a_tls_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with listening_postgresql(tmp_path) as server:
        with pytest.raises(psycopg.OperationalError, match="does not support SSL"):
            postgresql.open_connection(settings("postgresql", server), Login("app", "word"), 5)
        assert server.shown == []


@given(text=TEXTS)
def test_every_password_of_a_secret_is_taken_whole_or_refused(text: str) -> None:
    found = _login(json.dumps({"username": "app", "password": text}), default_user="")
    if text and is_sendable(text):
        assert found == Login("app", text)
    else:
        assert found is None


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["username", "password", "x"]), x),
    )
)
def test_whatever_json_a_secret_holds_it_is_a_login_of_two_texts_or_none(value: object) -> None:
    found = _login(json.dumps(value), default_user="app")
    assert found is None or (isinstance(value, dict) and found.password == value["password"])


def test_credentials_give_the_password_of_the_environment_as_it_is() -> None:
    given_settings = Settings.from_environment({"DB_HOST": "h", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": " p\n"})
    assert Credentials(given_settings, {}).login(1) == Login("u", " p\n")
