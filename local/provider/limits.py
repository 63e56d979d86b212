"""AWS's limits of the arguments we use, read from botocore's service model.

The real provider checks only some of them before it calls AWS (it lets a borrow timeout of 3600 s pass); AWS refuses
the rest during `up`. Here all of them fail at Check, so a preview shows what an update on AWS would.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from .properties import Properties
from .remembered import remembered

# token → (service, shape, {argument: member}); a nested argument has a dot.
_MODELLED: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "aws:rds/proxy:Proxy": (
        "rds",
        "CreateDBProxyRequest",
        {"name": "DBProxyName", "engineFamily": "EngineFamily", "idleClientTimeout": "IdleClientTimeout"},
    ),
    "aws:lambda/function:Function": (
        "lambda",
        "CreateFunctionRequest",
        {
            "name": "FunctionName",
            "runtime": "Runtime",
            "handler": "Handler",
            "architectures": "Architectures",
            "description": "Description",
        },
    ),
    "aws:rds/proxyEndpoint:ProxyEndpoint": (
        "rds",
        "CreateDBProxyEndpointRequest",
        {"dbProxyEndpointName": "DBProxyEndpointName", "dbProxyName": "DBProxyName", "targetRole": "TargetRole"},
    ),
    "aws:secretsmanager/secret:Secret": ("secretsmanager", "CreateSecretRequest", {"name": "Name"}),
    "aws:iam/role:Role": ("iam", "CreateRoleRequest", {"name": "RoleName"}),
    "aws:iam/rolePolicy:RolePolicy": ("iam", "PutRolePolicyRequest", {"name": "PolicyName"}),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", "CreateLogGroupRequest", {"name": "logGroupName"}),
}
# What the model leaves to prose: ConnectionPoolConfiguration's own documentation in the same file, and Lambda's quotas
# (its model lets 32 GB of memory pass).
_RANGES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": {
        "connectionPoolConfig.maxConnectionsPercent": (1, 100),
        "connectionPoolConfig.maxIdleConnectionsPercent": (0, 100),
        "connectionPoolConfig.connectionBorrowTimeout": (0, 300),
    },
    "aws:rds/proxy:Proxy": {"idleClientTimeout": (1, 28_800)},
    "aws:lambda/function:Function": {
        "timeout": (1, 900),
        "memorySize": (128, 10_240),
        "reservedConcurrentExecutions": (-1, 1_000_000),  # -1 takes a reservation away; the account's limit is AWS's
    },
}
# Names whose rule botocore's model has in prose only: CreateDBInstance and CreateDBCluster.
_IDENTIFIER = r"[a-z](?:-?[a-z0-9])*"
_NAMES: Mapping[str, tuple[str, int]] = {
    "aws:rds/instance:Instance": ("identifier", 63),
    "aws:rds/clusterInstance:ClusterInstance": ("identifier", 63),
    "aws:rds/cluster:Cluster": ("clusterIdentifier", 63),
}
_LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
# PutRetentionPolicy's list, with 0 for "for ever".
_RETENTION_DAYS = (
    *(0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_ENVIRONMENT_BYTES = 4096
# EC2 API reference, GroupDescription and SecurityGroupRuleDescription: no apostrophe, no arrow.
_DESCRIPTION = re.compile(r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}")
_DESCRIBED = frozenset(
    {
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    }
)


def problems(token: str, given: Properties) -> Iterator[tuple[str, str]]:
    """(property path, sentence) of every value outside AWS's limits; unknown values are nobody's business yet."""
    if token in _MODELLED:
        service, shape, members = _MODELLED[token]
        for argument, member in members.items():
            yield from _against(_members(service, shape).get(member), argument, _value(given, argument))
    for argument, (low, high) in _RANGES.get(token, {}).items():
        number = _number(_value(given, argument))
        if number is not None and not low <= number <= high:
            yield argument, f"{argument} is {number}; AWS takes {low} to {high}"
    if token in _NAMES:
        yield from _name(given, *_NAMES[token])
    days = _number(given.get("retentionInDays"))
    if token == _LOG_GROUP and days is not None and days not in _RETENTION_DAYS:
        yield "retentionInDays", f"retentionInDays is {days}; AWS takes {', '.join(map(str, _RETENTION_DAYS))}"
    description = given.get("description")
    if token in _DESCRIBED and isinstance(description, str) and not _DESCRIPTION.fullmatch(description):
        yield (
            "description",
            f'description is "{description}"; EC2 takes at most 255 of a-z A-Z 0-9 and ._-:/()#,@[]+=&;{{}}!$*',
        )
    pool = given.get("connectionPoolConfig")
    if isinstance(pool, dict):
        idle, most = _number(pool.get("maxIdleConnectionsPercent")), _number(pool.get("maxConnectionsPercent"))
        if idle is not None and most is not None and idle > most:
            yield (
                "connectionPoolConfig.maxIdleConnectionsPercent",
                f"maxIdleConnectionsPercent is {idle} (the provider sends 50 when it is left out); "
                f"AWS takes at most maxConnectionsPercent ({most})",
            )
    variables = _value(given, "environment.variables")
    if isinstance(variables, dict):
        size = sum(len(f"{key}{value}".encode()) for key, value in variables.items() if value != UNKNOWN)
        if size > _ENVIRONMENT_BYTES:
            yield "environment", f"the environment has {size} bytes; Lambda takes {_ENVIRONMENT_BYTES}"


def _value(given: Properties, path: str) -> Any:  # noqa: ANN401 - JSON
    value: Any = given
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _number(value: object) -> float | None:
    """A number, or text that is one: the real provider takes both. Values of other types are said elsewhere."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return int(number) if number.is_integer() else number


