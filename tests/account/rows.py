"""Every type as the account does it: the laptop's own rows, with the account behind each in place of the supervisor."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from local.provider import functions as laptop_functions
from local.provider.properties import Properties
from local.provider.types import aws_type
from local.provider.types.row import AwsType

from .account import Account, Kept, RefusedError, Service
from .clusters import Cluster, ClusterInstance
from .databases import Instance
from .functions import Function, Invocation
from .logs import LogGroup
from .parameter_groups import ClusterParameterGroup, ParameterGroup
from .proxies import Proxy, ProxyTarget, TargetGroup
from .secrets_manager import RotationApplication, Secret, SecretRotation, SecretVersion

SERVICES: dict[str, type[Service]] = {
    "aws:rds/instance:Instance": Instance,
    "aws:rds/cluster:Cluster": Cluster,
    "aws:rds/clusterInstance:ClusterInstance": ClusterInstance,
    "aws:rds/parameterGroup:ParameterGroup": ParameterGroup,
    "aws:rds/clusterParameterGroup:ClusterParameterGroup": ClusterParameterGroup,
    "aws:rds/proxy:Proxy": Proxy,
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": TargetGroup,
    "aws:rds/proxyTarget:ProxyTarget": ProxyTarget,
    "aws:lambda/function:Function": Function,
    "aws:lambda/invocation:Invocation": Invocation,
    "aws:secretsmanager/secret:Secret": Secret,
    "aws:secretsmanager/secretVersion:SecretVersion": SecretVersion,
    "aws:secretsmanager/secretRotation:SecretRotation": SecretRotation,
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": RotationApplication,
    "aws:cloudwatch/logGroup:LogGroup": LogGroup,
}


def rows(account: Account) -> Callable[[str], AwsType]:
    """The row of a type, by its token: names, facts and limits are the laptop's."""

    @cache
    def row(token: str) -> AwsType:
        service = SERVICES.get(token)
        backed = service(account) if service else Kept(account, token)
        return replace(aws_type(token), backed=backed, find=None)

    return row


def functions(account: Account) -> Callable[[str, Properties, str], Properties]:
    """What answers the functions of a program: the laptop, but for what is in the account."""

    def call(token: str, args: Properties, region: str) -> Properties:
        if token == "aws:index/getAvailabilityZones:getAvailabilityZones":
            found = laptop_functions.call(token, args, region)
            impaired = account.setting("impaired zones", []) if args.get("state") == "available" else []
            kept = [index for index, name in enumerate(found["names"]) if name not in impaired]
            return {**found, **{key: [found[key][index] for index in kept] for key in ("names", "zoneIds")}}
        if token == "aws:rds/getInstance:getInstance":
            return {**args, **_instance(account, str(args["dbInstanceIdentifier"]))}
        return laptop_functions.call(token, args, region)

    return call


def _instance(account: Account, name: str) -> Properties:
    found = account.get(Instance.kind, name)
    if found is None:
        raise RefusedError("DBInstanceNotFound", f"DBInstance {name} not found.")
    outputs = Instance(account).found(name, {"identifier": name}) or {}
    shown = {key: outputs[key] for key in ("address", "port", "resourceId")}
    return {"id": name, "vpcSecurityGroups": found["runs"].get("vpcSecurityGroupIds", []), **shown}
