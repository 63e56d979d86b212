"""One change at a time on a proxy that runs: what gate, pooler and database know of it then, and who gets in."""

import json
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from rds_connection.iam_token import AwsCredentials, auth_token
from tests.local.supervisor.conftest import INSTANCE, checkout, client_of, invoke, log_in, shell, until
from toolchain.checkout import laptop_state

pytestmark = pytest.mark.servers
SECRET, IAM, END_TO_END = "secret", "iam", "iam-end-to-end"
PASSWORDS = {"app": "of-app", "reporting": "of-reporting", "batch": "of-nobody"}
# Who logs in to the proxy, and how.
STATES: dict[str, dict[str, str]] = {
    "nobody": {},
    "secret only": {"reporting": SECRET},
    "iam only": {"app": IAM},
    "both": {"app": IAM, "reporting": SECRET},
    "each as the other": {"app": SECRET, "reporting": IAM},
    "iam end to end": {"batch": END_TO_END},
    "all three": {"app": IAM, "reporting": SECRET, "batch": END_TO_END},
}
# Each to each other; a test mostly begins where the one above it has ended.
CHANGES = [change for one, other in combinations(STATES, 2) for change in ((one, other), (other, one))]
ROLE = "arn:aws:iam::000000000000:role/orders-proxy"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("changes")) as folder:
        yield folder


class Stack:
    """A database with three users, and a proxy whose users change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.supervisor = SupervisorClient.ensure(root)
        self.secrets = client_of(root, "secretsmanager")
        self.database = self.put_database("orders")
        self.arns = {user: self.secrets.create_secret(Name=user)["ARN"] for user in ("app", "reporting")}
        for user in self.arns:
            self.set_secret(user)
        self.proxy = self.put_users({})
        self.supervisor.put("target-group", "orders", {"connectionBorrowTimeout": 2})
        self.put_target()
        self.grant()

    def put_database(self, name: str, **changes: Any) -> dict[str, Any]:
        asked = {**INSTANCE, "iamDatabaseAuthenticationEnabled": True, **changes}
        facts = self.supervisor.put("instance", name, asked)
        with log_in(self.root, facts) as master:
            if not master.execute("SELECT 1 FROM pg_roles WHERE rolname = 'batch'").fetchone():
                for user, word in PASSWORDS.items():
                    master.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{word}'")
                master.execute("GRANT rds_iam TO batch")
        return facts

    def set_secret(self, name: str, **changes: str) -> None:
        value = json.dumps({"username": name, "password": PASSWORDS[name], **changes})
        self.secrets.put_secret_value(SecretId=name, SecretString=value)

    def put_target(self, database: str = "orders") -> None:
        self.supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": database})

    def grant(self, *users: str, role: str = "orders-proxy") -> None:
        """Let the proxy's role connect as these users, as the components do; `batch` unless others are named."""
        prefix = f"arn:aws:rds-db:eu-west-1:000000000000:dbuser:{self.database['resourceId']}/"
        statement = {
            "Effect": "Allow",
            "Action": "rds-db:connect",
            "Resource": [prefix + u for u in users or ["batch"]],
        }
        policy = json.dumps({"Statement": [statement]})
        self.supervisor.put("role-policy", "orders-proxy:login", {"role": role, "policy": policy})

    def put_users(self, users: dict[str, str], **changes: Any) -> dict[str, Any]:
        auths = [
            {"authScheme": "SECRETS", "iamAuth": "REQUIRED" if way == IAM else "DISABLED", "secretArn": self.arns[user]}
            for user, way in users.items()
            if way != END_TO_END
        ]
        spec = {"engineFamily": "POSTGRESQL", "requireTls": True, "auths": auths, "roleArn": ROLE}
        if END_TO_END in users.values():
            spec["defaultAuthScheme"] = "IAM_AUTH"
        return self.supervisor.put("proxy", "orders", {**spec, **changes})

    def token(self, user: str, credentials: AwsCredentials | None = None) -> str:
        host = self.proxy["endpoint"]
        return auth_token(
            host=host, port=5432, user=user, region="eu-west-1", credentials=credentials or shell(self.root)
        )

    def lets_in(self, user: str, word: str, **changes: Any) -> bool:
        try:
            login = {"user": user, "password": word, "prepare_threshold": None, **changes}
            with log_in(self.root, self.proxy, **login) as connection:
                return connection.execute("SELECT current_user").fetchone() == (user,)
        except psycopg.Error:
            return False

    def check(self, users: dict[str, str], passwords: dict[str, str] | None = None) -> None:
        """Each user gets in by its own way and by no other, and no server knows of anybody else."""
        for user, password in {**PASSWORDS, **(passwords or {})}.items():
            way = users.get(user)
            until(lambda: self.lets_in(user, self.token(user)) is (way in (IAM, END_TO_END)))  # noqa: B023
            until(lambda: self.lets_in(user, password) is (way == SECRET))  # noqa: B023
        known = self.known()
        assert known["pooler"] == sorted(users)
        assert known["database"] == sorted(user for user, way in users.items() if way == END_TO_END)
        assert known["tokens"] == sorted(user for user, way in users.items() if way != SECRET)
        assert known["passwords"] == sorted(user for user, way in users.items() if way == SECRET)

    def gate(self) -> dict[str, Any]:
        """What the gate was told."""
        told: dict[str, Any] = json.loads((laptop_state(self.root) / "gates" / "orders" / "gate.json").read_text())
        return told

    def known(self) -> dict[str, list[str]]:
        """Whom each server was told of."""
        state = laptop_state(self.root)
        gate = self.gate()
        listed = (state / "proxies" / "orders" / "userlist.txt").read_text().splitlines()
        admitted = (state / "instances" / "orders" / "pg_ident.conf").read_text().splitlines()
        return {
            "tokens": gate["token_users"],
            "passwords": sorted(gate["passwords"]),
            "pooler": sorted({line.split('"')[1] for line in listed} - {"laptop-supervisor"}),
            "database": sorted(line.split('"')[3] for line in admitted),
        }

    def told(self) -> dict[str, str]:
        """All that was written down for servers to read; nothing of it is made by chance or by clients."""
        state = laptop_state(self.root)
        names = ("gate.json", "pgbouncer.ini", "userlist.txt", "pg_ident.conf", "postgresql.conf")
        found = {str(file.relative_to(state)): file.read_text() for name in names for file in state.rglob(name)}
        return {name: text[text.find("* = ") :] if "ini" in name else text for name, text in found.items()}


