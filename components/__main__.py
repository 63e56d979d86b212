"""Serves the components to any Pulumi language: `packages: {lambda-rds-proxy: …/components}`."""

import sys
from enum import Enum
from typing import Any

from pulumi.provider import main
from pulumi.provider.experimental.analyzer import TypeDefinition
from pulumi.provider.experimental.component import ComponentProvider

import lambda_rds_proxy
from lambda_rds_proxy.settings.spelling import SERVED, SPELLING


class Components(ComponentProvider):
    """The SDK's provider makes {} of an enum inside a reference: `proxy.auth` had no value in other languages."""

    def map_complex_output(self, instance_val: Any, type_def: TypeDefinition) -> Any:  # noqa: ANN401 - the SDK's own
        """What another language gets of an output."""
        return (
            instance_val.value if isinstance(instance_val, Enum) else super().map_complex_output(instance_val, type_def)
        )


if __name__ == "__main__":
    SPELLING.set(SERVED)  # whoever is served writes camel case
    components: list[Any] = [getattr(lambda_rds_proxy, name) for name in lambda_rds_proxy.COMPONENTS]
    # Without a version an SDK cannot be generated: the one that the SDK's own host says.
    main(Components(components, "lambda-rds-proxy", version="0.0.0"), sys.argv[1:])
