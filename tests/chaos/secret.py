"""A secret in a Secrets Manager of our own."""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from tests.chaos.addresses import free_address

_PORT = 4566


@dataclass(frozen=True)
class Secret:
    """A secret with a user's password.

    Attributes:
        variables: what an environment needs to read it.
    """

    manager: Any
    user: str
    variables: Mapping[str, str]

    def put(self, password: str) -> None:
        """Its next version."""
        self.manager.put_secret_value(
            SecretId=self.variables["DB_SECRET_ARN"], SecretString=_login(self.user, password)
        )


@contextmanager
def secret(user: str, password: str, *, region: str) -> Iterator[Secret]:
    """A secret, for the length of a block."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request otherwise
    server = ThreadedMotoServer(ip_address=free_address(), port=_PORT, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        endpoint, access = f"http://{host}:{port}", {"AWS_ACCESS_KEY_ID": "chaos", "AWS_SECRET_ACCESS_KEY": "chaos"}
        manager = boto3.client(
            "secretsmanager",
            endpoint_url=endpoint,
            region_name=region,
            **{name.lower(): value for name, value in access.items()},
        )
        arn = manager.create_secret(Name="chaos", SecretString=_login(user, password))["ARN"]
        yield Secret(manager, user, {**access, "AWS_ENDPOINT_URL": endpoint, "DB_SECRET_ARN": arn})
    finally:
        server.stop()


def _login(user: str, password: str) -> str:
    return json.dumps({"username": user, "password": password})
