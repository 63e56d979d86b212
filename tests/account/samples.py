"""Resources as programs ask for them, each of which an account takes."""

from typing import Any

from .provider import Made, Provider

INSTANCE, CLUSTER = "aws:rds/instance:Instance", "aws:rds/cluster:Cluster"
MEMBER, PROXY = "aws:rds/clusterInstance:ClusterInstance", "aws:rds/proxy:Proxy"
GROUP = "aws:rds/parameterGroup:ParameterGroup"
CLUSTER_GROUP = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
TARGET = "aws:rds/proxyTarget:ProxyTarget"
SUBNET = "aws:ec2/subnet:Subnet"
LOG_GROUP, ROLE = "aws:cloudwatch/logGroup:LogGroup", "aws:iam/role:Role"
FUNCTION, INVOCATION = "aws:lambda/function:Function", "aws:lambda/invocation:Invocation"
SECRET = "aws:secretsmanager/secret:Secret"
APPLICATION = "aws:serverlessrepository/cloudFormationStack:CloudFormationStack"
KEY, OTHER_KEY = (f"arn:aws:kms:eu-west-1:000000000000:key/{digit * 8}" for digit in "12")
_ARCHIVE = {"4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}
_TRUST = '{"Version": "2012-10-17", "Statement": []}'


def archive(path: str) -> dict[str, str]:
    """A package on the disk, as the engine tells the provider of one."""
    return {**_ARCHIVE, "path": path}


def instance(**changed: Any) -> dict[str, Any]:
    """An encrypted PostgreSQL, at once and without a final snapshot."""
    return {
        "identifier": "orders",
        "engine": "postgres",
        "engineVersion": "17",
        "instanceClass": "db.t4g.micro",
        "allocatedStorage": 20,
        "storageType": "gp3",
        "storageEncrypted": True,
        "username": "db_admin",
        "manageMasterUserPassword": True,
        "skipFinalSnapshot": True,
        "applyImmediately": True,
        **changed,
    }


def cluster(**changed: Any) -> dict[str, Any]:
    """An encrypted Aurora PostgreSQL, at once and without a final snapshot."""
    return {
        "clusterIdentifier": "orders",
        "engine": "aurora-postgresql",
        "engineVersion": "17.7",
        "storageEncrypted": True,
        "masterUsername": "db_admin",
        "manageMasterUserPassword": True,
        "skipFinalSnapshot": True,
        "applyImmediately": True,
        **changed,
    }


def member(**changed: Any) -> dict[str, Any]:
    """An instance of that cluster."""
    return {
        "identifier": "orders-0",
        "clusterIdentifier": "orders",
        "engine": "aurora-postgresql",
        "instanceClass": "db.t4g.medium",
        "applyImmediately": True,
        **changed,
    }


def database(**changed: Any) -> tuple[str, dict[str, Any]]:
    """(type, arguments) of an instance or a cluster, whichever its engine is for."""
    return (CLUSTER, cluster(**changed)) if "aurora" in changed.get("engine", "") else (INSTANCE, instance(**changed))


def proxy(provider: Provider, **changed: Any) -> dict[str, Any]:
    """A proxy, whose role is made."""
    role = provider.make(ROLE, name="proxy", assumeRolePolicy=_TRUST).outputs["arn"]
    given = {"name": "orders", "engineFamily": "POSTGRESQL", "roleArn": role, "vpcSubnetIds": ["subnet-a", "subnet-b"]}
    secret = {"secretArn": "arn:aws:secretsmanager:eu-west-1:000000000000:secret:app-AbCdEf", "iamAuth": "REQUIRED"}
    return {**given, "auths": [{"authScheme": "SECRETS", **secret}], **changed}


def function(provider: Provider, package: str, name: str = "app", **changed: Any) -> Made:
    """A function from a package on the disk, with a role of its own."""
    role = provider.make(ROLE, name=f"{name}-role", assumeRolePolicy=_TRUST).outputs["arn"]
    given = {"name": name, "role": role, "handler": "app.handler", "runtime": "python3.13", **changed}
    return provider.make(FUNCTION, code=archive(package), **given)
