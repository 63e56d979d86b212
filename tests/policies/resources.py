"""Resources of a stack as the real providers show them, for the policies' tests."""

from typing import Any

from tests.policies.analyzed import SENTINEL, Resource

DIRECT = "orders.abc123def456.eu-west-1.rds.amazonaws.com"
PROXIED = "orders.proxy-abc123def456.eu-west-1.rds.amazonaws.com"
AUTH = [{"authScheme": "SECRETS", "iamAuth": "REQUIRED", "secretArn": SENTINEL}]


def database(name: str = "db", engine: str = "postgres", **inputs: Any) -> Resource:
    """An instance that is about to be made."""
    return Resource(
        "aws:rds/instance:Instance",
        name,
        {"engine": engine, **inputs},
        {"engine": engine, **inputs, "address": SENTINEL},
    )


def proxy(name: str = "proxy", family: str = "POSTGRESQL", **inputs: Any) -> Resource:
    """A proxy with nothing to say against it."""
    return Resource(
        "aws:rds/proxy:Proxy",
        name,
        {"name": name, "engineFamily": family, "requireTls": True, "auths": AUTH, **inputs},
    )


def group(of: Resource, percent: Any = 85, name: str = "group") -> Resource:
    """A proxy's default target group; `percent` None leaves the pool to AWS."""
    inputs: dict[str, Any] = {"dbProxyName": of.name}
    if percent is not None:
        inputs["connectionPoolConfig"] = {"maxConnectionsPercent": percent}
    outputs = {**inputs, "connectionPoolConfig": inputs.get("connectionPoolConfig", SENTINEL)}
    return Resource(
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", name, inputs, outputs, {"dbProxyName": [of]}
    )


def target(of: Resource, at: Resource, name: str = "target") -> Resource:
    """A proxy's target, by dependency."""
    return Resource(
        "aws:rds/proxyTarget:ProxyTarget",
        name,
        {"dbProxyName": of.name, "dbInstanceIdentifier": SENTINEL},
        feeds={"dbProxyName": [of], "dbInstanceIdentifier": [at]},
    )


def function(variables: Any, feeds: list[Resource] | None = None, name: str = "fn", **inputs: Any) -> Resource:
    """A function as the real provider shows it: the whole environment is unknown in outputs when a value in it is."""
    unknown = variables == SENTINEL or SENTINEL in variables.values()
    given = {"environment": {"variables": variables}, **inputs}
    outputs = {**given, "environment": SENTINEL} if unknown else given
    return Resource("aws:lambda/function:Function", name, given, outputs, {"environment": feeds or []})


def parameter(value: Any, feeds: list[Resource] | None = None, name: str = "/orders/db-host") -> Resource:
    """An SSM parameter."""
    inputs = {"name": name, "type": "String", "value": value}
    return Resource("aws:ssm/parameter:Parameter", name.rsplit("/", 1)[-1], inputs, feeds={"value": feeds or []})


def secret_with(value: Any, feeds: list[Resource] | None = None) -> tuple[Resource, Resource]:
    """A secret and its version."""
    holder = Resource("aws:secretsmanager/secret:Secret", "login", {"name": "orders/login"}, {"arn": SENTINEL})
    version = Resource(
        "aws:secretsmanager/secretVersion:SecretVersion",
        "login",
        {"secretId": SENTINEL, "secretString": value},
        feeds={"secretId": [holder], "secretString": feeds or []},
    )
    return holder, version


def security_group(name: str, ingress: list[dict[str, Any]] | None = None, feeds: Any = ()) -> Resource:
    """A security group whose id is not known yet."""
    inputs: dict[str, Any] = {} if ingress is None else {"ingress": ingress}
    outputs = {"id": SENTINEL, "ingress": SENTINEL if ingress is None else ingress}
    return Resource("aws:ec2/securityGroup:SecurityGroup", name, inputs, outputs, {"ingress": list(feeds)})


def ingress_rule(into: Resource, *, source: Resource | None = None, cidr: str | None = None, **ports: Any) -> Resource:
    """A standalone rule: from a group or from addresses."""
    inputs: dict[str, Any] = {
        "securityGroupId": SENTINEL,
        "ipProtocol": "tcp",
        "fromPort": 5432,
        "toPort": 5432,
        **ports,
    }
    feeds = {"securityGroupId": [into]}
    if source is not None:
        inputs["referencedSecurityGroupId"] = SENTINEL
        feeds["referencedSecurityGroupId"] = [source]
    if cidr is not None:
        inputs["cidrIpv4"] = cidr
    name = f"{into.name}-from-{source.name if source else cidr}"
    return Resource("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", name, inputs, feeds=feeds)
