"""The stand-in that shows previews of any stack and makes nothing."""

import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2 as proto

from local.provider.previews import PreviewServicer

URN = "urn:pulumi:prod::shop::aws:lambda/function:Function::orders"


class AbortedError(Exception):
    """What gRPC raises out of a call."""


class Context:
    """A call's context that aborts as gRPC's does."""

    def abort(self, code: grpc.StatusCode, details: str) -> None:
        raise AbortedError(f"{code.name}: {details}")


def struct(**values: object) -> struct_pb2.Struct:
    found = struct_pb2.Struct()
    found.update(values)
    return found


@pytest.fixture
def servicer() -> PreviewServicer:
    return PreviewServicer()


def test_any_account_and_any_backend_are_taken(servicer: PreviewServicer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.example.invalid")
    config = struct(allowedAccountIds='["123456789012"]', region="us-gov-west-1")
    assert not servicer.CheckConfig(proto.CheckRequest(news=config), Context()).failures
    assert servicer.Configure(proto.ConfigureRequest(args=config), Context()).supportsPreview


def test_a_function_that_the_laptop_could_not_run_is_shown(servicer: PreviewServicer) -> None:
    inputs = struct(role="arn:aws:iam::123456789012:role/x", packageType="Image", imageUri="x")
    request = proto.CreateRequest(urn=URN, properties=inputs, preview=True)
    shown = servicer.Create(request, Context())
    assert shown.id == "" and shown.properties["imageUri"] == "x"


def test_nothing_is_made_changed_or_deleted(servicer: PreviewServicer) -> None:
    context = Context()
    for call in (
        lambda: servicer.Create(proto.CreateRequest(urn=URN, properties=struct()), context),
        lambda: servicer.Update(proto.UpdateRequest(urn=URN, news=struct()), context),
        lambda: servicer.Delete(proto.DeleteRequest(urn=URN, id="x"), context),
    ):
        with pytest.raises(AbortedError, match=r"FAILED_PRECONDITION: LAPTOP_PREVIEWS_ANY_STACK is set.*makes nothing"):
            call()
