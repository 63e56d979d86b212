"""The application's user: made by a private admin function, so that no password is ever in Pulumi's state.

The admin function connects straight to the database as the master user (a proxy knows no master user), makes the
password itself, stores it with PutSecretValue and grants what an application needs. It has no trigger and no
environment; only `aws.lambda_.Invocation` calls it, with an input that holds no secret.
"""

import json
from pathlib import Path
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .admin_function.bootstrap_sql import bootstrap_sql
from .engines import Auth, Engine, Profile
from .iam_policies import allow, policy
from .lambda_function import VpcFunction
from .package import LAMBDA_PYTHON, Platform, build_package
from .references import DatabaseRef, DatabaseUserRef, NetworkRef
from .security_rules import allow as allow_port
from .security_rules import allow_secrets_manager

_ADMIN_FUNCTION = Path(__file__).parent / "admin_function"
# Verifying waits up to 300 s for the proxy; the rest is for connecting and answering.
_TIMEOUT_SECONDS = 330


class DatabaseUserArgs(TypedDict):
    """The user an application logs in as."""

    network: NetworkRef
    """Where the admin function stands."""
    database: DatabaseRef
    """Where the user is made."""
    user: NotRequired[str]
    """Name of the user; default app."""
    auth: NotRequired[Auth]
    """iam (default), iam-end-to-end (no secret, may log in with `rds_iam`) or secret."""
    bootstrap: NotRequired[bool]
    """Whether to make the user; when false, or when the database has no admin secret, the SQL is printed; default
    true."""
    profile: NotRequired[Profile]
    """dev (default) or prod: how long logs and a deleted secret are kept."""
    python: NotRequired[str]
    """Python of the admin function, as Lambda's runtime names it: default 3.13."""
    architecture: NotRequired[str]
    """Architecture of the admin function: arm64 (default) or x86_64."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


class DatabaseUser(pulumi.ComponentResource):
    """The user in the database and the secret that holds its password."""

    reference: DatabaseUserRef
    """The user, for the proxy; its secret is known only once it has a value."""

    def __init__(self, name: str, args: DatabaseUserArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseUser", name, {}, opts)
        user, auth = args.get("user", "app"), Auth(args.get("auth", Auth.IAM))
        profile = Profile(args.get("profile", Profile.DEV))
        self.reference = {"user": user, "auth": auth}
        secret = None
        if auth is not Auth.IAM_END_TO_END:
            secret = aws.secretsmanager.Secret(
                name,
                description=f"password of {user}: RDS Proxy logs in to the database with it",
                recovery_window_in_days=30 if profile is Profile.PROD else 0,
                tags=args.get("tags"),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.reference["secret_arn"] = secret.arn
        admin_secret_arn = args["database"].get("admin_secret_arn")
        if args.get("bootstrap", True) and admin_secret_arn is not None:
            self._bootstrap(name, args, user, profile, secret, admin_secret_arn)
        else:
            self._say_what_to_do(args["database"], user, auth)
        self.register_outputs({"reference": self.reference})

    def _say_what_to_do(self, database: DatabaseRef, user: str, auth: Auth) -> None:
        sql = bootstrap_sql(user, database["database_name"], auth is Auth.IAM_END_TO_END)
        value = "" if auth is Auth.IAM_END_TO_END else f' and put {{"username": "{user}", "password": …}} in its secret'
        pulumi.log.warn(f"the user {user} is yours to make: run this as the master user{value}:\n{sql}", self)

    def _bootstrap(
        self,
        name: str,
        args: DatabaseUserArgs,
        user: str,
        profile: Profile,
        secret: aws.secretsmanager.Secret | None,
        admin_secret_arn: pulumi.Input[str],
    ) -> None:
        database, network = args["database"], args["network"]
        child = pulumi.ResourceOptions(parent=self)
        admin = VpcFunction(f"{name}-admin", parent=self, profile=profile, tags=args.get("tags"))
        group = aws.ec2.SecurityGroup(
            f"{name}-admin",
            vpc_id=network["vpc_id"],
            description="admin function: makes the user, verifies the way through the proxy",
            tags=args.get("tags"),
            opts=child,
        )
        rules = allow_port(
            f"{name}-admin-to-database",
            client=group.id,
            server=database["security_group_id"],
            port=database["port"],
            description="admin function makes the application user",
            opts=child,
        )
        rules += allow_secrets_manager(
            f"{name}-admin",
            client=group.id,
            endpoint_group=network.get("secrets_endpoint_security_group_id"),
            opts=child,
        )
        secrets_policy = aws.iam.RolePolicy(
            f"{name}-admin-secrets",
            role=admin.role.name,
            policy=pulumi.Output.all(admin_secret_arn, secret.arn if secret else None).apply(
                lambda arns: policy(
                    [
                        allow(["secretsmanager:GetSecretValue"], arns[0]),
                        *(
                            [allow(["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"], arns[1])]
                            if arns[1]
                            else []
                        ),
                    ]
                )
            ),
            opts=child,
        )
        target = Platform(python=args.get("python", LAMBDA_PYTHON), architecture=args.get("architecture", "arm64"))
        archive = build_package(_ADMIN_FUNCTION, target=target, say=lambda text: pulumi.log.info(text, self))
        function = admin.create(
            description=f"makes the database user {user}; called by Pulumi only",
            archive=str(archive),
            handler="app.handler",
            target=target,
            memory=256,
            timeout=_TIMEOUT_SECONDS,
            network=network,
            security_group_ids=[group.id],
            depends_on=[secrets_policy],
        )
        request = {
            "action": "create-user",
            "engine": Engine(database["engine"]).value,
            "host": database["endpoint"],
            "port": database["port"],
            "database": database["database_name"],
            "masterSecretArn": admin_secret_arn,
            "userSecretArn": secret.arn if secret else None,
            "user": user,
            "rdsIam": secret is None,
        }
        made = aws.lambda_.Invocation(
            name,
            function_name=function.name,
            input=pulumi.Output.from_input(request).apply(lambda known: json.dumps(known, sort_keys=True)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=rules),
        )
        self.reference["admin_function_name"] = function.name
        self.reference["admin_role_name"] = admin.role.name
        self.reference["admin_security_group_id"] = group.id
        if secret is not None:
            # Known only once the user is made: a proxy that is created with an empty secret keeps failing logins.
            self.reference["secret_arn"] = pulumi.Output.all(secret.arn, made.result).apply(lambda known: str(known[0]))
