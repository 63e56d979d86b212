"""The pack: every policy with its metadata, level and configuration schema. Names are permanent once published."""

from typing import Any

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    ResourceValidationPolicy,
    Severity,
    StackValidationPolicy,
)

from .assets import tolerate_incomplete_assets
from .configuration import Configuration, Option, flag_option, number_option, patterns_option, schema
from .memory import Memory
from .policies import ResourceRule, StackRule, resource_validation, stack_validation
from .resources import HOLDERS, Kind
from .rules import credentials, direct_connection, max_connections, network, pool_size, proxy_settings
from .values import Json

_IGNORED = patterns_option("ignoreKeyPatterns", description="Names of environment variables to leave alone.")
_MAX_PERCENT = number_option(
    "maxPercent",
    max_connections.MAX_PERCENT,
    minimum=1,
    maximum=100,
    description="Highest share of max_connections, in percent.",
)
_VALUE_KEYS = (
    patterns_option("directHostPatterns", description="Your own DNS names that lead straight to a database."),
    _IGNORED,
)
_GRAPH_KEYS = (
    patterns_option("hostKeyPatterns", description="More names of environment variables that carry a database's host."),
    _IGNORED,
)
_SETTINGS = proxy_settings.DEFAULT_SETTINGS
_IDLE_TIMEOUTS = (
    number_option(
        "minIdleClientTimeout",
        _SETTINGS.min_idle_client_timeout,
        minimum=1,
        maximum=28800,
        description="Shortest idleClientTimeout, in seconds.",
    ),
    number_option(
        "maxIdleClientTimeout",
        _SETTINGS.max_idle_client_timeout,
        minimum=1,
        maximum=28800,
        description="Longest idleClientTimeout, in seconds.",
    ),
    flag_option("requireIam", _SETTINGS.require_iam, description="Whether clients must log in with IAM."),
)
_POOL = (
    number_option(
        "maxOpen", pool_size.MAX_OPEN, minimum=1, maximum=1000, description="Most open connections of one pool."
    ),
    number_option(
        "maxIdle", pool_size.MAX_IDLE, minimum=0, maximum=1000, description="Most idle connections of one pool."
    ),
)
_PROXY_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html"
_POOL_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-connections.html"
_NETWORK_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-network-prereqs.html"
_SECRETS_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-secrets-arns.html"


def build() -> dict[str, Any]:
    """The arguments of `PolicyPack`; building one starts serving, so that is left to `__main__`."""
    tolerate_incomplete_assets()
    return {
        "name": "rds-proxy-guard",
        "display_name": "RDS Proxy guard",
        "description": "Keeps Lambda functions behind RDS Proxy, and the proxies within what their databases can give.",
        "provider": "aws",
        "tags": ["aws", "lambda", "rds", "rds-proxy"],
        "enforcement_level": EnforcementLevel.MANDATORY,
        "policies": _policies(Memory()),
    }


