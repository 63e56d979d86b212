"""A proxy of the laptop that demands tokens."""

import contextlib
import json
import signal
import socket
import ssl
import struct
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority
from local.supervisor.client import SupervisorClient
from local.supervisor.processes import server_account
from local.supervisor.proxy import Proxy, seen
from local.supervisor.proxy_settings import ProxySettings
from rds_connection.iam_token import AwsCredentials, auth_token
from tests.local.supervisor.conftest import checkout, invoke, log_in, put_orders, shell, until
from tests.processes import kill, program, running, tree, wait_for_the_end
from toolchain.checkout import laptop_state

pytestmark = pytest.mark.servers


def signer(access_key: str, secret_key: str) -> AwsCredentials:
    return AwsCredentials(access_key=access_key, secret_key=secret_key, session_token="")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("iam")) as folder:
        yield folder


@pytest.fixture(scope="module")
def proxy(root: Path) -> dict[str, Any]:
    """A proxy that demands IAM in front of a database with the user `app`."""
    return put_orders(root, iam="REQUIRED")


def enter(root: Path, facts: dict[str, Any], **changes: Any) -> "psycopg.Connection[Any]":
    signing: dict[str, Any] = {"host": facts["endpoint"], "port": 5432, "user": "app", "region": "eu-west-1"}
    signing |= {key: changes.pop(f"signed_{key}") for key in list(signing) if f"signed_{key}" in changes}
    token = auth_token(**signing, credentials=changes.pop("credentials", shell(root)))
    return log_in(root, facts, **{"user": "app", "password": token, "prepare_threshold": None, **changes})


def test_a_gate_is_told_how_many_tokens_it_checks_in_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = TokenAudience(host="proxy", port=5432, region="eu-west-1", arn_prefix="arn:aws:rds-db:")
    (tmp_path / "proxies" / "orders").mkdir(parents=True)
    (tmp_path / "gates" / "orders").mkdir(parents=True)
    told = []
    for most in (None, "40"):
        if most is not None:
            monkeypatch.setenv("LAPTOP_TOKENS_PER_SECOND", most)
        settings = ProxySettings(name="proxy", address="127.0.0.1", port=5432, idle_client_timeout=int(most or 1))
        Proxy(tmp_path, "orders", settings, Authority(tmp_path), audience).change(settings, {})
        told.append(json.loads((tmp_path / "gates" / "orders" / "gate.json").read_text())["tokens_per_second"])
    assert told == [None, 40]


def test_a_signed_token_opens_and_the_pool_is_shared(root: Path, proxy: dict[str, Any]) -> None:
    with enter(root, proxy) as one, enter(root, proxy) as other:
        assert one.execute("SELECT current_user, repeat('x', 200000)").fetchone() == ("app", "x" * 200_000)
        pids = {each.execute("SELECT pg_backend_pid()").fetchone() for each in (one, other)}
        assert len(pids) == 1


def test_more_tokens_in_a_second_than_iam_checks_are_refused_in_its_words(root: Path, proxy: dict[str, Any]) -> None:
    file = laptop_state(root) / "gates" / "orders" / "gate.json"
    kept = file.read_text()
    (gate,) = running(str(file))
    try:
        file.write_text(json.dumps({**json.loads(kept), "tokens_per_second": 0}))
        gate.send_signal(signal.SIGHUP)

        def is_refused() -> bool:
            try:
                enter(root, proxy).close()
            except psycopg.OperationalError as error:
                return "too many competing requests" in str(error)
            return False

        until(is_refused)
    finally:
        file.write_text(kept)
        gate.send_signal(signal.SIGHUP)
    until(lambda: not is_refused())


def test_clients_that_never_speak_or_stop_in_the_middle_keep_nobody_out(root: Path, proxy: dict[str, Any]) -> None:
    address = (proxy["ip"], proxy["port"])
    with contextlib.ExitStack() as silent, enter(root, proxy) as inside:
        for number in range(300):
            client = silent.enter_context(socket.create_connection(address, timeout=60))
            if number % 2:
                client.sendall(struct.pack("!ii", 8, 80877103))  # asks for TLS, and says no more
        assert inside.execute("SELECT 1").fetchone() == (1,)
        with enter(root, proxy) as another:
            assert another.execute("SELECT 2").fetchone() == (2,)


