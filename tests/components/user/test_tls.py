"""The admin function: no value displaces a TLS option, and what no driver can send is refused and never shown."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import assume, example, given
from moto import mock_aws

from lambda_rds_proxy.user.admin_function.database_admin.app import _ensure_secret, driver, handler
from lambda_rds_proxy.user.admin_function.database_admin.server import (
    AdminError,
    DatabaseNotReadyError,
    DatabaseRefusedError,
    Server,
    is_host,
)
from tests.handler.clear_password import TokenServer, listening, listening_postgresql
from tests.handler.cloud import Context
from tests.handler.shown import everything_shown
from tests.handler.test_tls import TEXTS

_LISTENERS: dict[str, Callable[[Path], AbstractContextManager[TokenServer]]] = {
    "postgresql": listening_postgresql,
    "mysql": lambda folder: listening(folder, tls=False),
}
PORTS = {"postgresql": 5432, "mysql": 3306}
UNSENDABLE = ["hidden-word\0", "hidden\0word", "\0hidden-word", "hidden-word\ud800"]


@pytest.fixture(scope="module", params=list(_LISTENERS))
def liar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TokenServer]]:
    """An engine, and a server that has no TLS and asks for the password."""
    with _LISTENERS[request.param](tmp_path_factory.mktemp("liar")) as found:
        yield request.param, found


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Secrets Manager with one empty secret, `app`."""
    for name, value in {
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "word",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = boto3.client("secretsmanager", region_name="eu-west-1")
        client.create_secret(Name="app")
        yield client


@pytest.mark.parametrize("key", ["username", "password"])
def test_a_master_secret_that_no_driver_can_send_is_refused_and_never_shown_to_anyone(
    liar: tuple[str, TokenServer], manager: Any, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    engine, found = liar
    monkeypatch.setenv("DB_SSL_ROOT_CERT", found.bundle)
    event = {
        "action": "create-user",
        "engine": engine,
        "host": found.address,
        "port": PORTS[engine],
        "database": "app_db",
        "masterSecretArn": "app",
        "user": "app",
        "rdsIam": True,
    }
    for text in [*UNSENDABLE, "", 5, None]:
        value = json.dumps({"username": "master", "password": "hidden-word", key: text})
        manager.put_secret_value(SecretId="app", SecretString=value)
        with pytest.raises(AdminError, match='is not JSON with "username" and "password"') as raised:
            handler(dict(event), Context(30))
        assert "hidden" not in everything_shown(raised.value)
    assert found.shown == []


@pytest.mark.parametrize("value", ["hidden-word", '["hidden-word"]', '{"username": "hidden-word"}', "[" * 100_000])
def test_a_secret_without_a_login_is_told_without_its_value(manager: Any, value: str) -> None:
    manager.put_secret_value(SecretId="app", SecretString=value[:60_000])
    event = {"action": "verify", "host": "h", "port": 5432, "database": "d", "user": "u", "auth": "secret"}
    with pytest.raises(AdminError, match='the secret app is not JSON with "username" and "password"') as raised:
        handler({**event, "userSecretArn": "app"}, Context(30))
    assert "hidden" not in everything_shown(raised.value)


def test_a_users_password_that_no_driver_can_send_is_made_anew(manager: Any) -> None:
    server = Server(host="h", port=5432, database="d", bundle="b")
    for text in [*UNSENDABLE, "", 5]:
        value = json.dumps({"username": "shop", "password": text})
        manager.put_secret_value(SecretId="app", SecretString=value)
        made = _ensure_secret("app", "shop", server, "postgres")
        assert len(made) >= 40
        assert json.loads(manager.get_secret_value(SecretId="app")["SecretString"])["password"] == made
        assert _ensure_secret("app", "shop", server, "postgres") == made


@pytest.mark.parametrize("key", ["user", "database", "host", "masterSecretArn"])
@pytest.mark.parametrize("text", UNSENDABLE)
def test_an_event_that_no_driver_can_send_is_refused_by_the_values_name(key: str, text: str) -> None:
    with pytest.raises(AdminError, match=f"^{key} holds a NUL") as raised:
        handler({"action": "create-user", key: text}, Context(30))
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("port", ["hidden-word", "", None, -1, 1e300, True])
def test_a_port_that_is_none_is_refused(port: Any) -> None:
    with pytest.raises(AdminError, match="port is not a whole number") as raised:
        Server.of({"host": "h", "port": port, "database": "d"}, "rds.pem")
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize("field", ["user", "password", "host", "database", "bundle"])
@given(text=TEXTS)
@example(text="word\0")
@example(text="'word\0")
@example(text="")
@example(text="/tmp")
@example(text="@abstract")
@example(text="127.0.0.1,127.0.0.1")
def test_whatever_a_value_is_a_server_without_tls_gets_no_password(
    liar: tuple[str, TokenServer], field: str, text: str
) -> None:
    assume(field != "host" or not is_host(text))  # another host may be anybody's
    engine, found = liar
    values = {"host": found.address, "database": "app_db", "bundle": found.bundle, "user": "app", "password": "word"}
    values[field] = text
    user, password = values.pop("user"), values.pop("password")
    server = Server(port=PORTS[engine], **values)
    with (
        pytest.raises((AdminError, DatabaseNotReadyError, DatabaseRefusedError)),
        driver(engine).session(server, user, password, 5),
    ):
        pass
    assert found.shown == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PGSSLMODE", "disable"),
        ("PGGSSENCMODE", "prefer"),
        ("PGSSLROOTCERT", "system"),
        ("PGSSLMINPROTOCOLVERSION", "TLSv1"),
        ("PGHOST", "/tmp"),
        ("PGPASSWORD", "hidden-word"),
    ],
)
def test_no_variable_of_libpq_displaces_a_tls_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with listening_postgresql(tmp_path) as found:
        server = Server(host=found.address, port=5432, database="app_db", bundle=found.bundle)
        with (
            pytest.raises(DatabaseNotReadyError, match="does not support SSL"),
            driver("postgresql").session(server, "app", "word", 5),
        ):
            pass
        assert found.shown == []


def test_a_bundle_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    server = Server(host="127.0.0.1", port=9, database="app_db", bundle=str(tmp_path / "ca.pem"))
    with pytest.raises(AdminError, match="DB_SSL_ROOT_CERT"), driver("mysql").session(server, "app", "word", 5):
        pass
