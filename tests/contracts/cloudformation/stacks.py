"""Twelve stacks by their configuration: every two choices meet in one of them, but of target and region."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from lambda_rds_proxy.regions import WITH_CERTIFICATES
from tests.contracts.cloudformation.account import ACCOUNT, place

CERTIFICATES = "components/lambda_rds_proxy/user/admin_function/certificates/rds.pem"

# Engine, target, auth, profile, customer managed keys, who hears of alarms, region.
CHOICES = (
    ("mysql", "instance", "iam", "prod", True, True, "eu-west-1"),
    ("postgresql", "instance", "iam-end-to-end", "prod", False, False, "us-east-1"),
    ("mysql", "instance", "secret", "dev", False, True, "us-gov-west-1"),
    ("postgresql", "cluster", "iam", "prod", False, True, "cn-north-1"),
    ("mysql", "cluster", "iam-end-to-end", "dev", True, False, "eu-west-1"),
    ("postgresql", "cluster", "secret", "prod", True, True, "us-east-1"),
    ("postgresql", "serverless", "iam", "prod", True, False, "us-gov-west-1"),
    ("mysql", "serverless", "iam-end-to-end", "dev", False, True, "cn-north-1"),
    ("postgresql", "serverless", "secret", "prod", False, True, "eu-west-1"),
    ("mysql", "existing", "iam", "dev", False, False, "us-east-1"),
    ("postgresql", "existing", "iam-end-to-end", "dev", True, True, "us-gov-west-1"),
    ("postgresql", "existing", "secret", "prod", True, False, "cn-north-1"),
)
_VPC = {
    "vpcId": "vpc-0123456789abcdef0",
    "subnetIds": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
}
_OTHERS = {"reporting": {"auth": "secret"}, "batch": {"auth": "iam-end-to-end"}}


def _options(number: int, region: str) -> dict[str, Any]:
    """What else can be said, in some stack or other."""
    known = place(region)
    tomorrow = (datetime.now(UTC) + timedelta(hours=20)).strftime("%Y-%m-%dT%H:%MZ")
    layer = "arn:{partition}:lambda:{region}:{account}:layer:tracing:1".format(**known)
    options: dict[int, dict[str, Any]] = {
        0: {
            "zones": 3,
            "flowLogs": True,
            "logRetentionDays": 1,
            "architecture": "x86_64",
            "port": 6432,
            "tags": {"team": "orders"},
        }
        | {"instanceClass": "db.m6g.large"},
        1: {"rotationDays": 30, "users": _OTHERS, "parameters": {"work_mem": "8192"}, "storageGib": 100},
        2: {"rotationDays": 1, **_VPC, "snapshotIdentifier": "orders-final", "secretsEndpoint": True},
        3: {"rotationDays": 30, "readerEndpoint": True, "initQuery": "SET TIME ZONE 'UTC'"},
        4: {"extraClients": {"bastion": "sg-0fedcba9876543210"}, "parameters": {"long_query_time": "1"}},
        5: {"rotationDays": 1000, "instances": 3, "tags": {"team": "orders"}},
        6: {
            "readerEndpoint": True,
            "users": _OTHERS,
            "rotationDays": 7,
            "maxCapacity": 128,
            "tags": {"team": "orders"},
        },
        7: {**_VPC, "endpointNetworkType": "DUAL", "debugLoggingUntil": tomorrow, "minCapacity": 1}
        | {"sessionPinningFilters": ["EXCLUDE_VARIABLE_SETS"]},
        8: {"snapshotIdentifier": f"arn:{known['partition']}:rds:{region}:{ACCOUNT}:cluster-snapshot:orders"},
        9: {"rotationDays": 30, "tags": {"team": "orders"}, "clientPasswordAuthType": "MYSQL_NATIVE_PASSWORD"},
        10: {"maxConnectionsPercent": 30, "otherProxiesPercent": 60, "users": {"reporting": {"auth": "secret"}}},
        11: {"secretsEndpointSecurityGroupId": "sg-0aaaaaaaaaaaaaaaa", "bootstrap": False},
    }
    return options[number] | {"functions": {"api": {"path": "handler", **_function(number, layer)}}}


def _function(number: int, layer: str) -> dict[str, Any]:
    options: dict[int, dict[str, Any]] = {
        1: {"tracing": True, "memory": 10_240, "ephemeralStorage": 10_240, "user": "reporting"},
        3: {"reservedConcurrency": 20, "timeout": 900, "environment": {"LOG_LEVEL": "debug"}},
        6: {"layers": [layer], "user": "batch", "architecture": "x86_64"},
    }
    return options.get(number, {})


def _existing(number: int, region: str) -> dict[str, Any]:
    known = place(region)
    found: dict[str, Any] = {
        "identifier": "legacy",
        "endpoint": f"legacy.cluster-abcdefghijkl.{known['hosts']}",
        "port": 6432,
        "resourceId": "cluster-ABCDEFGHIJKL",
        "securityGroupId": "sg-0123456789abcdef0",
        "maxConnections": 405,
    }
    if number == 9:
        found["adminSecretArn"] = f"arn:{known['partition']}:secretsmanager:{region}:{ACCOUNT}:secret:legacy-AbCdEf"
    return found


def configuration(number: int) -> dict[str, Any]:
    """The keys of one stack."""
    engine, target, auth, profile, keys, heard, region = CHOICES[number]
    known = place(region)
    key = f"arn:{known['partition']}:kms:{region}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    found: dict[str, Any] = {"engine": engine, "auth": auth, "profile": profile}
    found |= {"kmsKeyArn": key, "logKmsKeyArn": key} if keys else {}
    found |= {"alarmTopicArn": f"arn:{known['partition']}:sns:{region}:{ACCOUNT}:on-call"} if heard else {}
    if target == "existing":
        found |= {"kind": "cluster", "existingDatabase": _existing(number, region), **_VPC}
    else:
        found |= {"kind": "instance" if target == "instance" else "cluster"}
        found |= {"instanceClass": "db.serverless"} if target == "serverless" else {}
    if region not in WITH_CERTIFICATES:
        found["certificateBundle"] = CERTIFICATES
    return found | _options(number, region)


def names() -> Iterator[str]:
    """The stacks by what was chosen."""
    for engine, target, auth, profile, keys, heard, region in CHOICES:
        more = [text for text, is_there in (("keys", keys), ("topic", heard)) if is_there]
        yield "-".join([engine, target, auth, profile, *more, region])
