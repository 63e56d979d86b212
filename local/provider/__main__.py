"""Serves the stand-in provider."""

import os

from pulumi.runtime.proto import provider_pb2_grpc

from toolchain.plugin import serve

from .previews import VARIABLE, PreviewServicer
from .servicer import AwsServicer


def main(servicer: AwsServicer) -> None:
    """Serve until the engine ends us or is gone."""
    serve(lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server))


if __name__ == "__main__":
    main(PreviewServicer() if os.environ.get(VARIABLE) == "1" else AwsServicer())