@pytest.fixture(scope="module")
def stack(root: Path) -> Stack:
    return Stack(root)


def test_a_user_with_a_secret_is_added_to_a_proxy_that_has_iam_users_only(stack: Stack) -> None:
    stack.put_users(STATES["iam only"])
    stack.check(STATES["iam only"])
    stack.put_users(STATES["both"])
    stack.check(STATES["both"])


@pytest.mark.parametrize(("before", "after"), CHANGES)
def test_users_come_go_and_change_their_way_to_log_in(stack: Stack, before: str, after: str) -> None:
    stack.put_users(STATES[before])
    stack.put_users(STATES[after])
    stack.check(STATES[after])


@pytest.fixture
def all_three(stack: Stack) -> Iterator[Stack]:
    """A proxy with users of every kind; whatever a test changes is changed back."""
    stack.put_users(STATES["all three"])
    yield stack
    stack.put_users(STATES["all three"])
    for user in stack.arns:
        stack.set_secret(user)
    stack.grant()
    stack.put_target()
    stack.check(STATES["all three"])


def test_a_secret_gets_another_password(all_three: Stack) -> None:
    with log_in(all_three.root, all_three.database) as master:
        for password in ("another", PASSWORDS["reporting"]):
            master.execute(f"ALTER ROLE reporting PASSWORD '{password}'")
            all_three.set_secret("reporting", password=password)
            all_three.check(STATES["all three"], {"reporting": password})