def _policies(memory: Memory) -> list[Policy]:
    def of_resource(
        name: str, rule: ResourceRule, *kinds: Kind, options: tuple[Option, ...] = (), **about: Json
    ) -> ResourceValidationPolicy:
        validate = resource_validation(rule, *kinds, memory=memory, options=options)
        config_schema = PolicyConfigSchema(properties=schema(options))
        return ResourceValidationPolicy(name=name, validate=validate, config_schema=config_schema, **about)

    def of_stack(
        name: str, rule: StackRule, judged: Kind, *read: Kind, options: tuple[Option, ...] = (), **about: Json
    ) -> StackValidationPolicy:
        validate = stack_validation(rule, judged, *read, memory=memory, options=options)
        config_schema = PolicyConfigSchema(properties=schema(options))
        return StackValidationPolicy(name=name, validate=validate, config_schema=config_schema, **about)

    return [
        of_resource(
            "lambda-uses-rds-proxy",
            lambda urn, token, given, config: direct_connection.by_value(
                urn, token, given, _keys(config), memory.unproxied()
            ),
            Kind.FUNCTION,
            options=_VALUE_KEYS,
            description="Lambda functions connect to RDS through RDS Proxy, never straight to a database.",
            display_name="Lambda uses RDS Proxy",
            severity=Severity.HIGH,
            tags=["lambda", "connections"],
            remediation_steps="Set the host variable to the endpoint of an RDS Proxy before that database.",
            url=_PROXY_PAGE,
        ),
        of_stack(
            "lambda-uses-rds-proxy-graph",
            lambda graph, config: direct_connection.by_graph(graph, _keys(config)),
            Kind.FUNCTION,
            Kind.DATABASE,
            Kind.PROXY,
            Kind.PROXY_ENDPOINT,
            *HOLDERS,
            options=_GRAPH_KEYS,
            description="A host that is still unknown comes from an RDS Proxy, not from a database.",
            display_name="Lambda uses RDS Proxy (by dependency)",
            severity=Severity.HIGH,
            tags=["lambda", "connections"],
            remediation_steps="Set the host variable, or the parameter or record it reads, to the proxy's endpoint.",
            url=_PROXY_PAGE,
        ),
        of_resource(
            "rds-proxy-max-connections",
            lambda urn, token, given, config: max_connections.by_value(urn, token, given, config["maxPercent"]),
            Kind.TARGET_GROUP,
            options=(_MAX_PERCENT,),
            description="An RDS Proxy leaves connections of its database for everyone else.",
            display_name="RDS Proxy leaves connections over",
            severity=Severity.HIGH,
            tags=["rds-proxy", "connections"],
            remediation_steps="Lower maxConnectionsPercent of the proxy's default target group.",
            url=_POOL_PAGE,
        ),
        of_stack(
            "rds-proxy-max-connections-total",
            lambda graph, config: max_connections.by_graph(graph, config["maxPercent"]),
            Kind.PROXY,
            Kind.TARGET_GROUP,
            Kind.TARGET,
            Kind.DATABASE,
            options=(_MAX_PERCENT,),
            description="All RDS Proxies of a database together leave connections for everyone else.",
            display_name="RDS Proxies of a database leave connections over",
            severity=Severity.HIGH,
            tags=["rds-proxy", "connections"],
            remediation_steps="State maxConnectionsPercent of every proxy, and lower them until their sum fits.",
            url=_POOL_PAGE,
        ),
        of_resource(
            "rds-proxy-settings",
            lambda urn, token, given, config: proxy_settings.by_value(
                urn,
                token,
                given,
                proxy_settings.Settings(
                    min_idle_client_timeout=config["minIdleClientTimeout"],
                    max_idle_client_timeout=config["maxIdleClientTimeout"],
                    require_iam=config["requireIam"],
                ),
            ),
            Kind.PROXY,
            options=_IDLE_TIMEOUTS,
            description="An RDS Proxy requires TLS, closes idle clients in time and logs in with a secret or IAM.",
            display_name="RDS Proxy settings",
            severity=Severity.HIGH,
            tags=["rds-proxy", "encryption", "credentials"],
            remediation_steps="Set requireTls to true, idleClientTimeout to 900–1800 s, and a secret or IAM.",
            url=_PROXY_PAGE,
        ),
        of_resource(
            "lambda-database-credentials",
            lambda urn, token, given, config: credentials.by_value(
                urn, token, given, ignored=config["ignoreKeyPatterns"]
            ),
            Kind.FUNCTION,
            options=(_IGNORED,),
            description="A Lambda function's environment holds no database password.",
            display_name="No database password in Lambda's environment",
            severity=Severity.CRITICAL,
            tags=["lambda", "credentials"],
            remediation_steps="Log in with an IAM token, or read the secret by its ARN at run time.",
            url=_SECRETS_PAGE,
        ),
        of_resource(
            "lambda-connection-pool",
            lambda urn, token, given, config: pool_size.by_value(
                urn, token, given, max_open=config["maxOpen"], max_idle=config["maxIdle"]
            ),
            Kind.FUNCTION,
            options=_POOL,
            enforcement_level=EnforcementLevel.ADVISORY,
            description="A Lambda function's own connection pool is small, because the proxy does the pooling.",
            display_name="Small pools in Lambda",
            severity=Severity.MEDIUM,
            tags=["lambda", "connections"],
            remediation_steps="Set the pool to at most 2 open and 1 idle connections per execution environment.",
            url=_PROXY_PAGE,
        ),
        of_stack(
            "rds-proxy-network",
            lambda graph, _: network.by_graph(graph),
            Kind.PROXY,
            Kind.TARGET_GROUP,
            Kind.TARGET,
            Kind.DATABASE,
            Kind.FUNCTION,
            Kind.SECURITY_GROUP,
            Kind.INGRESS_RULE,
            enforcement_level=EnforcementLevel.ADVISORY,
            description="A database behind an RDS Proxy admits the proxy, and neither the world nor Lambda functions.",
            display_name="The network leads through the proxy",
            severity=Severity.MEDIUM,
            tags=["rds-proxy", "network"],
            remediation_steps="Let the database's group admit the proxy's group, and the proxy's admit the functions'.",
            url=_NETWORK_PAGE,
        ),
    ]


def _keys(config: Configuration) -> direct_connection.Keys:
    return direct_connection.Keys(
        host=config.values.get("hostKeyPatterns", ()),
        ignored=config["ignoreKeyPatterns"],
        direct_hosts=config.values.get("directHostPatterns", ()),
    )
