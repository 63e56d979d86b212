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
            "timeout": "Timeout",
            "memorySize": "MemorySize",
            "handler": "Handler",
            "architectures": "Architectures",
            "description": "Description",
        },
    ),
    "aws:secretsmanager/secret:Secret": ("secretsmanager", "CreateSecretRequest", {"name": "Name"}),
    "aws:iam/role:Role": ("iam", "CreateRoleRequest", {"name": "RoleName"}),
    "aws:iam/rolePolicy:RolePolicy": ("iam", "PutRolePolicyRequest", {"name": "PolicyName"}),
    "aws:cloudwatch/logGroup:LogGroup": ("logs", "CreateLogGroupRequest", {"name": "logGroupName"}),
}
# What the model leaves to prose: ConnectionPoolConfiguration's own documentation in the same file, and Lambda's quotas.
_RANGES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": {
        "connectionPoolConfig.maxConnectionsPercent": (1, 100),
        "connectionPoolConfig.maxIdleConnectionsPercent": (0, 100),
        "connectionPoolConfig.connectionBorrowTimeout": (0, 300),
    },
    "aws:rds/proxy:Proxy": {"idleClientTimeout": (1, 28_800)},
    "aws:lambda/function:Function": {"timeout": (1, 900), "memorySize": (128, 10_240)},
}
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
        value = _value(given, argument)
        if isinstance(value, int | float) and not low <= value <= high:
            yield argument, f"{argument} is {value}; AWS takes {low} to {high}"
    description = given.get("description")
    if token in _DESCRIBED and isinstance(description, str) and not _DESCRIPTION.fullmatch(description):
        yield (
            "description",
            f'description is "{description}"; EC2 takes at most 255 of a-z A-Z 0-9 and ._-:/()#,@[]+=&;{{}}!$*',
        )
    pool = given.get("connectionPoolConfig")
    if isinstance(pool, dict):
        idle, most = pool.get("maxIdleConnectionsPercent"), pool.get("maxConnectionsPercent")
        if isinstance(idle, int) and isinstance(most, int) and idle > most:
            yield (
                "connectionPoolConfig.maxIdleConnectionsPercent",
                f"maxIdleConnectionsPercent is {idle}; AWS takes at most maxConnectionsPercent ({most})",
            )
    variables = _value(given, "environment.variables")
    if isinstance(variables, dict):
        size = sum(len(str(key)) + len(str(value)) for key, value in variables.items() if value != UNKNOWN)
        if size > _ENVIRONMENT_BYTES:
            yield "environment", f"the environment has {size} bytes; Lambda takes {_ENVIRONMENT_BYTES}"


def _value(given: Properties, path: str) -> Any:  # noqa: ANN401 - JSON
    value: Any = given
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


@cache
def _members(service: str, shape: str) -> Mapping[str, Any]:
    import botocore.loaders
    import botocore.model

    document = botocore.loaders.Loader().load_service_model(service, "service-2")
    structure = botocore.model.ServiceModel(document, service).shape_for(shape)
    members: Mapping[str, Any] = structure.members
    return members


def _against(shape: Any, argument: str, value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    if shape is None or value is None or value == UNKNOWN:
        return
    if isinstance(value, list):
        for item in value:
            yield from _against(getattr(shape, "member", None), argument, item)
        return
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield argument, f'{argument} is "{value}"; AWS takes one of {", ".join(enum)}'
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    measure = len(value) if isinstance(value, str) else value
    if (least is not None and measure < least) or (most is not None and measure > most):
        what = "characters" if isinstance(value, str) else ""
        yield argument, f'{argument} is "{value}"; AWS takes {least} to {most} {what}'.rstrip()
    pattern = shape.metadata.get("pattern")
    if pattern and isinstance(value, str) and not _matches(pattern, value):
        yield argument, f'{argument} is "{value}"; AWS takes {pattern}'


def _matches(pattern: str, value: str) -> bool:
    # Some of AWS's patterns use classes that Python's re lacks; those are AWS's to check.
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return True
