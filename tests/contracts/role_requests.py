"""What IAM is asked for each resource of the program: actions, the ARNs they are about, and the request's context.

Actions: of AWS's own resource schemas (as cfn-lint has them), less what role_needs.json says is not needed, plus what
it says the provider needs beyond them. ARNs: of the resource types that the Service Authorization Reference names for
an action (as cfn-lint has it, too), with the names that the program's resources get.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cfnlint

from tests.components.declared import ACCOUNT, REGION, Declared, Registered
from tests.contracts.iam import Context

NEEDS: Mapping[str, Any] = json.loads((Path(__file__).parent / "role_needs.json").read_text())
OPERATIONS = ("create", "read", "update", "delete")
TAG = "pulumi-stack"
_CFN = Path(cfnlint.__file__).parent / "data"
_SUFFIX = "1a2b3c4"  # of the names that Pulumi makes
# Actions that list, and so are asked about everything, whatever they are given to filter by.
_LISTS = re.compile(r"(cloudwatch|ec2|logs|rds):Describe")
_NO_NARROWER = {"cloudwatch:PutCompositeAlarm": "cloudwatch"}
_KEYS = ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId")


@dataclass(frozen=True)
class Request:
    """One question to IAM."""

    action: str
    resource: str
    context: Context = field(hash=False)


@cache
def handlers(schema: str) -> dict[str, list[str]]:
    """Operation → the permissions of a type's handler."""
    provider = json.loads((_CFN / "schemas" / "providers" / "us-east-1.json").read_text())
    found = json.loads((_CFN / "schemas" / "resources" / f"{provider[schema]}.json").read_text())
    return {name: each["permissions"] for name, each in found["handlers"].items()}


@cache
def schema_date() -> str:
    """The day of these schemas."""
    return str(json.loads((_CFN / "schemas" / "version.json").read_text())["schema_date"])


@cache
def service_authorization() -> dict[str, Any]:
    """Service → its actions and resource types."""
    found: dict[str, Any] = json.loads((_CFN / "AdditionalSpecs" / "Policies.json").read_text())
    return found


def resource_types(action: str) -> list[str]:
    """The resource types that an action can be limited to; none if it takes all or nothing."""
    service, name = action.split(":")
    return list(service_authorization()[service]["Actions"][name.lower()].get("Resources", []))


def excluded(schema: str, action: str, *, through: bool) -> str | None:
    """Why a handler's permission is not needed."""
    for each in NEEDS["notNeeded"]:
        if (
            re.match(each.get("of", ""), schema)
            and not (through and each.get("but") == "through")
            and action not in each.get("except", ())
            and any(fnmatch.fnmatchcase(action, pattern) for pattern in each["actions"])
        ):
            return str(each["because"])
    return None


def needed(kind: str, operation: str) -> Iterator[tuple[str, bool]]:
    """The actions of an operation on a type, and whether CloudFormation asks for them on the caller's behalf."""
    of = NEEDS["types"][kind]
    # A create is read back at once, and so is a change; a delete is waited for.
    for each in (operation,) if operation == "read" else (operation, "read"):
        own = handlers(of["schema"]).get(each, []) if "schema" in of else []
        for action in own:
            if excluded(of["schema"], action, through=False) is None:
                yield action, False
        for action in of.get("beyond", {}).get(each, []):
            yield action, False
        for schema, operations in of.get("through", {}).items():
            # A drift check reads the stack, not what is in it.
            if each in operations and operation != "read":
                for action in handlers(schema)[each]:
                    if excluded(schema, action, through=True) is None:
                        yield action, True


def requests(declared: Declared, resource: Registered, operation: str) -> Iterator[Request]:
    """All that IAM is asked for an operation on a resource of a stack."""
    kind = resource.type.removeprefix("aws:")
    place = _Place(declared, resource)
    for action, through in dict.fromkeys(needed(kind, operation)):
        if action.startswith("kms:") and not place.keys:
            continue  # AWS's own keys have policies that let everybody of the account
        if action == "lambda:GetLayerVersion" and not resource.inputs.get("layers"):
            continue
        yield from _asked(place, action, operation, through=through)


