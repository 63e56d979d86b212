"""The admin function: no value displaces a TLS option, and what no driver can send is refused and never shown."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import assume, example, given
from moto import mock_aws

from lambda_rds_proxy.user.admin_function.database_admin.app import driver, handler
from lambda_rds_proxy.user.admin_function.database_admin.secret import LoginSecret
from lambda_rds_proxy.user.admin_function.database_admin.server import (
    AdminError,
    DatabaseNotReadyError,
    DatabaseRefusedError,
    Login,
    Server,
    is_host,
)
from tests.components.user.invoked import PROXY_NAME, made_for, resolving
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


def create_user(engine: str, found: TokenServer) -> dict[str, Any]:
    """What Pulumi would send to a function of that server's database, whose master's secret is `app`."""
    return {
        "action": "create-user",
        "engine": engine,
        "host": found.address,
        "port": PORTS[engine],
        "database": "app_db",
        "masterSecretArn": "app",
        "user": "app",
        "rdsIam": True,
    }


@pytest.mark.parametrize("key", ["username", "password"])
def test_a_master_secret_that_no_driver_can_send_is_refused_and_never_shown_to_anyone(
    liar: tuple[str, TokenServer], manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    engine, found = liar
    monkeypatch.setenv("DB_SSL_ROOT_CERT", found.bundle)
    event = create_user(engine, found)
    made_for(monkeypatch, tmp_path, event)
    for text in [*UNSENDABLE, "", 5, None]:
        value = json.dumps({"username": "master", "password": "hidden-word", key: text})
        manager.put_secret_value(SecretId="app", SecretString=value)
        with pytest.raises(AdminError, match='is not JSON with "username" and "password"') as raised:
            handler(dict(event), Context(30))
        assert "hidden" not in everything_shown(raised.value)
    assert found.shown == []


@pytest.mark.parametrize("value", ["hidden-word", '["hidden-word"]', '{"username": "hidden-word"}', "[" * 100_000])
def test_a_secret_without_a_login_is_told_without_its_value(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str
) -> None:
    made_for(monkeypatch, tmp_path, {"host": "h", "port": 5432, "masterSecretArn": "rds!db-master"})
    manager.put_secret_value(SecretId="app", SecretString=value[:60_000])
    event = {"action": "verify", "host": PROXY_NAME, "port": 5432, "database": "d", "user": "u", "auth": "secret"}
    with pytest.raises(AdminError, match='the secret app is not JSON with "username" and "password"') as raised:
        handler({**event, "userSecretArn": "app"}, Context(30))
    assert "hidden" not in everything_shown(raised.value)


def test_a_users_password_that_no_driver_can_send_is_made_anew(manager: Any) -> None:
    server = Server(host="h", port=5432, database="d", bundle="b")
    for text in [*UNSENDABLE, "", 5]:
        value = json.dumps({"username": "shop", "password": text})
        manager.put_secret_value(SecretId="app", SecretString=value)
        secret = LoginSecret("app", server, "postgres")
        assert not secret.holds("shop")
        made = secret.password("shop")
        assert len(made) >= 40
        assert json.loads(manager.get_secret_value(SecretId="app")["SecretString"])["password"] == made
        assert secret.holds("shop")
        assert secret.password("shop") == made


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
    login = Login(user=values.pop("user"), password=values.pop("password"))
    server = Server(port=PORTS[engine], **values)
    with (
        pytest.raises((AdminError, DatabaseNotReadyError, DatabaseRefusedError)),
        driver(engine).session(server, login, 5),
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
            driver("postgresql").session(server, Login(user="app", password="word"), 5),
        ):
            pass
        assert found.shown == []


def test_a_bundle_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    server = Server(host="127.0.0.1", port=9, database="app_db", bundle=str(tmp_path / "ca.pem"))
    with (
        pytest.raises(AdminError, match="DB_SSL_ROOT_CERT"),
        driver("mysql").session(server, Login(user="app", password="word"), 5),
    ):
        pass


_ASKING: dict[str, tuple[str, Callable[[Path], AbstractContextManager[TokenServer]]]] = {
    "postgresql": ("postgresql", lambda folder: listening_postgresql(folder, tls=True)),
    "mysql_clear_password": ("mysql", listening),
    "sha256_password": ("mysql", lambda folder: listening(folder, asks="sha256_password")),
    "sha256_password at once": ("mysql", lambda folder: listening(folder, greets="sha256_password")),
    "dialog": ("mysql", lambda folder: listening(folder, asks="dialog")),
}


@pytest.fixture(params=list(_ASKING))
def asking(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, TokenServer]]:
    """An engine, and a server with a good certificate that asks for the password as it is."""
    engine, serving = _ASKING[request.param]
    with serving(tmp_path) as found:
        monkeypatch.setenv("DB_SSL_ROOT_CERT", found.bundle)
        yield engine, found


def test_a_server_that_asks_for_the_masters_password_as_it_is_gets_none(
    asking: tuple[str, TokenServer], manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine, found = asking
    manager.put_secret_value(SecretId="app", SecretString='{"username": "master", "password": "hidden-word"}')
    event = create_user(engine, found)
    made_for(monkeypatch, tmp_path, event)
    with pytest.raises(AdminError, match="the user app could not be made"):
        handler(event, Context(5))
    assert b"hidden-word" not in b"".join([*found.answers, *(word for word, _ in found.shown)])


def test_a_server_that_asks_for_the_users_password_as_it_is_gets_none(
    asking: tuple[str, TokenServer], manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine, found = asking
    manager.put_secret_value(SecretId="app", SecretString='{"username": "app", "password": "hidden-word"}')
    made_for(monkeypatch, tmp_path, {"host": "h", "port": 5432, "masterSecretArn": "rds!db-master"})
    resolving(monkeypatch, found.address, PORTS[engine])
    event = {"host": PROXY_NAME, "port": PORTS[engine], "database": "d", "user": "app", "auth": "secret"}
    with pytest.raises(AdminError, match="no connection through the proxy"):
        handler(
            {"action": "verify", "engine": engine, **event, "userSecretArn": "app", "timeoutSeconds": 1}, Context(5)
        )
    assert b"hidden-word" not in b"".join([*found.answers, *(word for word, _ in found.shown)])


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_token_is_sent_as_it_is(tmp_path: Path, engine: str) -> None:
    with listening(tmp_path) if engine == "mysql" else listening_postgresql(tmp_path, tls=True) as found:
        server = Server(host=found.address, port=PORTS[engine], database="app_db", bundle=found.bundle)
        login = Login(user="app", password="token", is_token=True)
        with suppress(DatabaseNotReadyError, DatabaseRefusedError), driver(engine).session(server, login, 5):
            pass
        assert found.shown == [(b"token\0", True)]


def test_a_server_with_md5_gets_a_hash(tmp_path: Path) -> None:
    with listening_postgresql(tmp_path, tls=True, md5=True) as found:
        server = Server(host=found.address, port=5432, database="app_db", bundle=found.bundle)
        with (
            pytest.raises(DatabaseNotReadyError),
            driver("postgresql").session(server, Login(user="app", password="word"), 5),
        ):
            pass
    # PostgreSQL's protocol, "AuthenticationMD5Password": the hash of password and user, and that with the salt.
    once = hashlib.md5(b"wordapp", usedforsecurity=False).hexdigest()
    twice = hashlib.md5(once.encode() + b"salt", usedforsecurity=False).hexdigest()
    assert found.shown == [(b"md5" + twice.encode() + b"\0", True)]


@pytest.mark.parametrize(
    "host",
    [
        *("database.example.com", "rds.amazonaws.com.example.com", "xrds.amazonaws.com", "127.0.0.1", "::1"),
        *(".rds.amazonaws.com", "p.rds.amazonaws.com.evil", "p.rds.amazonaws.com..", "p.rds.amazonaws.comevil"),
        *("p.rds.amazonaws.com:5432", "evil,p.rds.amazonaws.com", "evil/p.rds.amazonaws.com", "@p.rds.amazonaws.com"),
        *("p.rds.am\u0430zonaws.com", "p\u3002rds.amazonaws.com", "p.rds.amazonaws.com\n", "p.rds.amazonaws\u3002com"),
    ],
)
def test_a_password_is_sent_to_a_name_of_rds_alone(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str
) -> None:
    made_for(monkeypatch, tmp_path, {"host": "h", "port": 5432, "masterSecretArn": "rds!db-master"})
    event = {"action": "verify", "host": host, "port": 5432, "database": "d", "user": "app", "auth": "secret"}
    with pytest.raises(AdminError, match="no name of RDS"):
        handler({**event, "userSecretArn": "app"}, Context(30))


@pytest.mark.parametrize(
    "host",
    [
        PROXY_NAME,
        PROXY_NAME.upper() + ".",
        "p.proxy-x.cn-north-1.rds.amazonaws.com.cn",
        "p.proxy-x.eusc.rds.amazonaws.eu",
    ],
)
def test_names_of_rds_are_known_in_every_partition(host: str) -> None:
    assert Server(host=host, port=1, database="d", bundle="b").is_of_rds


@pytest.mark.parametrize("key", ["host", "port", "masterSecretArn"])
def test_the_masters_login_is_used_for_the_one_database_that_the_function_was_made_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, key: str
) -> None:
    event = {"action": "create-user", "user": "app", "database": "d", "rdsIam": True}
    fixed = {"host": "h", "port": 5432, "masterSecretArn": "a"}
    made_for(monkeypatch, tmp_path, fixed)
    for told in ({key: "9"}, {key: f"{fixed[key]} "}, {}):  # another, or none
        asked = {**event, **{each: value for each, value in fixed.items() if each != key}, **told}
        with pytest.raises(AdminError, match=f"^{key} is .*this function was made for {fixed[key]}"):
            handler(asked, Context(30))


def test_no_spelling_of_the_host_is_another_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "orders.c0ffee123456.eu-west-1.rds.amazonaws.com"
    fixed = {"host": name, "port": 5432, "masterSecretArn": "a"}
    made_for(monkeypatch, tmp_path, fixed)
    for host in (f"{name}.0", f"{name}.", f"{name},evil", f"{name}.evil", name.upper(), f" {name}", [name], {name: 1}):
        with pytest.raises(AdminError, match=r"^host is .*this function was made for"):
            Server.made_for({**fixed, "database": "d", "host": host})
    server, _ = Server.made_for({**fixed, "database": "d", "port": "5432.0"})
    assert (server.host, server.port) == (name, 5432)


def test_a_function_that_was_made_for_no_database_makes_no_user() -> None:
    event = {"action": "create-user", "host": "h", "port": 5432, "database": "d", "user": "app"}
    with pytest.raises(AdminError, match=r"the package has no made_for\.json"):
        handler(event, Context(30))


@pytest.mark.parametrize("user", ["rdsadmin", "rds_superuser", "RDSx", "pg_monitor", "mysql.sys"])
def test_a_user_of_the_server_itself_is_never_touched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: str
) -> None:
    event = {"action": "create-user", "host": "h", "port": 5432, "masterSecretArn": "a", "database": "d", "user": user}
    made_for(monkeypatch, tmp_path, event)
    with pytest.raises(AdminError, match="is RDS's or the server's own"):
        handler(event, Context(30))


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_the_master_is_not_made_the_application(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, engine: str
) -> None:
    manager.put_secret_value(SecretId="app", SecretString='{"username": "postgres", "password": "word"}')
    event = {"host": "h", "port": 5432, "masterSecretArn": "app", "database": "d", "user": "postgres", "engine": engine}
    made_for(monkeypatch, tmp_path, event)
    with pytest.raises(AdminError, match="the user postgres is the master user"):
        handler({"action": "create-user", **event}, Context(30))


@pytest.mark.parametrize("called", ["by its ARN", "by its name", "by half its ARN"])
def test_verifying_never_uses_the_masters_secret(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, called: str
) -> None:
    value = '{"username": "master", "password": "word"}'
    arn = manager.create_secret(Name="rds!db-master", SecretString=value)["ARN"]
    spelled = {"by its ARN": arn, "by its name": "rds!db-master", "by half its ARN": arn.rpartition("-")[0]}
    event = {"host": PROXY_NAME, "port": 5432, "database": "d", "user": "master", "auth": "secret"}
    for known in spelled.values():  # an existing database's is what somebody wrote down
        made_for(monkeypatch, tmp_path, {"host": "h", "port": 5432, "masterSecretArn": known})
        with pytest.raises(AdminError, match="is the secret of the master user"):
            handler({"action": "verify", **event, "userSecretArn": spelled[called]}, Context(30))


def test_verifying_uses_a_secret_for_its_own_user_only(
    manager: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    manager.put_secret_value(SecretId="app", SecretString='{"username": "other", "password": "word"}')
    made_for(monkeypatch, tmp_path, {"host": "h", "port": 5432, "masterSecretArn": "rds!db-master"})
    event = {"host": PROXY_NAME, "port": 5432, "database": "d", "user": "app", "auth": "secret"}
    with pytest.raises(AdminError, match="the secret app is not of the user app"):
        handler({"action": "verify", **event, "userSecretArn": "app"}, Context(30))
