"""Serves the components to any Pulumi language: `packages: {lambda-rds-proxy: …/components}`."""

from pulumi.provider.experimental import component_provider_host

import lambda_rds_proxy

if __name__ == "__main__":
    component_provider_host(
        name="lambda-rds-proxy",
        components=[getattr(lambda_rds_proxy, name) for name in lambda_rds_proxy.COMPONENTS],
    )
