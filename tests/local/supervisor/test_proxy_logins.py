"""A laptop's proxy whose users log in in different ways: each is admitted by its own, and by no other."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from rds_connection.iam_token import auth_token
from tests.local.supervisor.conftest import INSTANCE, checkout, client_of, log_in, shell, until
from toolchain.checkout import laptop_state

pytestmark = pytest.mark.servers
PASSWORDS = {"app": "of-app", "reporting": "of-reporting"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("logins")) as folder:
        yield folder


@pytest.fixture(scope="module")
def database(root: Path) -> dict[str, Any]:
    """A database with IAM authentication and a user of each kind."""
    supervisor = SupervisorClient.ensure(root)
    facts = supervisor.put("instance", "orders", {**INSTANCE, "iamDatabaseAuthenticationEnabled": True})
    with log_in(root, facts) as master:
        for user, word in PASSWORDS.items():
            master.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{word}'")
        master.execute("CREATE ROLE batch LOGIN PASSWORD 'useless'")
        master.execute("GRANT rds_iam TO batch")
    return facts


@pytest.fixture(scope="module")
def mixed(root: Path, database: dict[str, Any]) -> dict[str, Any]:
    """A proxy for `app` with IAM, `reporting` with its password, and `batch` with IAM on both sides."""
    supervisor = SupervisorClient.ensure(root)
    auths = []
    for user, word in PASSWORDS.items():
        value = json.dumps({"username": user, "password": word})
        arn = client_of(root, "secretsmanager").create_secret(Name=user, SecretString=value)["ARN"]
        iam = {"app": "REQUIRED", "reporting": "DISABLED"}[user]
        auths.append({"authScheme": "SECRETS", "iamAuth": iam, "secretArn": arn})
    grant(root, database, "batch")
    spec = {
        "engineFamily": "POSTGRESQL",
        "requireTls": True,
        "auths": auths,
        "defaultAuthScheme": "IAM_AUTH",
        "roleArn": "arn:aws:iam::000000000000:role/orders-proxy",
    }
    facts = supervisor.put("proxy", "orders", spec)
    supervisor.put("target-group", "orders", {"connectionBorrowTimeout": 2})
    supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})
    return facts


def grant(root: Path, database: dict[str, Any], *users: str) -> None:
    """Give the proxy's role what the components give it: rds-db:connect on the database's own id."""
    prefix = f"arn:aws:rds-db:eu-west-1:000000000000:dbuser:{database['resourceId']}/"
    statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": [prefix + user for user in users]}
    spec = {"role": "orders-proxy", "policy": json.dumps({"Statement": [statement]})}
    SupervisorClient.ensure(root).put("role-policy", "orders-proxy:login", spec)


def token(root: Path, facts: dict[str, Any], user: str) -> str:
    host = facts.get("endpoint") or facts["address"]
    return auth_token(host=host, port=5432, user=user, region="eu-west-1", credentials=shell(root))


def enter(root: Path, facts: dict[str, Any], user: str, word: str, **changes: Any) -> str:
    with log_in(root, facts, user=user, password=word, prepare_threshold=None, **changes) as connection:
        (who,) = connection.execute("SELECT current_user").fetchone() or (None,)
    return str(who)


def lets_in(root: Path, facts: dict[str, Any], user: str, word: str) -> Callable[[], bool]:
    def attempt() -> bool:
        try:
            return enter(root, facts, user, word) == user
        except psycopg.Error:
            return False

    return attempt


def test_each_user_of_one_proxy_is_let_in_by_its_own_way(root: Path, mixed: dict[str, Any]) -> None:
    assert enter(root, mixed, "app", token(root, mixed, "app")) == "app"
    assert enter(root, mixed, "reporting", PASSWORDS["reporting"]) == "reporting"
    until(lets_in(root, mixed, "batch", token(root, mixed, "batch")))


def test_a_password_is_proved_by_scram_through_the_gate_too(root: Path, mixed: dict[str, Any]) -> None:
    """RDS Proxy demands it with POSTGRES_SCRAM_SHA_256; the password itself never reaches the gate."""
    assert enter(root, mixed, "reporting", PASSWORDS["reporting"], require_auth="scram-sha-256") == "reporting"


@pytest.mark.parametrize(
    ("user", "word", "words"),
    [
        ("app", lambda *_: PASSWORDS["app"], "this is no IAM token"),
        ("batch", lambda *_: "useless", "this is no IAM token"),
        (
            "reporting",
            lambda root, facts: token(root, facts, "reporting"),
            "for the role reporting is wrong",
        ),
        ("reporting", lambda *_: "guessed", "for the role reporting is wrong"),
        ("reporting", lambda *_: PASSWORDS["app"], "for the role reporting is wrong"),
        ("app", lambda root, facts: token(root, facts, "batch"), "another user"),
        ("db_admin", lambda root, facts: token(root, facts, "db_admin"), "no credentials for the role db_admin"),
    ],
)
def test_nobody_is_let_in_by_the_way_of_another(
    root: Path, mixed: dict[str, Any], user: str, word: Callable[[Path, dict[str, Any]], str], words: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=words):
        enter(root, mixed, user, word(root, mixed))


def test_behind_the_gate_only_the_gate_needs_no_password(root: Path, mixed: dict[str, Any]) -> None:
    pooler = {**mixed, "port": 6432}
    for user, word in (("app", "guessed"), ("batch", ""), ("batch", "useless"), ("reporting", "guessed")):
        with pytest.raises(psycopg.OperationalError):
            enter(root, pooler, user, word, sslmode="disable", sslrootcert=None)
    private = laptop_state(root) / "proxies" / "orders" / "private"
    assert private.stat().st_mode & 0o077 == 0
    gate = laptop_state(root) / "gates" / "orders" / "gate.json"
    assert (gate.stat().st_mode & 0o777, gate.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    # It checks passwords, so it has those of who proves one, and no others.
    assert [user for user, word in PASSWORDS.items() if word in gate.read_text()] == ["reporting"]


def test_the_database_lets_the_proxys_role_in_as_whom_its_policy_names_and_takes_no_password_of_theirs(
    root: Path, database: dict[str, Any], mixed: dict[str, Any]
) -> None:
    until(lets_in(root, mixed, "batch", token(root, mixed, "batch")))
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        enter(root, database, "batch", "useless")
    with log_in(root, database) as master:
        master.execute("CREATE ROLE nightly LOGIN")
        master.execute("GRANT rds_iam TO nightly")
    with pytest.raises(psycopg.OperationalError, match="no credentials for the role nightly"):
        enter(root, mixed, "nightly", token(root, mixed, "nightly"))
    grant(root, database, "batch", "nightly")
    until(lets_in(root, mixed, "nightly", token(root, mixed, "nightly")))
    grant(root, database, "nightly")
    until(lambda: not lets_in(root, mixed, "batch", token(root, mixed, "batch"))())
    grant(root, database, "batch")
    until(lets_in(root, mixed, "batch", token(root, mixed, "batch")))


def test_a_database_without_iam_authentication_lets_no_member_of_rds_iam_in(
    root: Path, database: dict[str, Any], mixed: dict[str, Any]
) -> None:
    supervisor = SupervisorClient.ensure(root)
    supervisor.put("instance", "orders", {**INSTANCE, "iamDatabaseAuthenticationEnabled": False})
    try:
        until(lets_in(root, mixed, "app", token(root, mixed, "app")))
        with pytest.raises(psycopg.Error):
            enter(root, mixed, "batch", token(root, mixed, "batch"))
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            enter(root, database, "batch", "useless")
    finally:
        supervisor.put("instance", "orders", {**INSTANCE, "iamDatabaseAuthenticationEnabled": True})
    until(lets_in(root, mixed, "batch", token(root, mixed, "batch")))
