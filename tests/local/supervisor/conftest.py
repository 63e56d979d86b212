"""A supervisor of the test's own: another checkout, other addresses, other state."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from rds_connection.iam_token import AwsCredentials
from tests.waiting import LIMIT_SECONDS
from tests.waiting import until as until  # handed on to the tests beside it
from toolchain.checkout import LAPTOP_REGION, checkout_cache, gateway_url, laptop_state
from toolchain.laptop_key import SHELL_ACCESS_KEY, shell_secret
from toolchain.remains import remove_remains

INSTANCE: dict[str, Any] = {
    "engine": "postgres",
    "instanceClass": "db.t4g.micro",
    "dbName": "app_db",
    "username": "db_admin",
    "password": "not-a-real-one",
}


@contextmanager
def checkout(folder: Path) -> Iterator[Path]:
    """A checkout that only its addresses and state stand for; what it started is ended."""
    try:
        yield folder
    finally:
        remove_remains(folder)
        shutil.rmtree(checkout_cache(folder), ignore_errors=True)


def shell(root: Path) -> AwsCredentials:
    """Who signs in the shell of `make env`."""
    return AwsCredentials(access_key=SHELL_ACCESS_KEY, secret_key=shell_secret(root), session_token="")


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A checkout of the test's own; a module whose tests can share one has a fixture of this name."""
    with checkout(tmp_path) as folder:
        yield folder


@pytest.fixture
def supervisor(root: Path) -> SupervisorClient:
    """A running supervisor."""
    return SupervisorClient.ensure(root)


def client_of(root: Path, service: str) -> Any:
    """A boto3 client of a checkout's endpoint."""
    config = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=LIMIT_SECONDS, max_pool_connections=50)
    keys = {"aws_access_key_id": SHELL_ACCESS_KEY, "aws_secret_access_key": shell_secret(root)}
    return boto3.client(service, endpoint_url=gateway_url(root), config=config, region_name=LAPTOP_REGION, **keys)


@pytest.fixture
def aws(root: Path, supervisor: SupervisorClient) -> Callable[[str], Any]:
    """boto3 clients of the laptop's endpoint."""
    return lambda service: client_of(root, service)


@pytest.fixture
def deploy(tmp_path: Path, supervisor: SupervisorClient) -> Iterator[Callable[..., str]]:
    """Deploys a function from its source text: its name."""
    supervisor.put("parameter-group", "keeps-the-supervisor", {"parameters": {}})
    made = set()

    def make(source: str, *, name: str = "tried", **spec: Any) -> str:
        archive = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr(zipfile.ZipInfo("app.py"), source)  # same source, same bytes
        given = {"code": str(archive), "handler": "app.handler", "timeout": 5, "memorySize": 128, **spec}
        supervisor.put("function", name, given)
        made.add(name)
        return name

    yield make
    for name in made:
        supervisor.delete("function", name)


def log_in(root: Path, facts: dict[str, Any], **changes: Any) -> "psycopg.Connection[Any]":
    """A connection to an instance as its master user, or to a proxy as whoever the changes name."""
    arguments: dict[str, Any] = {
        "host": facts.get("address") or facts["endpoint"],
        "hostaddr": facts["ip"],
        "port": facts["port"],
        "dbname": "app_db",
        "user": "db_admin",
        "password": "not-a-real-one",
        "sslmode": "verify-full",
        "sslrootcert": str(laptop_state(root) / "authority" / "ca.pem"),
        "autocommit": True,
        "connect_timeout": 60,
    }
    return psycopg.connect(**{**arguments, **changes})


def put_orders(root: Path, *, iam: str) -> dict[str, Any]:
    """An instance with the user `app`, a secret for it, and a proxy that is given both: the proxy's facts."""
    supervisor = SupervisorClient.ensure(root)
    instance = supervisor.put("instance", "orders", INSTANCE)
    with log_in(root, instance) as connection:
        connection.execute("CREATE ROLE app LOGIN PASSWORD 'of-the-secret'")
    login = {"username": "app", "password": "of-the-secret"}
    value = json.dumps({**login, "engine": "postgres", "host": instance["address"], "dbname": "app_db"})
    secret = client_of(root, "secretsmanager").create_secret(Name="app", SecretString=value)["ARN"]
    auth = {"authScheme": "SECRETS", "iamAuth": iam, "secretArn": secret}
    facts = supervisor.put("proxy", "orders", {"engineFamily": "POSTGRESQL", "requireTls": True, "auths": [auth]})
    supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})
    return facts


def invoke(client: Any, name: str, payload: object = None, **options: Any) -> tuple[Any, str | None]:
    """(answer, X-Amz-Function-Error) of one invocation."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload).encode(), **options)
    return json.loads(answer["Payload"].read() or b"null"), answer.get("FunctionError")