def test_a_secret_comes_to_name_another_user(all_three: Stack) -> None:
    for name, way in (("reporting", SECRET), ("app", IAM)):
        with log_in(all_three.root, all_three.database) as master:
            master.execute("CREATE ROLE renamed LOGIN PASSWORD 'of-renamed'")
        try:
            all_three.set_secret(name, username="renamed", password="of-renamed")
            users = {**STATES["all three"], "renamed": way}
            del users[name]
            all_three.check(users, {"renamed": "of-renamed"})
        finally:
            all_three.set_secret(name)
            all_three.check(STATES["all three"])
            with log_in(all_three.root, all_three.database) as master:
                master.execute("DROP ROLE renamed")


def test_a_secret_without_a_value_comes_to_have_one_and_goes_away(all_three: Stack) -> None:
    manager = all_three.secrets
    late = manager.create_secret(Name="late")["ARN"]
    auths = {name: {"authScheme": "SECRETS", "iamAuth": "DISABLED", "secretArn": arn} for name, arn in
             {"reporting": all_three.arns["reporting"], "late": late}.items()}  # fmt: skip
    all_three.put_users({}, auths=[{**auths["reporting"], "iamAuth": "REQUIRED"}, auths["late"]])
    all_three.check({"reporting": IAM})
    manager.put_secret_value(SecretId="late", SecretString=json.dumps({"username": "app", "password": "of-app"}))
    all_three.check({"reporting": IAM, "app": SECRET})
    manager.delete_secret(SecretId="late", ForceDeleteWithoutRecovery=True)
    all_three.check({"reporting": IAM})


def test_the_proxys_role_comes_to_connect_as_others(all_three: Stack) -> None:
    with log_in(all_three.root, all_three.database) as master:
        master.execute("GRANT rds_iam TO reporting")
        try:
            all_three.put_users({}, defaultAuthScheme="IAM_AUTH")
            all_three.check({"batch": END_TO_END})
            all_three.grant("batch", "reporting")
            all_three.check({"batch": END_TO_END, "reporting": END_TO_END})
            all_three.grant("reporting")
            all_three.check({"reporting": END_TO_END})
            all_three.supervisor.delete("role-policy", "orders-proxy:login")
            all_three.check({})
        finally:
            master.execute("REVOKE rds_iam FROM reporting")


def test_the_proxy_gets_another_role_and_the_policy_follows(all_three: Stack) -> None:
    without = {user: way for user, way in STATES["all three"].items() if way != END_TO_END}
    all_three.put_users(STATES["all three"], roleArn="arn:aws:iam::000000000000:role/another")
    all_three.check(without)
    all_three.grant(role="another")
    all_three.check(STATES["all three"])
    all_three.grant()
    all_three.check(without)


def test_another_database_is_behind_the_proxy_or_none(all_three: Stack) -> None:
    without = {user: way for user, way in STATES["all three"].items() if way != END_TO_END}
    other = all_three.put_database("other")
    try:
        all_three.put_target("other")  # the role may not connect as anybody there
        all_three.check(without)
        all_three.put_target("orders")
        all_three.check(STATES["all three"])
        all_three.put_target("other")
        all_three.supervisor.delete("instance", "other")
        until(lambda: f"host={other['ip']}" not in pooler_file(all_three, "pgbouncer.ini"))
    finally:
        all_three.supervisor.delete("instance", "other")


def pooler_file(stack: Stack, name: str) -> str:
    return (laptop_state(stack.root) / "proxies" / "orders" / name).read_text()


def test_the_database_itself_changes(all_three: Stack) -> None:
    try:
        for changes in ({"port": 5433}, {"iamDatabaseAuthenticationEnabled": False}, {"dbName": "app_db"}):
            all_three.database = all_three.put_database("orders", **changes)
            iam = changes.get("iamDatabaseAuthenticationEnabled", True)
            until(lambda: all_three.lets_in("reporting", PASSWORDS["reporting"]))
            until(lambda: all_three.lets_in("batch", all_three.token("batch")) is iam)  # noqa: B023
            target = all_three.supervisor.get("target", "orders/orders")
            assert target is not None and target["port"] == all_three.database["port"]
    finally:
        all_three.put_database("orders")


def test_a_change_of_the_database_that_fails_costs_no_login(all_three: Stack) -> None:
    all_three.supervisor.put("parameter-group", "broken", {"parameters": {"work_mem": "nonsense"}})
    with pytest.raises(LaptopError, match="work_mem"):
        all_three.put_database("orders", parameterGroupName="broken")
    all_three.check(STATES["all three"])


