"""The pack: every policy with its metadata, level and configuration schema. Names are permanent once published."""

from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)

from .policies import Memory, resource_validation, stack_validation
from .resources import FUNCTIONS, TARGET_GROUPS
from .rules import direct_connection, max_connections
from .values import number

_PERCENT_SCHEMA = PolicyConfigSchema(
    properties={
        "maxPercent": {
            "type": "number",
            "minimum": 1,
            "maximum": 100,
            "default": max_connections.MAX_PERCENT,
            "description": "Highest share of max_connections, in percent.",
        }
    }
)


def build() -> dict[str, Any]:
    """The arguments of `PolicyPack`; building one starts serving, so that is left to `__main__`."""
    memory = Memory()
    return {
        "name": "rds-proxy-guard",
        "enforcement_level": EnforcementLevel.MANDATORY,
        "policies": [
            ResourceValidationPolicy(
                name="lambda-uses-rds-proxy",
                description="Lambda functions connect to RDS through RDS Proxy, never straight to a database.",
                severity=Severity.HIGH,
                remediation_steps="Set the host variable to the proxy's endpoint.",
                validate=resource_validation(
                    FUNCTIONS, lambda urn, token, given, _: direct_connection.by_value(urn, token, given), memory
                ),
            ),
            StackValidationPolicy(
                name="lambda-uses-rds-proxy-graph",
                description="A host that is still unknown comes from an RDS Proxy, not from a database.",
                severity=Severity.HIGH,
                remediation_steps="Set the host variable to the proxy's endpoint.",
                validate=stack_validation(lambda graph, _: direct_connection.by_graph(graph), memory),
            ),
            ResourceValidationPolicy(
                name="rds-proxy-max-connections",
                description="An RDS Proxy leaves connections of its database for everyone else.",
                severity=Severity.HIGH,
                remediation_steps="Lower maxConnectionsPercent of the proxy's default target group.",
                config_schema=_PERCENT_SCHEMA,
                validate=resource_validation(
                    TARGET_GROUPS,
                    lambda urn, token, given, config: max_connections.by_value(urn, token, given, _limit(config)),
                    memory,
                ),
            ),
            StackValidationPolicy(
                name="rds-proxy-max-connections-total",
                description="All RDS Proxies of a database together leave connections for everyone else.",
                severity=Severity.HIGH,
                remediation_steps="State maxConnectionsPercent of every proxy, and lower them until their sum fits.",
                config_schema=_PERCENT_SCHEMA,
                validate=stack_validation(
                    lambda graph, config: max_connections.by_graph(graph, _limit(config)), memory
                ),
            ),
        ],
    }


def _limit(config: dict[str, Any]) -> float:
    # Configuration is empty in `policy analyze` without a file, so the default stands here too.
    given = number(config.get("maxPercent"))
    return max_connections.MAX_PERCENT if given is None else given