def _asked(place: "_Place", action: str, operation: str, *, through: bool) -> Iterator[Request]:
    base: dict[str, Any] = {"aws:RequestedRegion": REGION, **place.context(action)}
    if through:
        base["aws:CalledVia"] = ["cloudformation.amazonaws.com"]
    new = {f"aws:RequestTag/{TAG}": value for value in [place.tags.get(TAG)] if value is not None}
    types = resource_types(action)
    if not types or _LISTS.match(action) or action in _NO_NARROWER:
        yield Request(action, "*", {**base, **(new if operation == "create" else {})})
        return
    found = [(each, arn, tags) for each, arn, tags in place.resources(through=through) if each in types]
    if re.search(r"Tag(s|Role|Resource)", action):  # of what is made, not of all that it names
        found = [each for each in found if each[1] in place.own] or found
    assert found, f"{action} is about {types}, and no ARN of {place.resource.urn} is one"
    for _, arn, tags in found:
        is_new = operation == "create" and arn in place.own
        has = {} if is_new and _makes(action) else {f"aws:ResourceTag/{key}": value for key, value in tags.items()}
        yield Request(action, arn, {**base, **(new if is_new else {}), **has})


def _makes(action: str) -> bool:
    return bool(re.search(r":(Create|AddTagsToResource|Restore)", action))


