"""How the supervisor and its AWS endpoint are asked for what is really backed, and how their failures read."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from toolchain.checkout import LAPTOP_REGION, checkout_root, gateway_url
from toolchain.laptop_key import SHELL_ACCESS_KEY, shell_secret

from ...supervisor.client import SupervisorClient
from ...supervisor.errors import LaptopError
from .. import DEFAULT_REGION
from ..properties import Properties
from .row import Backed


@contextmanager
def supervisor_errors() -> Iterator[None]:
    """Turn what AWS's client is refused at the supervisor's AWS endpoint into one sentence for the user."""
    # A preview needs neither boto3 nor the time to load it.
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise LaptopError(str(error)) from None


def client(service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
    """AWS's own client, at the laptop's endpoint."""
    import boto3
    import botocore.config

    SupervisorClient.ensure()
    return boto3.client(
        service,
        endpoint_url=gateway_url(checkout_root()),
        region_name=LAPTOP_REGION,
        aws_access_key_id=SHELL_ACCESS_KEY,
        aws_secret_access_key=shell_secret(checkout_root()),
        config=botocore.config.Config(read_timeout=920, retries={"max_attempts": 0}),  # a function's 900 s, and some
    )


class Supervised(Backed):
    """A type that the supervisor runs as one of its kinds; `shown` are the facts that are outputs as they are."""

    kind: ClassVar[str]
    shown: ClassVar[tuple[str, ...]] = ()

    def key(self, identifier: str, state: Properties) -> str:
        """What the supervisor knows a resource by."""
        return identifier

    def outputs(self, key: str, facts: Properties, region: str) -> Properties:
        """The outputs beside the inputs."""
        return {name: facts[name] for name in self.shown}

    def put(self, key: str, spec: Properties, region: str) -> Properties:
        """Have a resource made, or brought to another specification: its outputs."""
        return self.outputs(key, SupervisorClient.ensure().put(self.kind, key, spec), region)

    def read(self, identifier: str, state: Properties) -> Properties | None:
        key = self.key(identifier, state)
        # A supervisor that was killed left its state: starting it brings the resource back.
        found = SupervisorClient.ensure().get(self.kind, key)
        return None if found is None else self.outputs(key, found, str(state.get("region", DEFAULT_REGION)))

    def delete(self, identifier: str, state: Properties) -> None:
        SupervisorClient.ensure().delete(self.kind, self.key(identifier, state))