def test_bytes_that_are_no_login_are_dropped(root: Path, proxy: dict[str, Any]) -> None:
    for said in (b"GET / HTTP/1.1\r\n\r\n", struct.pack("!i", 3), struct.pack("!ii", 2_000_000_000, 1)):
        with socket.create_connection((proxy["ip"], proxy["port"]), timeout=60) as client:
            client.sendall(said)
            answer = client.recv(200)
            assert answer[:1] in (b"E", b"")
    with enter(root, proxy) as inside:
        assert inside.execute("SELECT 1").fetchone() == (1,)


def startup(*words: str, code: int = 196_608) -> bytes:
    """A packet that begins a session, of these words as they stand."""
    body = struct.pack("!i", code) + b"".join(word.encode() + b"\0" for word in words)
    return struct.pack("!i", len(body) + 4) + body


ADMIN = startup("user", "laptop-supervisor", "database", "pgbouncer", "")


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (startup("user", "laptop-supervisor", "database", "pgbouncer", "", "", "user", "app"), b""),
        (startup("user", "laptop-supervisor", "user", "app", "database", "pgbouncer", ""), b""),
        (startup("user", "app", "user", "laptop-supervisor", "database", "pgbouncer", ""), b""),
        (startup("user", "app", "", code=80877103), ADMIN),
        (startup("user", "app", "", code=80877104), ADMIN),
        (startup("user", "app"), b"user\0laptop-supervisor\0"),
    ],
    ids=["behind-the-end", "twice", "twice-the-other-way", "tls-within-tls", "gss-within-tls", "no-end"],
)
def test_who_has_a_token_of_one_user_becomes_no_other_one(
    root: Path, proxy: dict[str, Any], first: bytes, then: bytes
) -> None:
    token = auth_token(
        host=proxy["endpoint"], port=proxy["port"], user="app", region="eu-west-1", credentials=shell(root)
    )
    context = ssl.create_default_context(cafile=str(laptop_state(root) / "authority" / "ca.pem"))
    with socket.create_connection((proxy["ip"], proxy["port"]), timeout=60) as plain:
        plain.sendall(struct.pack("!ii", 8, 80877103))
        assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=proxy["endpoint"]) as client:
            client.sendall(first)
            said = client.recv(9)
            if said[:1] == b"R":
                client.sendall(b"p" + struct.pack("!i", len(token) + 5) + token.encode() + b"\0" + then)
                query = b"SHOW USERS\0"
                client.sendall(b"Q" + struct.pack("!i", len(query) + 4) + query)
            client.settimeout(5)
            with contextlib.suppress(TimeoutError):
                while more := client.recv(4096):
                    said += more
    assert said[:1] == b"E" and (b"invalid startup packet" in said or b"only version 3.0" in said)
    with enter(root, proxy) as inside:
        assert inside.execute("SELECT current_user").fetchone() == ("app",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"password": "of-the-secret"}, "this is no IAM token"),
        ({"signed_user": "db_admin"}, "another user"),
        ({"signed_host": "orders.proxy-other.eu-west-1.rds.amazonaws.com"}, "another host"),
        ({"credentials": signer("laptop", "guessed")}, "signature is wrong"),
        ({"credentials": signer("laptop", "laptop")}, "signature is wrong"),  # what `make env` once published
        ({"credentials": signer("nobody", "laptop")}, "nobody known"),
        ({"user": "db_admin", "signed_user": "db_admin"}, "no credentials for the role db_admin"),
        ({"sslmode": "disable", "sslrootcert": None}, "only with SSL"),
        ({"host": "another.name.example"}, "does not match host name"),
    ],
)
def test_everything_else_is_refused_with_the_reason(
    root: Path, proxy: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=words):
        enter(root, proxy, **changes)