class _Place:
    """A resource in its stack: its ARNs, and those of what its calls name."""

    def __init__(self, declared: Declared, resource: Registered) -> None:
        self.declared, self.resource, self.inputs = declared, resource, resource.inputs
        self.tags: dict[str, str] = self.inputs.get("tags", {})
        self.kind = resource.type.rpartition(":")[2]
        self.keys = {self.inputs[key] for key in _KEYS if key in self.inputs}
        self.own: set[str] = {arn for _, arn, _ in self._own()}

    def context(self, action: str) -> dict[str, Any]:
        """What only some actions have in their request."""
        if action.startswith("kms:"):
            service = "secretsmanager" if self.kind == "Secret" else "rds"
            return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}
        if action == "iam:PassRole":
            services = {"Proxy": "rds", "FlowLog": "vpc-flow-logs"}
            return {"iam:PassedToService": f"{services.get(self.kind, 'lambda')}.amazonaws.com"}
        if action == "ec2:CreateTags":
            made = {"FlowLog": "FlowLogs"}.get(self.kind, self.kind)
            return {"ec2:CreateAction": f"Create{made}"}
        of_vpc = ("ec2:DetachNetworkInterface", "ec2:DeleteNetworkInterface")
        if action in of_vpc or self.kind == "DefaultSecurityGroup":
            return {"ec2:Vpc": _arn("ec2", "vpc/vpc-0123")}
        if action == "cloudformation:CreateChangeSet":
            return {"cloudformation:TemplateUrl": template_url(str(self.inputs["applicationId"]))}
        role = self.resource if self.kind == "Role" else self._named("Role", self.inputs.get("role"))
        boundary = role.inputs.get("permissionsBoundary") if role else None
        return {"iam:PermissionsBoundary": boundary} if action.startswith("iam:") and boundary else {}

    def resources(self, *, through: bool) -> Iterator[tuple[str, str, dict[str, str]]]:
        """(resource type of the Service Authorization Reference, ARN, its tags) of all that a call may name."""
        if through:
            name = str(self.inputs["parameters"]["functionName"])
            yield (
                "role",
                f"arn:aws:iam::{ACCOUNT}:role/{f'serverlessrepo-{name}'[:24]}-SecretsManagerRDSPostgre-ABCD",
                {},
            )
            yield "function", _arn("lambda", f"function:{name}"), {}
            return
        yield from self._own()
        yield from self._named_by_it()
        for key in self.keys:
            yield "key", key, {}

    def _own(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        service, kind, name = _OWN.get(self.kind, ("", "", ""))
        if kind:
            yield kind, _arn(service, name.format(self._name())), self.tags

    def _name(self) -> str:
        stated = ("name", "identifier", "clusterIdentifier", "dashboardName", "alarmName")
        own = [str(self.inputs[key]) for key in stated if key in self.inputs and self.kind != "ClusterInstance"]
        return own[0] if own else f"{self.resource.name}-{_SUFFIX}"

    def _named_by_it(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        inputs = self.inputs
        match self.kind:
            case "Instance" | "Cluster" | "ClusterInstance":
                yield "subgrp", _arn("rds", f"subgrp:database-{_SUFFIX}"), {}
                group = "cluster-pg" if self.kind == "Cluster" else "pg"
                named = f"database-{_SUFFIX}" if self.kind != "ClusterInstance" else "default.aurora-postgresql17"
                yield group, _arn("rds", f"{group}:{named}"), {}
                yield "og", _arn("rds", "og:default:postgres-17"), {}
                yield "Secret", _arn("secretsmanager", "secret:rds!db-0123-AbCdEf"), {}
                snapshot = "cluster-snapshot" if self.kind == "Cluster" else "snapshot"
                for each in ("snapshotIdentifier", "finalSnapshotIdentifier"):
                    yield snapshot, _arn("rds", f"{snapshot}:{inputs.get(each, f'database-{_SUFFIX}-final')}"), {}
                if self.kind == "ClusterInstance":
                    yield "cluster", _arn("rds", f"cluster:database-{_SUFFIX}"), {}
                if self.kind == "Cluster":
                    yield "db", _arn("rds", f"db:database-0-{_SUFFIX}"), {}
            case "Proxy" | "ProxyEndpoint" | "ProxyTarget" | "ProxyDefaultTargetGroup":
                proxies = self.declared.all("rds/proxy:Proxy")
                yield "proxy", _arn("rds", "db-proxy:prx-0123"), proxies[0].inputs.get("tags", {}) if proxies else {}
                yield "target-group", _arn("rds", "target-group:prx-tg-0123"), {}
                yield from self._targets()
            case "Subnet" | "RouteTable" | "SecurityGroup" | "VpcEndpoint":
                yield "vpc", _arn("ec2", "vpc/vpc-0123"), self._tags_of("Vpc")
                yield "network-interface", _arn("ec2", "network-interface/eni-0123"), {}
                if self.kind == "VpcEndpoint":
                    yield "subnet", _arn("ec2", "subnet/subnet-0123"), self._tags_of("Subnet")
                    yield "security-group", _arn("ec2", "security-group/sg-0123"), self._tags_of("SecurityGroup")
                if self.kind == "RouteTable":
                    yield "subnet", _arn("ec2", "subnet/subnet-0123"), self._tags_of("Subnet")
            case "FlowLog":
                yield "vpc", _arn("ec2", "vpc/vpc-0123"), self._tags_of("Vpc")
                yield "role", _role(str(inputs["iamRoleArn"]).rpartition("/")[2]), {}
            case "RouteTableAssociation":
                yield "route-table", _arn("ec2", "route-table/rtb-0123"), self._tags_of("RouteTable")
                yield "subnet", _arn("ec2", "subnet/subnet-0123"), self._tags_of("Subnet")
            case "SecurityGroupIngressRule" | "SecurityGroupEgressRule":
                group = str(inputs["securityGroupId"])
                ours = [each for each in self.declared.all("SecurityGroup") if f"{each.name}-id" == group]
                yield "security-group", _arn("ec2", f"security-group/{group}"), ours[0].inputs["tags"] if ours else {}
                yield "security-group-rule", _arn("ec2", "security-group-rule/sgr-0123"), {}
            case "RolePolicy":
                yield "role", _role(str(inputs["role"])), {}
            case "LogMetricFilter":
                yield "log-group", _arn("logs", f"log-group:{self._log_group()}"), {}
            case "Invocation":
                name = str(inputs["functionName"])
                yield "function", _arn("lambda", f"function:{name}"), {}
            case "SecretRotation":
                yield "Secret", str(inputs["secretId"]) + "-AbCdEf", {}
                rotations = self.declared.all("CloudFormationStack")
                yield "function", _arn("lambda", f"function:{rotations[0].inputs['parameters']['functionName']}"), {}
            case "CloudFormationStack":
                yield "stack", _arn("cloudformation", f"stack/serverlessrepo-{inputs['name']}/0123"), {}
                yield "applications", str(inputs["applicationId"]), {}
                yield "object", "arn:aws:s3:::awsserverlessrepo-changesets-0123/123456789012/code.zip", {}
        if self.kind in ("Function", "Proxy"):
            role = str(inputs.get("roleArn") or inputs["role"]).rpartition("/")[2]
            yield "role", _role(role), {}
        for layer in inputs.get("layers") or []:
            yield "layerVersion", layer, {}

    def _targets(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        for key, kind in (("dbInstanceIdentifier", "db"), ("dbClusterIdentifier", "cluster")):
            if self.inputs.get(key):
                named = str(self.inputs[key]).removesuffix("-id")
                there = re.search(r"-[0-9a-f]{7}\Z", named) or named not in ("database",)
                identifier = named if there else f"{named}-{_SUFFIX}"
                yield kind, _arn("rds", f"{kind}:{identifier}"), {}
                if kind == "cluster":  # its instances are registered by RDS
                    yield "db", _arn("rds", f"db:{identifier.replace('database-', 'database-0-')}"), {}

    def _tags_of(self, kind: str) -> dict[str, str]:
        found = self.declared.all(f":{kind}")
        return dict(found[0].inputs.get("tags", {})) if found else {}

    def _log_group(self) -> str:
        given = str(self.inputs["logGroupName"])
        return given if given.startswith("/") else f"/aws/lambda/lambda-rds-proxy-{given}"

    def _named(self, kind: str, name: object) -> Registered | None:
        return next((each for each in self.declared.all(f":{kind}") if each.name == name), None)


# Kind → service, its resource type there, and the resource part of its ARN.
_OWN: Mapping[str, tuple[str, str, str]] = {
    "Vpc": ("ec2", "vpc", "vpc/vpc-0123"),
    "Subnet": ("ec2", "subnet", "subnet/subnet-0123"),
    "RouteTable": ("ec2", "route-table", "route-table/rtb-0123"),
    "SecurityGroup": ("ec2", "security-group", "security-group/sg-0123"),
    "VpcEndpoint": ("ec2", "vpc-endpoint", "vpc-endpoint/vpce-0123"),
    "DefaultSecurityGroup": ("ec2", "security-group", "security-group/sg-0def"),
    "FlowLog": ("ec2", "vpc-flow-log", "vpc-flow-log/fl-0123"),
    "Role": ("iam", "role", "role/{}"),
    "Function": ("lambda", "function", "function:{}"),
    "LogGroup": ("logs", "log-group", "log-group:{}"),
    "MetricAlarm": ("cloudwatch", "alarm", "alarm:{}"),
    "CompositeAlarm": ("cloudwatch", "alarm", "alarm:{}"),
    "Dashboard": ("cloudwatch", "dashboard", "dashboard/{}"),
    "Secret": ("secretsmanager", "Secret", "secret:{}-AbCdEf"),
    "Instance": ("rds", "db", "db:{}"),
    "ClusterInstance": ("rds", "db", "db:{}"),
    "Cluster": ("rds", "cluster", "cluster:{}"),
    "SubnetGroup": ("rds", "subgrp", "subgrp:{}"),
    "ParameterGroup": ("rds", "pg", "pg:{}"),
    "ClusterParameterGroup": ("rds", "cluster-pg", "cluster-pg:{}"),
    "EventSubscription": ("rds", "es", "es:{}"),
    "Proxy": ("rds", "proxy", "db-proxy:prx-0123"),
    "ProxyEndpoint": ("rds", "proxy-endpoint", "db-proxy-endpoint:prx-endpoint-0123"),
}


def template_url(application: str) -> str:
    """Where the Serverless Application Repository puts a template (source: aws-cdk's tests, of 2026-10)."""
    key = application.replace("/", "-").replace(":", "%3A")
    return (
        f"https://awsserverlessrepo-changesets-0123.s3.{REGION}.amazonaws.com/{ACCOUNT}/{key}-versions-1.1.671/0.yaml"
    )


def _arn(service: str, resource: str) -> str:
    region = "" if service == "iam" or resource.startswith("dashboard/") else REGION
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def _role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name if re.search(r'-[0-9a-f]{7}$', name) else f'{name}-{_SUFFIX}'}"
