"""The provider on an account, through its own protocol, without an engine: what a program sees of one resource."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, cast
from unittest.mock import patch

from grpc import ServicerContext
from pulumi.runtime.proto import provider_pb2 as proto

from local.provider import ACCOUNT
from local.provider.properties import Properties, from_struct, to_struct
from local.provider.servicer import AwsServicer

from .account import Account
from .rows import functions, rows


class FailedError(Exception):
    """What the provider said at Check, or AWS when it was asked."""


class _Context:
    def abort(self, _: object, sentence: str) -> NoReturn:
        raise FailedError(sentence)


_CONTEXT = cast(ServicerContext, _Context())


@dataclass(frozen=True)
class Made:
    """A resource of a stack's state."""

    urn: str
    id: str
    arguments: Properties
    inputs: Properties
    outputs: Properties


@dataclass(frozen=True)
class Drift:
    """What the next update would change, and what of it replaces the resource."""

    changes: Sequence[str]
    replaces: Sequence[str]


class Provider:
    """One provider process, in a region."""

    def __init__(self, account: Account, region: str = "eu-west-1") -> None:
        self._servicer = AwsServicer(rows(account), functions(account))
        config = {"region": region, "allowedAccountIds": [ACCOUNT]}
        backend = dict.fromkeys(("PULUMI_BACKEND_URL", "LAMBDA_RDS_PROXY_BACKEND"), "file://the-tests-own")
        with patch.dict(os.environ, backend):
            self._servicer.Configure(proto.ConfigureRequest(args=to_struct(config)), _CONTEXT)

    def make(self, token: str, **arguments: Any) -> Made:
        """Check and create."""
        urn = f"urn:pulumi:dev::shop::{token}::thing"
        inputs = self._check(urn, arguments, {})
        request = proto.CreateRequest(urn=urn, properties=to_struct(inputs))
        made = self._servicer.Create(request, _CONTEXT)
        return Made(urn, made.id, arguments, inputs, from_struct(made.properties))

    def change(self, made: Made, **arguments: Any) -> Made:
        """Check and update in place, with these arguments changed."""
        arguments = {**made.arguments, **arguments}
        inputs = self._check(made.urn, arguments, made.inputs)
        request = proto.UpdateRequest(id=made.id, urn=made.urn, olds=to_struct(made.outputs), news=to_struct(inputs))
        changed = self._servicer.Update(request, _CONTEXT)
        return Made(made.urn, made.id, arguments, inputs, from_struct(changed.properties))

    def refresh(self, made: Made) -> Made | None:
        """Read; None when it is gone."""
        request = proto.ReadRequest(
            id=made.id, urn=made.urn, properties=to_struct(made.outputs), inputs=to_struct(made.inputs)
        )
        found = self._servicer.Read(request, _CONTEXT)
        if not found.id:
            return None
        return Made(made.urn, made.id, made.arguments, from_struct(found.inputs), from_struct(found.properties))

    def drift(self, made: Made, ignore: Sequence[str] = (), **arguments: Any) -> Drift:
        """What `preview --refresh` says of the program that made it, or of one with other arguments."""
        found = self.refresh(made)
        assert found is not None, f"{made.id} is gone"
        inputs = self._check(made.urn, {**made.arguments, **arguments}, found.inputs)
        request = proto.DiffRequest(
            id=made.id,
            urn=made.urn,
            olds=to_struct(found.outputs),
            old_inputs=to_struct(found.inputs),
            news=to_struct(inputs),
            ignoreChanges=ignore,
        )
        said = self._servicer.Diff(request, _CONTEXT)
        return Drift([*said.diffs], [*said.replaces])

    def destroy(self, made: Made) -> None:
        """Delete."""
        self._servicer.Delete(
            proto.DeleteRequest(id=made.id, urn=made.urn, properties=to_struct(made.outputs)), _CONTEXT
        )

    def _check(self, urn: str, arguments: Properties, olds: Properties) -> Properties:
        request = proto.CheckRequest(urn=urn, news=to_struct(arguments), olds=to_struct(olds), randomSeed=b"seed")
        checked = self._servicer.Check(request, _CONTEXT)
        if checked.failures:
            raise FailedError("; ".join(each.reason for each in checked.failures))
        return from_struct(checked.inputs)
