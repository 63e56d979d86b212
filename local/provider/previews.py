"""Previews of any stack of any program, for tests of a policy pack: nothing is made, and nobody's account is asked.

`LAPTOP_PREVIEWS_ANY_STACK=1` has the stand-in do this. What AWS would fill in is unknown, as in a first preview.
"""

from dataclasses import replace

from google.protobuf import empty_pb2
from grpc import ServicerContext, StatusCode
from pulumi.runtime.proto import provider_pb2 as proto

from .properties import Properties
from .servicer import AwsServicer
from .types import aws_type
from .types.row import AwsType, Resource

VARIABLE = "LAPTOP_PREVIEWS_ANY_STACK"
_REFUSED = f"{VARIABLE} is set, so this stand-in for the aws provider shows previews alone and makes nothing"


class PreviewServicer(AwsServicer):
    """A provider of which every stack may ask for a preview, and none for more."""

    def __init__(self) -> None:
        super().__init__(row=_shown)

    def check_stack(self, config: Properties, urn: str) -> None:
        """Take any account and any backend."""

    def Delete(self, request: proto.DeleteRequest, context: ServicerContext) -> empty_pb2.Empty:  # noqa: ARG002, N802
        context.abort(StatusCode.FAILED_PRECONDITION, _REFUSED)

    def _applied(self, resource: Resource, context: ServicerContext, *, preview: bool) -> tuple[str, Properties]:
        if not preview:
            context.abort(StatusCode.FAILED_PRECONDITION, _REFUSED)
        return super()._applied(resource, context, preview=True)


def _shown(token: str) -> AwsType:
    """What the laptop can serve is no limit here; what AWS takes is one."""
    return replace(aws_type(token), backed=None)