def test_a_supervisor_that_starts_has_nothing_else_to_tell(all_three: Stack) -> None:
    all_three.put_users(STATES["secret only"], requireTls=False)
    all_three.put_users(STATES["both"], idleClientTimeout=99)
    all_three.put_users(STATES["all three"])
    all_three.grant("batch", "app")
    all_three.set_secret("app", username="renamed")
    all_three.supervisor.put("target-group", "orders", {"maxConnectionsPercent": 33, "initQuery": "SELECT 1"})
    all_three.put_database("orders", port=5433)
    try:
        told = all_three.told()
        all_three.supervisor = all_three.supervisor.restart()
        assert all_three.told() == told
    finally:
        all_three.put_database("orders")
        all_three.supervisor.put("target-group", "orders", {"connectionBorrowTimeout": 2})


@pytest.mark.parametrize("users", ["secret only", "both"])
def test_plain_text_is_for_passwords_and_only_where_tls_is_not_required(all_three: Stack, users: str) -> None:
    plain = {"sslmode": "disable", "sslrootcert": None}
    for required in (True, False, True):
        all_three.put_users(STATES[users], requireTls=required)
        until(lambda: all_three.lets_in("reporting", PASSWORDS["reporting"], **plain) is not required)  # noqa: B023
        assert not all_three.lets_in("app", all_three.token("app"), **plain)
        all_three.check(STATES[users])


@pytest.mark.parametrize("users", ["secret only", "all three"])
def test_settings_of_pool_and_proxy_reach_the_gate_and_the_pooler(all_three: Stack, users: str) -> None:
    pool = {"connectionBorrowTimeout": 2}
    all_three.put_users(STATES[users])
    try:
        all_three.put_users(STATES[users], idleClientTimeout=77)
        assert all_three.gate()["idle_client_timeout"] == 77
        all_three.supervisor.put("target-group", "orders", {**pool, "maxConnectionsPercent": 20})
        assert "max_db_connections = 15\n" in pooler_file(all_three, "pgbouncer.ini")
        assert all_three.gate()["ceiling"] == 15
        all_three.supervisor.put("target-group", "orders", {"connectionBorrowTimeout": 9})
        assert all_three.gate()["borrow_timeout"] == 9
        all_three.supervisor.delete("target-group", "orders")
        assert all_three.gate()["borrow_timeout"] == 120
        all_three.check(STATES[users])
    finally:
        all_three.supervisor.put("target-group", "orders", pool)


def test_a_functions_role_and_its_policy_change_and_the_function_goes(
    all_three: Stack, deploy: Callable[..., str]
) -> None:
    source = """
import os
def handler(event, context):
    return [os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]]
"""
    put, delete = all_three.supervisor.put, all_three.supervisor.delete
    name = deploy(source, role="arn:aws:iam::000000000000:role/api")
    (access, secret), _ = invoke(client_of(all_three.root, "lambda"), name)
    signer = AwsCredentials(access_key=access, secret_key=secret, session_token="")
    prefix = f"arn:aws:rds-db:eu-west-1:000000000000:dbuser:{all_three.proxy['arn'].rsplit(':', 1)[1]}/"

    def policy(user: str) -> dict[str, str]:
        statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": prefix + user}
        return {"role": "api", "policy": json.dumps({"Statement": [statement]})}

    def gets_in(*users: str) -> None:
        for user in ("app", "batch"):
            until(lambda: all_three.lets_in(user, all_three.token(user, signer)) is (user in users))  # noqa: B023

    gets_in()
    put("role-policy", "api:connect", policy("app"))
    gets_in("app")
    put("role-policy", "api:connect", policy("batch"))
    gets_in("batch")
    deploy(source, role="arn:aws:iam::000000000000:role/no-longer")
    gets_in()
    deploy(source, role="arn:aws:iam::000000000000:role/api")
    gets_in("batch")
    delete("role-policy", "api:connect")
    gets_in()
    put("role-policy", "api:connect", policy("app"))
    gets_in("app")
    delete("function", name)
    gets_in()
    delete("role-policy", "api:connect")
