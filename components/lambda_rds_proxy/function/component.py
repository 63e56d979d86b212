"""A Lambda function that uses the database through its proxy, and can reach nothing else."""

from pathlib import Path
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from ..engines import Auth, Engine, Profile
from ..iam_policies import allow, connect_arn, policy, region_of, use_secret
from ..references import FunctionRef, NetworkRef, ProxyRef
from .package import LAMBDA_PYTHON, Platform
from .vpc_function import VpcFunction, packaged


class DatabaseFunctionArgs(TypedDict):
    """A function; its `DB_*` environment comes from the proxy."""

    network: NetworkRef
    """Where it stands: the proxy's VPC."""
    proxy: ProxyRef
    """What it connects to."""
    path: str
    """Folder with its source and, if any, a hash-locked requirements.txt (requirements-mysql.txt for MySQL)."""
    handler: NotRequired[str]
    """module.function; default app.handler."""
    memory: NotRequired[int]
    """MB, 128–10240; default 256."""
    timeout: NotRequired[int]
    """Seconds, 1–900; default 15."""
    reserved_concurrency: NotRequired[int]
    """How many environments may run at once; without it only the account limits them."""
    python: NotRequired[str]
    """Python as Lambda's runtime names it; default 3.13."""
    architecture: NotRequired[str]
    """arm64 (default) or x86_64."""
    environment: NotRequired[dict[str, str]]
    """More environment variables; of the DB_ names only DB_POOL_… may be set."""
    tracing: NotRequired[bool]
    """Whether X-Ray traces the function; default false."""
    log_retention_days: NotRequired[int]
    """How long its log is kept; default 14 days, prod 90."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key of its log; the key's policy must let CloudWatch Logs use it."""
    profile: NotRequired[Profile]
    """dev (default) or prod: how long logs are kept."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


class DatabaseFunction(pulumi.ComponentResource):
    """A function with a role that may connect as one user through one proxy, and log."""

    function_name: pulumi.Output[str]
    """Name of the function, for `aws lambda invoke`."""
    function_arn: pulumi.Output[str]
    """ARN of the function, for triggers."""
    reference: FunctionRef
    """The function, for a Monitor."""

    def __init__(self, name: str, args: DatabaseFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseFunction", name, {}, opts)
        proxy = args["proxy"]
        taken = [
            key
            for key in args.get("environment", {})
            if key.startswith("AWS_") or (key.startswith("DB_") and not key.startswith("DB_POOL_"))
        ]
        if taken:
            raise ValueError(f'function "{name}" sets {", ".join(taken)}; the proxy gives these names, leave them out')
        function = VpcFunction(
            name,
            parent=self,
            profile=Profile(args.get("profile", Profile.DEV)),
            tags=args.get("tags"),
            log_retention_days=args.get("log_retention_days"),
            log_kms_key_arn=args.get("log_kms_key_arn"),
            tracing=args.get("tracing", False),
        )
        grant = aws.iam.RolePolicy(
            f"{name}-connect",
            role=function.role.name,
            policy=grant_connect(proxy),
            opts=pulumi.ResourceOptions(parent=self),
        )
        target = Platform(python=args.get("python", LAMBDA_PYTHON), architecture=args.get("architecture", "arm64"))
        archive = packaged(Path(args["path"]), target=target, engine=Engine(proxy["engine"]), component=self)
        timeout = args.get("timeout", 15)
        resource = function.create(
            description="uses the database through RDS Proxy",
            archive=archive,
            handler=args.get("handler", "app.handler"),
            target=target,
            memory=args.get("memory", 256),
            timeout=timeout,
            network=args["network"],
            security_group_ids=[proxy["client_security_group_id"]],
            environment={**connection_environment(proxy), **args.get("environment", {})},
            reserved_concurrency=args.get("reserved_concurrency"),
            depends_on=[grant],
        )
        self.function_name = resource.name
        self.function_arn = resource.arn
        self.reference = {"name": resource.name, "log_group_name": function.log_group.name, "timeout": timeout}
        if "reserved_concurrency" in args:
            self.reference["reserved_concurrency"] = args["reserved_concurrency"]
        self.register_outputs(
            {
                "function_name": self.function_name,
                "function_arn": self.function_arn,
                "reference": self.reference,
            }
        )


def connection_environment(proxy: ProxyRef) -> dict[str, pulumi.Input[str]]:
    """The `DB_*` variables of a client of a proxy: from the proxy and the configuration, never from the database."""
    secret = Auth(proxy["auth"]) is Auth.SECRET
    environment: dict[str, pulumi.Input[str]] = {
        "DB_HOST": proxy["endpoint"],
        "DB_PORT": str(int(proxy["port"])),
        "DB_NAME": proxy["database_name"],
        "DB_USER": proxy["user"],
        "DB_ENGINE": Engine(proxy["engine"]).value,
        "DB_AUTH": "secret" if secret else "iam",
    }
    if secret:
        environment["DB_SECRET_ARN"] = proxy["secret_arn"]
    if "reader_endpoint" in proxy:
        environment["DB_READER_HOST"] = proxy["reader_endpoint"]
    return environment


def grant_connect(proxy: ProxyRef) -> pulumi.Output[str]:
    """The policy a client of a proxy needs: to read the one secret, or to connect as the one user on `prx-…`."""
    # The region is that of what is granted: with any number of functions nobody asks AWS for it.
    if Auth(proxy["auth"]) is Auth.SECRET:
        return pulumi.Output.all(proxy["secret_arn"], proxy.get("secret_kms_key_arn")).apply(
            lambda known: policy(use_secret(known[0], region=region_of(known[0]), key_arn=known[1]))
        )
    return pulumi.Output.all(proxy["arn"], proxy["id"]).apply(
        lambda known: policy(
            [
                allow(
                    ["rds-db:connect"],
                    connect_arn(known[0], region=region_of(known[0]), resource_id=known[1], user=proxy["user"]),
                )
            ]
        )
    )