def _name(given: Properties, argument: str, most: int) -> Iterator[tuple[str, str]]:
    name = given.get(argument)
    if isinstance(name, str) and name != UNKNOWN and (len(name) > most or not re.fullmatch(_IDENTIFIER, name)):
        yield (
            argument,
            f'{argument} is "{name}"; AWS takes 1 to {most} lower-case letters, digits and single hyphens, '
            "a letter first",
        )


@cache
def _members(service: str, shape: str) -> Mapping[str, Any]:
    """The limits of every member of a shape."""
    members: Mapping[str, Any] = remembered(f"{service} {shape}", lambda: _read_members(service, shape))
    return members


def _read_members(service: str, shape: str) -> dict[str, Any]:
    import botocore.loaders
    import botocore.model

    document = botocore.loaders.Loader().load_service_model(service, "service-2")
    structure = botocore.model.ServiceModel(document, service).shape_for(shape)
    return {name: _limits(member) for name, member in structure.members.items()}


def _limits(shape: Any) -> dict[str, Any]:  # noqa: ANN401 - botocore's Shape
    """What a shape allows: `type`, and where it has them `enum`, `min`, `max`, `pattern` and the `member` of a list."""
    found = {"type": shape.type_name, **{key: shape.metadata.get(key) for key in ("enum", "min", "max", "pattern")}}
    if shape.type_name == "list":
        found["member"] = _limits(shape.member)
    return {key: value for key, value in found.items() if value is not None}


def _against(limit: Mapping[str, Any] | None, argument: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    if limit is None or value == UNKNOWN:
        return
    if limit["type"] == "list" and isinstance(value, list):
        for item in value:
            yield from _against(limit["member"], argument, item)
        return
    text = limit["type"] == "string"
    measured = (len(value) if isinstance(value, str) else None) if text else _number(value)
    if measured is None:
        return  # of another type, which is said elsewhere
    enum = limit.get("enum")
    if enum and value not in enum:
        yield argument, f'{argument} is "{value}"; AWS takes one of {", ".join(enum)}'
    least, most = limit.get("min"), limit.get("max")
    if (least is not None and measured < least) or (most is not None and measured > most):
        bounds = f"at least {least}" if most is None else f"{least or 0} to {most}"
        yield argument, f'{argument} is "{value}"; AWS takes {bounds}{" characters" if text else ""}'
    pattern = limit.get("pattern")
    if pattern and text and not _matches(pattern, value):
        yield argument, f'{argument} is "{value}"; AWS takes {pattern}'


def _matches(pattern: str, value: str) -> bool:
    # Some of AWS's patterns use classes that Python's re lacks; those are AWS's to check.
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True
