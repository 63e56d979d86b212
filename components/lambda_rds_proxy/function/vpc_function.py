"""A Lambda function in the VPC with a log group and a role of its own: what the admin function and yours share."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import pulumi
import pulumi_aws as aws

from ..engines import Engine
from ..iam_policies import allow, assume_role_policy, deny, place_of, policy
from ..names import ROLE, ROLE_POLICY
from ..references import NetworkRef
from ..settings.reading import with_defaults
from ..stack.args import StackSettings, log_retention_days
from ..stack.place import is_laptop
from ..stack_names import KEPT_NAME, own_name, stated_name
from .package import PackageError, Platform, build_package, this_machine

# What Lambda itself needs to attach a function to a VPC. What describes takes no narrower resource; for the others
# Lambda's check takes "all resource IDs" of an account and a region, which names no other account's.
# Lambda Developer Guide, "Giving Lambda functions access to resources in an Amazon VPC", "Required IAM permissions".
_DESCRIBING_ACTIONS = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"]
_NETWORK_INTERFACE_ACTIONS = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:UnassignPrivateIpAddresses",
]
# What the function's own code is denied, though its role must have it. The same page, "Security best practices": a Deny
# with lambda:SourceFunctionArn, which stands in the credentials of the code and not in those that Lambda uses.
_DENIED_TO_CODE = [*_DESCRIBING_ACTIONS, *_NETWORK_INTERFACE_ACTIONS, "ec2:DetachNetworkInterface"]
_LOG_GROUPS = "/aws/lambda/"
# The packages of a program, by the monitor that is its own, so that functions of one folder and handler share one.
_PACKAGES: WeakKeyDictionary[object, dict[tuple[object, ...], str]] = WeakKeyDictionary()
# X-Ray has no resources to name here: Service Authorization Reference, "AWS X-Ray".
_TRACING_ACTIONS = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]


def target_of(stack: StackSettings, architecture: str | None = None) -> Platform:
    """What a function runs on: what is given, on the laptop else this machine, on AWS the defaults."""
    if is_laptop({"aws:allowedAccountIds": pulumi.Config("aws").get("allowedAccountIds") or ""}):
        here = this_machine()
        stack = {"python": here.python, "architecture": here.architecture, **stack}
    known = with_defaults(StackSettings, stack)
    return Platform(python=known["python"], architecture=architecture or known["architecture"])


def packaged(
    source: Path,
    *,
    target: Platform,
    engine: Engine,
    component: pulumi.Resource,
    handler: str | None = None,
    bytecode: bool = False,
    instead: Mapping[str, Path | bytes] = MappingProxyType({}),
) -> str:
    """The path of the zip of a function's folder; built if it is not there yet, which is said.

    `handler` is what Lambda is to call, none if its module may be in a layer. `bytecode`: whether that of the
    modules is in it. `instead` has files, or what stands in them, in place of those of the folder or beside them, by
    their names in it.

    Raises:
        pulumi.RunError: it cannot be built; a sentence, not a traceback.
    """
    key = (source, target, engine, handler, bytecode)
    known = _PACKAGES.setdefault(pulumi.runtime.settings.get_monitor(), {})
    if key in known and not instead:
        return known[key]
    try:
        archive = build_package(
            source,
            target=target,
            engine=engine,
            handler=handler,
            bytecode=bytecode,
            instead=instead,
            say=lambda text: pulumi.log.info(text, component),
        )
    except PackageError as error:
        raise pulumi.RunError(str(error)) from None
    return str(archive) if instead else known.setdefault(key, str(archive))


def runtime_policy(log_group_arn: str, log_group_name: str, *, tracing: bool) -> str:
    """What a function needs to run in a VPC: its log, and network interfaces that Lambda makes and its code must not.

    Which function it is, is told by its log group: that is there before it, and both keep the name that they have.
    """
    partition, region, account = place_of(log_group_arn)
    function = f"arn:{partition}:lambda:{region}:{account}:function:{log_group_name.removeprefix(_LOG_GROUPS)}"
    return policy(
        [
            allow(["logs:CreateLogStream", "logs:PutLogEvents"], f"{log_group_arn}:*"),
            allow(_DESCRIBING_ACTIONS, "*"),
            allow(_NETWORK_INTERFACE_ACTIONS, f"arn:{partition}:ec2:{region}:{account}:*/*"),
            deny(_DENIED_TO_CODE, condition={"ArnEquals": {"lambda:SourceFunctionArn": function}}),
            *([allow(_TRACING_ACTIONS, "*")] if tracing else []),
        ]
    )


class VpcFunction:
    """The resources of one function, as children of `parent`.

    Attributes: `role` (grants are added to it), and `function` after `create`. The role comes first, so that whatever
    it must be allowed to do is allowed before the function exists.
    """

    role: aws.iam.Role
    log_group: aws.cloudwatch.LogGroup
    function: aws.lambda_.Function

    def __init__(
        self,
        name: str,
        *,
        parent: pulumi.ComponentResource,
        stack: StackSettings,
        tracing: bool = False,
    ) -> None:
        self._name = name
        self._parent = parent
        self._tags = tags = stack.get("tags")
        self._tracing = tracing
        # Named, because the log group carries the function's name and must exist before it, else Lambda makes one
        # that keeps logs for ever.
        self.physical_name = stated_name("function", name)
        child = pulumi.ResourceOptions(parent=parent)
        self.log_group = aws.cloudwatch.LogGroup(
            name,
            name=f"{_LOG_GROUPS}{self.physical_name}",
            retention_in_days=log_retention_days(stack),
            kms_key_id=stack.get("log_kms_key_arn"),
            tags=tags,
            opts=pulumi.ResourceOptions(parent=parent, ignore_changes=KEPT_NAME),
        )
        self.role = aws.iam.Role(
            name,
            name=own_name(ROLE, name),
            assume_role_policy=assume_role_policy("lambda.amazonaws.com"),
            permissions_boundary=stack.get("permissions_boundary_arn"),
            tags=tags,
            opts=child,
        )
        self._runtime_policy = aws.iam.RolePolicy(
            f"{name}-runtime",
            name=own_name(ROLE_POLICY, f"{name}-runtime"),
            role=self.role.name,
            policy=pulumi.Output.all(self.log_group.arn, self.log_group.name).apply(
                lambda known: runtime_policy(known[0], known[1], tracing=tracing)
            ),
            opts=child,
        )

    def create(
        self,
        *,
        arguments: Mapping[str, Any],
        archive: str | pulumi.Output[str],
        handler: str,
        target: Platform,
        memory: int,
        timeout: int,
        network: NetworkRef,
        security_group_ids: list[pulumi.Input[str]],
        environment: dict[str, pulumi.Input[str]] | None = None,
        reserved_concurrency: int | None = None,
        ephemeral_storage: int | None = None,
        layers: list[str] | None = None,
        depends_on: list[pulumi.Resource] | None = None,
    ) -> aws.lambda_.Function:
        """Make the function from the zip at `archive`; `memory` and `ephemeral_storage` in MB, `timeout` in seconds.

        `arguments` are those of `aws.lambda_.Function` that nothing here states.
        """
        self.function = aws.lambda_.Function(
            self._name,
            name=self.physical_name,
            role=self.role.arn,
            runtime=target.runtime,
            architectures=[target.architecture],
            code=pulumi.FileArchive(archive) if isinstance(archive, str) else archive.apply(pulumi.FileArchive),
            handler=handler,
            memory_size=memory,
            layers=layers,
            ephemeral_storage=aws.lambda_.FunctionEphemeralStorageArgs(size=ephemeral_storage)
            if ephemeral_storage
            else None,
            timeout=timeout,
            reserved_concurrent_executions=reserved_concurrency,
            vpc_config=aws.lambda_.FunctionVpcConfigArgs(
                subnet_ids=network["subnet_ids"], security_group_ids=security_group_ids
            ),
            tracing_config=aws.lambda_.FunctionTracingConfigArgs(mode="Active") if self._tracing else None,
            environment=aws.lambda_.FunctionEnvironmentArgs(variables=environment) if environment else None,
            # Lambda keeps its network interfaces for up to 20 minutes; without this the groups cannot go before them.
            replace_security_groups_on_destroy=True,
            tags=self._tags,
            **arguments,
            opts=pulumi.ResourceOptions(
                parent=self._parent,
                depends_on=[self.log_group, self._runtime_policy, *(depends_on or [])],
                # The name is ours, so a replacement cannot stand beside what it replaces.
                delete_before_replace=True,
                ignore_changes=KEPT_NAME,
            ),
        )
        return self.function
