"""A Lambda function that uses the database through its proxy, and can reach nothing else."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pulumi
import pulumi_aws as aws

from ..engines import Auth
from ..iam_policies import allow, connect_arn, policy, region_of, use_secret
from ..names import ROLE_POLICY
from ..references import FunctionRef, ProxyRef
from ..settings.reading import read, with_defaults
from ..settings.spelling import Spelling
from ..stack.args import StackSettings
from ..stack_names import own_name
from .args import DatabaseFunctionArgs, FunctionSettings
from .lambda_arguments import as_python
from .problems import concurrency_problems, function_problems, proxy_problems
from .vpc_function import VpcFunction, packaged, target_of


class DatabaseFunction(pulumi.ComponentResource):
    """A function with a role that may connect as one user through one proxy, and log."""

    function_name: pulumi.Output[str]
    """Name of the function, for `aws lambda invoke`."""
    function_arn: pulumi.Output[str]
    """ARN of the function, for triggers."""
    role_name: pulumi.Output[str]
    """Name of its role, to grant it what more it needs."""
    reference: FunctionRef
    """The function, for a Monitor."""

    def __init__(self, name: str, args: DatabaseFunctionArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseFunction", name, {}, opts)
        args = read(
            DatabaseFunctionArgs,
            args,
            name,
            part="functions",
            problems=partial(_problems, name),
        )
        settings = with_defaults(FunctionSettings, args["settings"])
        stack = with_defaults(StackSettings, args.get("stack", {}))
        proxy = args["proxy"]
        function = VpcFunction(name, parent=self, stack=stack, tracing=settings["tracing"])
        grant = aws.iam.RolePolicy(
            f"{name}-connect",
            name=own_name(ROLE_POLICY, f"{name}-connect"),
            role=function.role.name,
            policy=grant_connect(proxy),
            opts=pulumi.ResourceOptions(parent=self),
        )
        given = settings.get("lambda_arguments", {})
        target = target_of(args.get("stack", {}), settings.get("architecture"))
        archive = packaged(
            Path(settings["path"]),
            target=target,
            engine=proxy["engine"],
            component=self,
            handler=None if settings.get("layers") else settings["handler"],
            bytecode=settings["bytecode"],
        )
        resource = function.create(
            arguments={"description": "uses the database through RDS Proxy", **as_python(given)},
            archive=archive,
            handler=settings["handler"],
            target=target,
            memory=settings["memory"],
            layers=settings.get("layers"),
            ephemeral_storage=settings.get("ephemeral_storage"),
            timeout=settings["timeout"],
            network=args["network"],
            security_group_ids=[proxy["client_security_group_id"]],
            environment={
                **connection_environment(proxy),
                **({"DB_READER_FALLBACK": "true"} if settings["reader_fallback"] else {}),
                **settings.get("environment", {}),
            },
            reserved_concurrency=settings.get("reserved_concurrency"),
            depends_on=[grant],
        )
        self.function_name = resource.name
        self.function_arn = resource.arn
        self.role_name = function.role.name
        self.reference = {
            "name": resource.name,
            "log_group_name": function.log_group.name,
            "timeout": settings["timeout"],
        }
        if "reserved_concurrency" in settings:
            self.reference["reserved_concurrency"] = settings["reserved_concurrency"]
        if "alarms" in settings:
            self.reference["alarms"] = settings["alarms"]
        self.register_outputs(
            {
                "function_name": self.function_name,
                "function_arn": self.function_arn,
                "role_name": self.role_name,
                "reference": self.reference,
            }
        )


def _problems(name: str, given: DatabaseFunctionArgs, call: Spelling) -> Iterator[str]:
    yield from function_problems(name, given["settings"], call)
    limit = given.get("stack", {}).get("account_concurrent_executions")
    yield from concurrency_problems({name: given["settings"]}, call, limit=limit)
    yield from proxy_problems(given["proxy"], call)


def connection_environment(proxy: ProxyRef) -> dict[str, pulumi.Input[str]]:
    """The `DB_*` variables of a client of a proxy: from the proxy and the configuration, never from the database."""
    secret = proxy["auth"] is Auth.SECRET
    environment: dict[str, pulumi.Input[str]] = {
        "DB_HOST": proxy["endpoint"],
        "DB_PORT": str(proxy["port"]),
        "DB_NAME": proxy["database_name"],
        "DB_USER": proxy["user"],
        "DB_ENGINE": proxy["engine"].value,
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
    if proxy["auth"] is Auth.SECRET:
        return pulumi.Output.all(proxy.get("secret_arn"), proxy.get("secret_kms_key_arn")).apply(
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
