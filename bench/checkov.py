"""What Checkov says of a stack with the faults our pack is for, beside what our pack says: the same resources to both.

Checkov reads the CloudFormation template, our pack the same resources as aws-native declares them, at a first preview.
It is no requirement of this project: it is installed into a virtual environment of its own in the cache.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from pulumi.runtime.rpc import UNKNOWN
from rich.table import Table

from tests.policies.pack_process import PACK

from .peers import peer

_LOGIN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-AbCdEf"
_TEMPLATE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Resources": {
        "Database": {
            "Type": "AWS::RDS::DBInstance",
            "Properties": {
                "DBInstanceIdentifier": "orders",
                "Engine": "postgres",
                "DBInstanceClass": "db.t4g.micro",
                "AllocatedStorage": "20",
                "MasterUsername": "orders",
                "ManageMasterUserPassword": True,
            },
        },
        "Proxy": {
            "Type": "AWS::RDS::DBProxy",
            "Properties": {
                "DBProxyName": "orders",
                "EngineFamily": "POSTGRESQL",
                "RequireTLS": False,
                "RoleArn": "arn:aws:iam::123456789012:role/proxy",
                "VpcSubnetIds": ["subnet-0a", "subnet-0b"],
                "Auth": [{"AuthScheme": "SECRETS", "IAMAuth": "DISABLED", "SecretArn": _LOGIN}],
            },
        },
        "Pool": {
            "Type": "AWS::RDS::DBProxyTargetGroup",
            "Properties": {
                "DBProxyName": {"Ref": "Proxy"},
                "TargetGroupName": "default",
                "DBInstanceIdentifiers": [{"Ref": "Database"}],
                "ConnectionPoolConfigurationInfo": {"MaxConnectionsPercent": 100},
            },
        },
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Role": "arn:aws:iam::123456789012:role/function",
                "Runtime": "python3.13",
                "Handler": "app.handler",
                "Code": {"S3Bucket": "code", "S3Key": "app.zip"},
                "Environment": {
                    "Variables": {
                        "DB_HOST": {"Fn::GetAtt": ["Database", "Endpoint.Address"]},
                        "DB_PASSWORD": "fake-Passw0rd",
                        "DB_POOL_SIZE": "20",
                    }
                },
            },
        },
    },
}
_FAULTS = (
    ("Lambda goes straight to the database", "lambda-uses-rds-proxy-graph", "Function"),
    ("the proxy may take 100 %", "rds-proxy-max-connections", "Pool"),
    ("the proxy asks for no TLS", "rds-proxy-settings", "Proxy"),
    ("a password in Lambda's environment", "lambda-database-credentials", "Function"),
    ("a pool of 20 in every execution environment", "lambda-connection-pool", "Function"),
)
_QUIETLY = ["--output", "json", "--quiet", "--skip-download"]
# What each of the other tool's checks on these resources is about; one that is not here is shown as it is called.
_ABOUT_FAULT = {"CKV_AWS_45": "a password in Lambda's environment"}


def table() -> Table:
    """Fault, what our pack says, what Checkov says of the same resource."""
    ours = {(verdict.policy, verdict.name) for verdict in _our_verdicts()}
    theirs = _checkov()
    shown = Table("fault", "rds-proxy-guard", f"Checkov {peer('checkov')[1]}")
    for fault, policy, resource in _FAULTS:
        caught = [check for check, where in theirs if where == resource and _ABOUT_FAULT.get(check) == fault]
        shown.add_row(fault, policy if (policy, resource) in ours else "—", ", ".join(caught) or "—")
    about_others = sorted({check for check, _ in theirs if check not in _ABOUT_FAULT})
    shown.add_row("its other failed checks on these resources", "", ", ".join(about_others))
    return shown


def _our_verdicts() -> list[Any]:
    """The same stack as aws-native declares it, at a first preview."""
    sys.path.insert(0, str(PACK))
    from tests.policies.analyzed import Resource, analyze

    tokens = {
        "Database": "aws-native:rds:DbInstance",
        "Proxy": "aws-native:rds:DbProxy",
        "Pool": "aws-native:rds:DbProxyTargetGroup",
        "Function": "aws-native:lambda:Function",
    }
    made: dict[str, Resource] = {}
    for name, declared in _TEMPLATE["Resources"].items():
        feeds = {
            key: [made[each] for each in _named(value)]
            for key, value in declared["Properties"].items()
            if _named(value)
        }
        inputs = {_camel(key): _inputs(value) for key, value in declared["Properties"].items()}
        made[name] = Resource(tokens[name], name, inputs, inputs, {_camel(key): fed for key, fed in feeds.items()})
    return analyze(list(made.values()))


def _camel(name: str) -> str:
    for prefix in ("DB", "TLS", "IAM"):
        name = name.replace(prefix, prefix.title())
    return name[0].lower() + name[1:]


def _inputs(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        if set(value) & {"Ref", "Fn::GetAtt"}:
            return UNKNOWN
        return {key if key.isupper() else _camel(key): _inputs(item) for key, item in value.items()}
    return [_inputs(item) for item in value] if isinstance(value, list) else value


def _named(value: Any) -> list[str]:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        if "Ref" in value:
            return [value["Ref"]]
        if "Fn::GetAtt" in value:
            return [value["Fn::GetAtt"][0]]
        return [name for item in value.values() for name in _named(item)]
    return [name for item in value for name in _named(item)] if isinstance(value, list) else []


def _checkov() -> list[tuple[str, str]]:
    """(check, resource) of everything that fails, from Checkov in an environment of its own."""
    program = peer("checkov")[0] / "checkov"
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.json"
        template.write_text(json.dumps(_TEMPLATE))
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            [str(program), "--file", str(template), "--framework", "cloudformation", *_QUIETLY],
            env={**os.environ, "BC_API_KEY": "", "LOG_LEVEL": "ERROR"},
            capture_output=True,
            text=True,
            check=False,
        )
    found = json.loads(done.stdout)
    return [(each["check_id"], each["resource"].split(".")[-1]) for each in found["results"]["failed_checks"]]
