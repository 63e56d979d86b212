"""Verifies the way through a proxy before anything depends on it.

The admin function connects through the proxy as the application's user, retrying up to 300 s. So `pulumi up` fails with
the reason while nobody uses the proxy yet. A preview runs nothing.
"""

import json
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .engines import Auth, Engine
from .iam_policies import allow, connect_arn, policy
from .references import DatabaseUserRef, ProxyRef
from .security_rules import allow as allow_port

# A proxy adapts its capacity to its database before it answers; creating one takes minutes.
VERIFY_SECONDS = 300


class ProxyVerificationArgs(TypedDict):
    """What to verify, and as whom."""

    proxy: ProxyRef
    """The proxy."""
    user: DatabaseUserRef
    """The application's user, with the admin function that connects as it."""
    timeout_seconds: NotRequired[int]
    """How long to keep trying, 1–300; default 300."""


class ProxyVerification(pulumi.ComponentResource):
    """One connection through the proxy as the application's user; without an admin function nothing is verified."""

    reference: ProxyRef
    """The same proxy, whose endpoint is known once it answered: whoever takes it from here waits for that."""

    def __init__(self, name: str, args: ProxyVerificationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:ProxyVerification", name, {}, opts)
        proxy, user = args["proxy"], args["user"]
        self.reference = proxy.copy()
        if "admin_function_name" in user:
            answer = self._verify(name, args, proxy, user)
            self.reference["endpoint"] = pulumi.Output.all(proxy["endpoint"], answer).apply(lambda known: str(known[0]))
        else:
            pulumi.log.warn(f"the way through the proxy is not verified: {user['user']} has no admin function", self)
        self.register_outputs({"reference": self.reference})

    def _verify(
        self, name: str, args: ProxyVerificationArgs, proxy: ProxyRef, user: DatabaseUserRef
    ) -> pulumi.Output[str]:
        child = pulumi.ResourceOptions(parent=self)
        needed = allow_port(
            f"{name}-admin-to-proxy",
            client=user["admin_security_group_id"],
            server=proxy["security_group_id"],
            port=proxy["port"],
            description="admin function verifies the way through the proxy",
            opts=child,
        )
        if Auth(user["auth"]) is not Auth.SECRET:
            region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
            needed.append(
                aws.iam.RolePolicy(
                    f"{name}-admin-connect",
                    role=user["admin_role_name"],
                    policy=pulumi.Output.all(proxy["arn"], region, proxy["id"]).apply(
                        lambda known: policy(
                            [
                                allow(
                                    ["rds-db:connect"],
                                    connect_arn(known[0], region=known[1], resource_id=known[2], user=user["user"]),
                                )
                            ]
                        )
                    ),
                    opts=child,
                )
            )
        request = {
            "action": "verify",
            "engine": Engine(proxy["engine"]).value,
            "host": proxy["endpoint"],
            "port": proxy["port"],
            "database": proxy["database_name"],
            "user": user["user"],
            "auth": "secret" if Auth(user["auth"]) is Auth.SECRET else "iam",
            "userSecretArn": proxy.get("secret_arn"),
            "timeoutSeconds": args.get("timeout_seconds", VERIFY_SECONDS),
            # A replaced proxy has a new id (and may keep its host name): verify that one too.
            "proxyId": proxy["id"],
        }
        invocation = aws.lambda_.Invocation(
            name,
            function_name=user["admin_function_name"],
            input=pulumi.Output.from_input(request).apply(lambda known: json.dumps(known, sort_keys=True)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        return invocation.result
