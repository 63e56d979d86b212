"""Rotation of a user's password by AWS's own single-user function, on a schedule.

The function changes the password in the database and in the secret. RDS Proxy reads the secret again by itself;
functions with auth secret read it again when a login fails. Nobody but that one function can be invoked by the
rotation, and it may change no secret but those that name it: AWS's template says so.
"""

from functools import partial

import pulumi
import pulumi_aws as aws

from ..engines import ENGINES
from ..names import SECURITY_GROUP
from ..references import DatabaseRef, NetworkRef
from ..regions import WITH_APPLICATION_REPOSITORY, rotation_application_arn
from ..security_rules import allow as allow_port
from ..security_rules import allow_secrets_manager
from ..settings.spelling import SPELLING
from ..stack.args import StackSettings, log_retention_days
from ..stack_names import KEPT_NAME, own_name, stated_name

# What would have to be quoted in a connection URL.
_EXCLUDED_CHARACTERS = ":/@\"'\\"


def rotate(
    name: str,
    *,
    secret_arn: pulumi.Input[str],
    days: int,
    database: DatabaseRef,
    network: NetworkRef,
    stack: StackSettings,
    parent: pulumi.ComponentResource,
) -> aws.secretsmanager.SecretRotation:
    """Rotate a secret that has a value every `days` days; the first time after that many, not at once."""
    child, tags, kms_key_arn = pulumi.ResourceOptions(parent=parent), stack.get("tags"), stack.get("kms_key_arn")
    group = aws.ec2.SecurityGroup(
        f"{name}-rotation",
        name=own_name(SECURITY_GROUP, f"{name}-rotation"),
        vpc_id=network["vpc_id"],
        description="rotation function: changes the password of the application user",
        tags=tags,
        opts=child,
    )
    rules = allow_port(
        f"{name}-rotation-to-database",
        client=group.id,
        server=database["security_group_id"],
        port=database["port"],
        description="rotation function changes the password",
        opts=child,
    )
    rules += allow_secrets_manager(
        f"{name}-rotation",
        client=group.id,
        endpoint_group=network.get("secrets_endpoint_security_group_id"),
        opts=child,
    )
    options = pulumi.InvokeOutputOptions(parent=parent)
    partition = aws.get_partition_output(opts=options)
    region = aws.get_region_output(opts=options).region.apply(
        partial(_with_applications, f"{SPELLING.get().of('user')('user.rotation_days')} is {days}")
    )
    application = ENGINES[database["engine"]].rotation_application
    function_name = stated_name("rotation function", name, "rotation")
    # Before the function: Lambda makes one that keeps logs for ever otherwise.
    log_group = aws.cloudwatch.LogGroup(
        f"{name}-rotation",
        name=f"/aws/lambda/{function_name}",
        retention_in_days=log_retention_days(stack),
        kms_key_id=stack.get("log_kms_key_arn"),
        tags=tags,
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=KEPT_NAME),
    )
    parameters: dict[str, pulumi.Input[str]] = {
        "functionName": function_name,
        "endpoint": pulumi.Output.all(region, partition.dns_suffix).apply(
            lambda known: f"https://secretsmanager.{known[0]}.{known[1]}"
        ),
        "vpcSubnetIds": pulumi.Output.from_input(network["subnet_ids"]).apply(
            lambda ids: ",".join(str(each) for each in ids)
        ),
        "vpcSecurityGroupIds": group.id,
        "excludeCharacters": _EXCLUDED_CHARACTERS,
    }
    if kms_key_arn is not None:
        parameters["kmsKeyArn"] = kms_key_arn
    function = aws.serverlessrepository.CloudFormationStack(
        f"{name}-rotation",
        name=function_name,
        application_id=pulumi.Output.all(partition.partition, region).apply(
            lambda known: rotation_application_arn(known[0], application)
        ),
        capabilities=["CAPABILITY_IAM", "CAPABILITY_RESOURCE_POLICY"],
        parameters=parameters,
        tags=tags,
        # Another application makes another stack, and the name is ours: the old one must go first (of the provider's
        # arguments `application_id` alone replaces).
        opts=pulumi.ResourceOptions(
            parent=parent,
            depends_on=[log_group],
            delete_before_replace=True,
            ignore_changes=[*KEPT_NAME, "parameters.functionName"],
        ),
    )
    return aws.secretsmanager.SecretRotation(
        name,
        secret_id=secret_arn,
        rotation_lambda_arn=function.outputs.apply(lambda outputs: outputs["RotationLambdaARN"]),
        rotation_rules=aws.secretsmanager.SecretRotationRotationRulesArgs(automatically_after_days=days),
        rotate_immediately=False,
        opts=pulumi.ResourceOptions(parent=parent, depends_on=rules),
    )


def _with_applications(setting: str, region: str) -> str:
    if region not in WITH_APPLICATION_REPOSITORY:
        raise pulumi.RunError(
            f"{setting}, but {region} has no Serverless Application Repository, from which AWS's rotation function "
            "comes; leave it out, and rotate the secret with a function of your own"
        )
    return region
