"""Declares components under Pulumi's mocks and shows what was registered: inputs, parents, dependencies, options.

Mocks know nothing of provider defaults, so the outputs that components read are supplied here in AWS's shapes.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pulumi
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime.stack import run_pulumi_func
from pulumi.runtime.sync_await import _sync_await

from lambda_rds_proxy.settings.reading import plain
from lambda_rds_proxy.settings.spelling import PARTS

ACCOUNT = "123456789012"
REGION = "eu-west-1"
# Token of a function → what it answers otherwise than here, by its arguments.
Answers = Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]


class _Aws(pulumi_mocks.Mocks):
    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self._answers = answers

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "pulumi:index:Stash":  # keeps what it was made with; here everything is made
            return f"{args.name}-id", {**args.inputs, "output": args.inputs["input"]}
        return (f"{args.name}-id" if args.custom else "", {**_outputs(args.typ, args.name), **args.inputs})

    def call(self, args: pulumi_mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        known: dict[str, dict[str, Any]] = {
            "aws:index/getAvailabilityZones:getAvailabilityZones": {
                "names": [f"{REGION}a", f"{REGION}b", f"{REGION}c"],
                "zoneIds": ["euw1-az1", "euw1-az2", "euw1-az3"],
            },
            "aws:index/getRegion:getRegion": {"region": REGION, "id": REGION},
            "aws:index/getPartition:getPartition": {"partition": "aws", "dnsSuffix": "amazonaws.com", "id": "aws"},
            "aws:rds/getInstance:getInstance": {
                "address": f"orders-db.abcdefghijkl.{REGION}.rds.amazonaws.com",
                "port": 6432,
                "resourceId": "db-EXISTING",
                "vpcSecurityGroups": ["sg-existing", "sg-other"],
            },
            "aws:rds/getCluster:getCluster": {
                "endpoint": f"orders.cluster-abcdefghijkl.{REGION}.rds.amazonaws.com",
                "port": 3307,
                "clusterResourceId": "cluster-EXISTING",
                "vpcSecurityGroupIds": ["sg-existing"],
            },
            "aws:rds/getProxy:getProxy": {
                "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db-proxy:prx-0fedcba9876543210",
                "endpoint": f"console.proxy-abcdefghijkl.{REGION}.rds.amazonaws.com",
                "vpcSecurityGroupIds": ["sg-0b0a"],
            },
            "aws:ec2/getVpc:getVpc": {
                "id": args.args.get("id"),
                "enableDnsSupport": True,
                "enableDnsHostnames": True,
                "instanceTenancy": "default",
            },
            "aws:ec2/getSubnet:getSubnet": {
                "id": args.args.get("id"),
                "vpcId": "vpc-1",
                "availabilityZoneId": f"euw1-az{str(args.args.get('id'))[-1]}",
                "availableIpAddressCount": 5,
            },
        }
        found = known[args.token]
        answer = self._answers.get(args.token)
        return {**found, **(answer(args.args) if answer else {})}, []


def _outputs(token: str, name: str) -> dict[str, Any]:
    host = f"{name}.abcdefghijkl.{REGION}.rds.amazonaws.com"
    outputs: dict[str, dict[str, Any]] = {
        "aws:rds/instance:Instance": {
            "address": host,
            "port": 5432,
            "identifier": f"{name}-1a2b3c4",
            "resourceId": "db-ABCDEFGHIJKL",
            "masterUserSecrets": [{"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!db-master"}],
        },
        "aws:rds/cluster:Cluster": {
            "endpoint": f"{name}.cluster-abcdefghijkl.{REGION}.rds.amazonaws.com",
            "port": 5432,
            "clusterResourceId": "cluster-ABCDEFGHIJKL",
            "masterUserSecrets": [
                {"secretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!cluster-master"}
            ],
        },
        "aws:rds/proxy:Proxy": {
            "arn": f"arn:aws:rds:{REGION}:{ACCOUNT}:db-proxy:prx-0123456789abcdef0",
            "endpoint": f"{name}.proxy-abcdefghijkl.{REGION}.rds.amazonaws.com",
        },
        "aws:rds/proxyEndpoint:ProxyEndpoint": {
            "endpoint": f"{name}.endpoint.proxy-abcdefghijkl.{REGION}.rds.amazonaws.com"
        },
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": {"name": "default"},
        "aws:ec2/securityGroup:SecurityGroup": {"arn": f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/{name}-id"},
        "aws:secretsmanager/secret:Secret": {"arn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"},
        "aws:iam/role:Role": {"arn": f"arn:aws:iam::{ACCOUNT}:role/{name}", "name": name},
        "aws:cloudwatch/logGroup:LogGroup": {"arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"},
        "aws:cloudwatch/metricAlarm:MetricAlarm": {"arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"},
        "aws:cloudwatch/compositeAlarm:CompositeAlarm": {"arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"},
        "aws:lambda/function:Function": {"arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"},
        "aws:lambda/invocation:Invocation": {"result": "{}"},
        "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": {
            "outputs": {"RotationLambdaARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotation"}
        },
        "aws:rds/subnetGroup:SubnetGroup": {"name": f"{name}-1a2b3c4"},
        "aws:rds/parameterGroup:ParameterGroup": {"name": name},
        "aws:rds/clusterParameterGroup:ClusterParameterGroup": {"name": name},
    }
    return outputs.get(token, {})


@dataclass
class Registered:
    """One registered resource, as the engine would see it."""

    urn: str
    type: str
    name: str
    inputs: dict[str, Any]
    raw_inputs: dict[str, Any]
    """The same as the engine is sent them: secrets are marked."""
    parent: str
    dependencies: set[str]
    property_dependencies: dict[str, set[str]]
    protect: bool
    delete_before_replace: bool
    replace_with: list[str]
    replacement_trigger: Any
    raw_replacement_trigger: Any
    """The same as the engine is sent it."""
    ignore_changes: list[str]
    component: bool
    provider: str
    import_id: str
    hooks: list[str]
    before_create: list[str]


@dataclass
class Declared:
    """Everything a program registered, by type and name."""

    resources: list[Registered] = field(default_factory=list)
    result: Any = None
    messages: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    """Those of the messages that warn."""
    raw_outputs: dict[str, Any] = field(default_factory=dict)
    """What components and the stack tell, by URN, as the engine is sent it: secrets are marked."""
    asked: list[str] = field(default_factory=list)
    """The functions of the provider that were called, by token."""

    def all(self, type_suffix: str) -> list[Registered]:
        """Resources whose token ends with `type_suffix`, such as `rds/proxy:Proxy`, by name."""
        found = [each for each in self.resources if each.type.endswith(type_suffix)]
        return sorted(found, key=lambda each: each.name)

    def one(self, type_suffix: str, name: str | None = None) -> Registered:
        """The only resource of a type (with this name)."""
        found = [each for each in self.all(type_suffix) if name in (None, each.name)]
        assert len(found) == 1, f"{len(found)} resources are {type_suffix} {name or ''}: {[each.urn for each in found]}"
        return found[0]

    def waits_for(self, later: Registered, earlier: Registered) -> bool:
        """Whether the engine makes `later` only after `earlier`, directly or through others."""
        by_urn = {each.urn: each for each in self.resources}
        todo, seen = [later.urn], set()
        while todo:
            urn = todo.pop()
            if urn in seen or urn not in by_urn:
                continue
            seen.add(urn)
            if urn == earlier.urn:
                return urn != later.urn
            todo.extend(by_urn[urn].dependencies)
        return False

    def grants(self) -> set[str]:
        """The names of whatever gives a role rights, whichever way: beside them nothing does."""
        ways = {each.name for each in self.resources if each.type.startswith("aws:iam/") and "role:" not in each.type}
        inside = {"inlinePolicies", "managedPolicyArns"}
        return ways | {each.name for each in self.all("iam/role:Role") if inside & set(each.inputs)}

    def statements(self, role_policy: Registered) -> list[dict[str, Any]]:
        """The statements of a policy resource."""
        found: list[dict[str, Any]] = json.loads(role_policy.inputs["policy"])["Statement"]
        return found


def _plain(trigger: Any) -> Any:
    """What a resource is replaced for, as Python has it."""
    read = pulumi.runtime.rpc.deserialize_property
    return read(trigger) if trigger.WhichOneof("kind") else None


class _Monitor(pulumi_mocks.MockMonitor):
    def __init__(self, declared: Declared, aws: pulumi_mocks.Mocks) -> None:
        super().__init__(aws)
        self._declared = declared

    def Invoke(self, request: Any) -> Any:
        self._declared.asked.append(request.tok)
        return super().Invoke(request)  # type: ignore[no-untyped-call]

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self._declared.raw_outputs[request.urn] = MessageToDict(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            state = self.resources[response.urn].state
            inputs = pulumi.runtime.rpc.deserialize_properties(request.object)
            assert state is not None
            self._declared.resources.append(
                Registered(
                    urn=response.urn,
                    type=request.type,
                    name=request.name,
                    inputs=inputs,
                    raw_inputs=MessageToDict(request.object),
                    parent=request.parent,
                    dependencies=set(request.dependencies),
                    property_dependencies={key: set(value.urns) for key, value in request.propertyDependencies.items()},
                    protect=request.protect,
                    delete_before_replace=request.deleteBeforeReplace,
                    replace_with=list(request.replace_with),
                    replacement_trigger=_plain(request.replacement_trigger),
                    raw_replacement_trigger=MessageToDict(request.replacement_trigger)
                    if request.HasField("replacement_trigger")
                    else None,
                    ignore_changes=list(request.ignoreChanges),
                    component=not request.custom,
                    provider=request.provider,
                    import_id=request.importId,
                    hooks=list(request.hooks.before_update),
                    before_create=list(request.hooks.before_create),
                )
            )
        return response


def _keep(declared: Declared, record: logging.LogRecord) -> None:
    declared.messages.append(record.getMessage())
    if record.levelno >= logging.WARNING:
        declared.warnings.append(record.getMessage())


def arguments(kind: type[Any], given: dict[str, Any]) -> Any:
    """The arguments of a component from plain names: each goes to the part that declares it."""
    found: dict[str, Any] = {}
    parts = {name: plain(annotation)[0] for name, annotation in kind.__annotations__.items()}
    for name, value in given.items():
        owner = next((part for part, settings in parts.items() if _declares(part, settings, name)), None)
        if name in parts or owner is None:
            found[name] = value
        else:
            found.setdefault(owner, {})[name] = value
    return found


def _declares(part: str, settings: object, name: str) -> bool:
    return (part == "settings" or part in PARTS) and name in getattr(settings, "__annotations__", {})


def without_secrets(value: Any) -> Any:
    """What stands in clear in what the engine is sent."""
    if isinstance(value, dict):
        is_secret = pulumi.runtime.rpc._special_sig_key in value
        return {} if is_secret else {key: without_secrets(each) for key, each in value.items()}
    return [without_secrets(each) for each in value] if isinstance(value, list) else value


def use_mocks(
    *,
    stack: str = "test",
    project: str = "lambda-rds-proxy",
    answers: Answers = MappingProxyType({}),
    aws: pulumi_mocks.Mocks | None = None,
    declared: Declared | None = None,
) -> Declared:
    """Give what is declared from now on to mocks, and show it; `answers` are AWS's to functions, by token.

    `aws` answers everything instead; it is shown in `declared`, where one is given.
    """
    declared, provider = declared or Declared(), aws or _Aws(answers)
    logger = logging.Logger("pulumi-under-test")
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: _keep(declared, record)  # type: ignore[method-assign]
    logger.addHandler(handler)
    pulumi_mocks.set_mocks(
        provider,
        project=project,
        stack=stack,
        preview=False,
        logger=logger,
        monitor=_Monitor(declared, provider),
    )
    pulumi.runtime.settings.SETTINGS.rpc_manager.clear()
    pulumi.runtime.settings.SETTINGS.outputs.clear()
    return declared


def in_region(region: str) -> Answers:
    """What AWS answers in another region than `REGION`."""
    return {"aws:index/getRegion:getRegion": lambda _: {"region": region, "id": region}}


def declare(
    program: Callable[[], Any],
    *,
    stack: str = "test",
    project: str = "lambda-rds-proxy",
    answers: Answers = MappingProxyType({}),
) -> Declared:
    """Run `program` under mocks, wait for every registration and every Output it returns, and show what it declared."""
    declared = use_mocks(stack=stack, project=project, answers=answers)

    async def resolved() -> None:
        value = program()
        declared.result = await pulumi.Output.from_input(value).future()

    _sync_await(run_pulumi_func(resolved))
    return declared
