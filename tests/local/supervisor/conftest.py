"""A supervisor of the test's own: another checkout, other addresses, other state."""

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest

from local.supervisor.client import SupervisorClient
from toolchain.checkout import gateway_url, laptop_state

FAKE = {"aws_access_key_id": "laptop", "aws_secret_access_key": "laptop", "region_name": "eu-west-1"}


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A checkout that only its addresses and state stand for; what it started is ended."""
    yield tmp_path
    client = SupervisorClient.running(tmp_path)
    if client is not None:
        client.stop()
    shutil.rmtree(laptop_state(tmp_path), ignore_errors=True)


@pytest.fixture
def supervisor(root: Path) -> SupervisorClient:
    """A running supervisor."""
    return SupervisorClient.ensure(root)


@pytest.fixture
def aws(root: Path, supervisor: SupervisorClient) -> Callable[[str], Any]:
    """boto3 clients of the laptop's endpoint."""
    config = botocore.config.Config(retries={"max_attempts": 0}, read_timeout=60)
    return lambda service: boto3.client(service, endpoint_url=gateway_url(root), config=config, **FAKE)


@pytest.fixture
def deploy(tmp_path: Path, supervisor: SupervisorClient) -> Callable[..., str]:
    """Deploys a function from its source text: its name."""

    def make(source: str, *, name: str = "tried", **spec: Any) -> str:
        archive = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(archive, "w") as package:
            package.writestr("app.py", source)
        given = {"code": str(archive), "handler": "app.handler", "timeout": 5, "memorySize": 128, **spec}
        supervisor.put("function", name, given)
        return name

    return make


def invoke(client: Any, name: str, payload: object = None, **options: Any) -> tuple[Any, str | None]:
    """(answer, X-Amz-Function-Error) of one invocation."""
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload).encode(), **options)
    return json.loads(answer["Payload"].read() or b"null"), answer.get("FunctionError")