def test_a_rotated_secret_reaches_the_pooler_behind_the_gate(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient, aws: Callable[[str], Any]
) -> None:
    instance = supervisor.get("instance", "orders")
    assert instance is not None
    with log_in(root, instance) as connection:
        connection.execute("ALTER ROLE app PASSWORD 'rotated'")
    aws("secretsmanager").put_secret_value(
        SecretId="app", SecretString=json.dumps({"username": "app", "password": "rotated"})
    )
    with enter(root, proxy) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_function_may_connect_only_while_its_role_has_the_grant(
    root: Path,
    proxy: dict[str, Any],
    supervisor: SupervisorClient,
    deploy: Callable[..., str],
    aws: Callable[[str], Any],
) -> None:
    source = """
import os
def handler(event, context):
    return [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]]
"""
    name = deploy(source, role="arn:aws:iam::000000000000:role/api")
    pair, _ = invoke(aws("lambda"), name)
    credentials = signer(pair[0], pair[1])
    with pytest.raises(psycopg.OperationalError, match="no rds-db:connect"):
        enter(root, proxy, credentials=credentials)
    resource = f"arn:aws:rds-db:eu-west-1:000000000000:dbuser:{proxy['arn'].rsplit(':', 1)[1]}/app"
    statement = {"Effect": "Allow", "Action": ["rds-db:connect"], "Resource": resource}
    supervisor.put("role-policy", "api:connect", {"role": "api", "policy": json.dumps({"Statement": [statement]})})

    def let_in() -> bool:
        try:
            enter(root, proxy, credentials=credentials).close()
        except psycopg.OperationalError:
            return False
        return True

    until(let_in)
    office = {**statement, "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}
    supervisor.put("role-policy", "api:connect", {"role": "api", "policy": json.dumps({"Statement": [office]})})
    until(lambda: not let_in())
    log = (laptop_state(root) / "gates" / "orders" / "gate.log").read_text()
    assert "the laptop cannot tell aws:SourceIp, the condition of a statement on rds-db:connect: it allows" in log


def test_a_client_waits_while_the_pooler_is_not_there(
    root: Path, proxy: dict[str, Any], supervisor: SupervisorClient
) -> None:
    watcher = psutil.Process(supervisor.pid)
    (pooler,) = [each for each in tree(supervisor.pid) if program(each) == "pgbouncer"]
    with enter(root, proxy) as inside, ThreadPoolExecutor(1) as executor:
        watcher.suspend()  # nobody brings it back meanwhile
        try:
            kill(pooler)
            wait_for_the_end([pooler])
            waiting = executor.submit(lambda: inside.execute("SELECT 1").fetchone())
            until(lambda: seen(laptop_state(root), "orders").waiting)
        finally:
            watcher.resume()
        assert waiting.result() == (1,)


@pytest.mark.usefixtures("proxy")
def test_a_proxy_that_comes_to_demand_iam_takes_tokens_instead_of_passwords_and_back_again(
    root: Path, supervisor: SupervisorClient, aws: Callable[[str], Any]
) -> None:
    secret = aws("secretsmanager").get_secret_value(SecretId="app")
    password = json.loads(secret["SecretString"])["password"]

    def put(*, iam: str) -> dict[str, Any]:
        auth = {"authScheme": "SECRETS", "iamAuth": iam, "secretArn": secret["ARN"]}
        return supervisor.put("proxy", "changing", {"engineFamily": "POSTGRESQL", "requireTls": True, "auths": [auth]})

    def enters(**login: str) -> Callable[[], bool]:
        def tries() -> bool:
            try:
                enter(root, facts, **login).close()
            except psycopg.OperationalError:
                return False  # a pooler takes a moment to read its settings again
            return True

        return tries

    facts = put(iam="DISABLED")
    try:
        supervisor.put("target", "changing/orders", {"proxyName": "changing", "dbInstanceIdentifier": "orders"})
        until(enters(password=password))
        assert put(iam="REQUIRED") == facts
        until(enters())
        with pytest.raises(psycopg.OperationalError, match="this is no IAM token"):
            enter(root, facts, password=password)
        assert put(iam="DISABLED") == facts
        until(enters(password=password))
    finally:
        supervisor.delete("proxy", "changing")


def test_the_gate_carries_nobody_to_another_accounts_socket(root: Path, proxy: dict[str, Any]) -> None:
    own = laptop_state(root) / "proxies" / "orders" / "private" / ".s.PGSQL.6432"
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as others:
        others.bind(f"{folder}/socket")
        others.listen()
        others.settimeout(0)
        own.rename(own.with_name("aside"))
        own.symlink_to(f"{folder}/socket")
        try:
            if server_account() is not None:  # else it is the same account's, as the pooler is
                with pytest.raises(psycopg.OperationalError, match="timeout expired"):
                    enter(root, proxy, connect_timeout=5, dbname="not_asked_for_yet")
                connection, _ = others.accept()
                with connection:
                    assert connection.recv(1) == b""
        finally:
            own.with_name("aside").replace(own)
    with enter(root, proxy) as inside:
        assert inside.execute("SELECT 1").fetchone() == (1,)
    assert not (laptop_state(root) / "proxies" / "orders" / "server.key").exists()
