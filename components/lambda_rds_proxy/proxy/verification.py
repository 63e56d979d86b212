"""Verifies the way through a proxy before anything depends on it.

The admin function connects through the proxy as the application's user, retrying up to 300 s. So `pulumi up` fails with
the reason while nobody uses the proxy yet. A preview runs nothing.
"""

import json
from collections.abc import Sequence
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from ..engines import Auth
from ..iam_policies import allow, connect_arn, policy
from ..names import ROLE_POLICY
from ..references import DatabaseUserRef, ProxyRef
from ..security_rules import allow as allow_port
from ..settings.checks import Checks, number
from ..settings.reading import read, with_defaults
from ..stack_names import own_name

# A proxy adapts its capacity to its database before it answers; creating one takes minutes.
VERIFY_SECONDS = 300


class ProxyVerificationArgs(TypedDict):
    """What to verify, and as whom."""

    proxy: ProxyRef
    """The proxy."""
    user: DatabaseUserRef
    """The application's user, with the admin function that connects as it."""
    more_users: NotRequired[list[ProxyRef]]
    """The same proxy as other users' clients see it, each verified as well."""
    timeout_seconds: NotRequired[int]
    """How long to keep trying, 1 to 300; default 300."""


CHECKS: Checks = {"timeout_seconds": number(1, VERIFY_SECONDS, default=VERIFY_SECONDS)}


class ProxyVerification(pulumi.ComponentResource):
    """One connection through the proxy as each user; without an admin function nothing is verified."""

    reference: ProxyRef
    """The same proxy, whose endpoint is known once it answered: whoever takes it from here waits for that."""
    references: dict[str, ProxyRef]
    """The same for every user, by the user's name."""

    def __init__(self, name: str, args: ProxyVerificationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:ProxyVerification", name, {}, opts)
        args = read(ProxyVerificationArgs, args, name)
        admin, proxies = args["user"], [args["proxy"], *args.get("more_users", [])]
        self.references = {proxy["user"]: proxy.copy() for proxy in proxies}
        self.reference = self.references[args["proxy"]["user"]]
        if "admin_function_name" in admin:
            needed = self._way(name, proxies, admin)
            for proxy in proxies:
                own = name if proxy is args["proxy"] else f"{name}-{proxy['user']}"
                answer = self._verify(own, args, proxy, needed)
                reference = self.references[proxy["user"]]
                reference["endpoint"] = _answered(proxy["endpoint"], answer)
                if "reader_endpoint" in proxy:
                    reference["reader_endpoint"] = _answered(proxy["reader_endpoint"], answer)
        else:
            pulumi.log.warn(f"the way through the proxy is not verified: {admin['user']} has no admin function", self)
        self.register_outputs({"reference": self.reference, "references": self.references})

    def _way(self, name: str, proxies: Sequence[ProxyRef], admin: DatabaseUserRef) -> list[pulumi.Resource]:
        """The rules and grants that the admin function needs to connect as each user."""
        child = pulumi.ResourceOptions(parent=self)
        proxy = proxies[0]
        needed = allow_port(
            f"{name}-admin-to-proxy",
            client=admin["admin_security_group_id"],
            server=proxy["security_group_id"],
            port=proxy["port"],
            description="admin function verifies the way through the proxy",
            opts=child,
        )
        users = [each["user"] for each in proxies if each["auth"] is not Auth.SECRET]
        if users:
            region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
            document = pulumi.Output.all(proxy["arn"], region, proxy["id"]).apply(
                lambda known: policy(
                    [
                        allow(
                            ["rds-db:connect"], connect_arn(known[0], region=known[1], resource_id=known[2], user=user)
                        )
                        for user in users
                    ]
                )
            )
            needed.append(
                aws.iam.RolePolicy(
                    f"{name}-admin-connect",
                    name=own_name(ROLE_POLICY, f"{name}-admin-connect"),
                    role=admin["admin_role_name"],
                    policy=document,
                    opts=child,
                )
            )
        return needed

    def _verify(
        self, name: str, args: ProxyVerificationArgs, proxy: ProxyRef, needed: list[pulumi.Resource]
    ) -> pulumi.Output[str]:
        request = {
            "action": "verify",
            "engine": proxy["engine"].value,
            "host": proxy["endpoint"],
            "port": proxy["port"],
            "database": proxy["database_name"],
            "user": proxy["user"],
            "auth": "secret" if proxy["auth"] is Auth.SECRET else "iam",
            "userSecretArn": proxy.get("secret_arn"),
            "timeoutSeconds": with_defaults(ProxyVerificationArgs, args)["timeout_seconds"],
            # A replaced proxy has a new id (and may keep its host name): verify that one too.
            "proxyId": proxy["id"],
        }
        invocation = aws.lambda_.Invocation(
            name,
            function_name=args["user"]["admin_function_name"],
            input=pulumi.Output.from_input(request).apply(lambda known: json.dumps(known, sort_keys=True)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )
        return invocation.result


def _answered(host: pulumi.Input[str], answer: pulumi.Output[str]) -> pulumi.Output[str]:
    return pulumi.Output.all(host, answer).apply(lambda known: str(known[0]))
