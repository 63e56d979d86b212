"""Serves the components to any Pulumi language: `packages: {lambda-rds-proxy: …/components}`."""

from pulumi.provider.experimental import component_provider_host

import lambda_rds_proxy
from lambda_rds_proxy.settings.spelling import SERVED, SPELLING

if __name__ == "__main__":
    SPELLING.set(SERVED)  # whoever is served writes camel case
    component_provider_host(
        name="lambda-rds-proxy",
        components=[getattr(lambda_rds_proxy, name) for name in lambda_rds_proxy.COMPONENTS],
    )
