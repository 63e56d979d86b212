"""The pack: every rule as a policy of Pulumi's SDK. A rule's module in `rules/` says all there is to say about it."""

from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)

from . import mistakes
from .assets import tolerate_incomplete_assets
from .configuration import schema
from .memory import Memory
from .mistakes import Reader
from .policies import configuration_validation, resource_validation, stack_validation
from .rule import ResourceRule, StackRule
from .rules import credentials, direct_connection, max_connections, network, pool_size, proxy_pinning, proxy_settings

# In the order in which they are published.
RULES: tuple[ResourceRule | StackRule, ...] = (
    direct_connection.BY_VALUE,
    direct_connection.BY_GRAPH,
    max_connections.BY_VALUE,
    max_connections.BY_GRAPH,
    proxy_settings.BY_VALUE,
    credentials.BY_VALUE,
    pool_size.BY_VALUE,
    proxy_pinning.BY_GRAPH,
    network.BY_GRAPH,
)


def build() -> dict[str, Any]:
    """The arguments of `PolicyPack`; building one starts serving, so that is left to `__main__`."""
    tolerate_incomplete_assets()
    memory, readers = Memory(), [Reader(rule.name, rule.options) for rule in RULES]
    policies = [_policy(rule, memory, reader) for rule, reader in zip(RULES, readers, strict=True)]
    return {
        "name": "rds-proxy-guard",
        "display_name": "RDS Proxy guard",
        "description": "Keeps Lambda functions behind RDS Proxy, and the proxies within what their databases can give.",
        "provider": "aws",
        "tags": ["aws", "lambda", "rds", "rds-proxy"],
        "enforcement_level": EnforcementLevel.MANDATORY,
        "policies": [*policies, _configuration_policy(readers)],
    }


def _policy(rule: ResourceRule | StackRule, memory: Memory, reader: Reader) -> Policy:
    about: dict[str, Any] = {
        "name": rule.name,
        "display_name": rule.display_name,
        "description": rule.description,
        "severity": Severity(rule.severity),
        "remediation_steps": rule.remediation_steps,
        "tags": list(rule.tags),
        "url": rule.url,
        "enforcement_level": EnforcementLevel.ADVISORY if rule.advisory else None,
        "config_schema": PolicyConfigSchema(properties=schema(rule.options)),
    }
    if isinstance(rule, StackRule):
        return StackValidationPolicy(validate=stack_validation(rule, memory, reader), **about)
    return ResourceValidationPolicy(validate=resource_validation(rule, memory, reader), **about)


def _configuration_policy(readers: list[Reader]) -> Policy:
    return StackValidationPolicy(
        name=mistakes.NAME,
        display_name="Configuration of the RDS Proxy guard",
        description="The configuration of this pack's policies must be readable.",
        severity=Severity.LOW,
        remediation_steps="Correct the policy group's configuration as the finding says.",
        tags=["configuration"],
        url="https://www.pulumi.com/docs/discovery-governance/policy/policy-packs/",
        enforcement_level=EnforcementLevel.ADVISORY,
        validate=configuration_validation(readers),
    )
