"""The application's user: made by a private admin function, so that no password is ever in Pulumi's state.

The admin function connects straight to the database as the master user (a proxy knows no master user), makes the
password itself, stores it with PutSecretValue and grants what an application needs. It has no trigger and no
environment; only `aws.lambda_.Invocation` calls it, with an input that holds no secret. Which database it serves is
written into its package, so that whoever may invoke it cannot have the master's login sent elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from ..engines import ENGINES, Auth, Profile
from ..function.vpc_function import VpcFunction, packaged, target_of
from ..iam_policies import policy, use_secret
from ..names import ROLE_POLICY, SECRET, SECURITY_GROUP
from ..references import DatabaseRef, DatabaseUserRef
from ..regions import WITH_CERTIFICATES
from ..security_rules import allow as allow_port
from ..security_rules import allow_secrets_manager
from ..settings.reading import read, with_defaults
from ..settings.spelling import SPELLING, Spelling
from ..stack.args import StackSettings
from ..stack_names import own_name
from .admin_function.database_admin.bootstrap_sql import Timeouts, bootstrap_sql
from .args import DatabaseUserArgs, UserSettings
from .choices import timeouts_of
from .problems import rotation_problems, user_problems
from .secret_rotation import rotate

_ADMIN_FUNCTION = Path(__file__).parent / "admin_function"
# Verifying waits up to 300 s for the proxy; the rest is for connecting and answering.
_TIMEOUT_SECONDS = 330
_BUNDLES = 'such as <region>-bundle.pem of the RDS User Guide, "Certificate bundles by AWS Region"'


class DatabaseUser(pulumi.ComponentResource):
    """The user in the database and the secret that holds its password."""

    reference: DatabaseUserRef
    """The user, for the proxy; its secret is known only once it has a value."""

    def __init__(self, name: str, args: DatabaseUserArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseUser", name, {}, opts)
        args = read(DatabaseUserArgs, args, name, part="user", problems=_problems)
        settings = with_defaults(UserSettings, args.get("settings", {}))
        self._stack = with_defaults(StackSettings, args.get("stack", {}))
        self._settings = settings
        user, auth, key = settings["database_user"], settings["auth"], self._stack.get("kms_key_arn")
        self.reference = {"user": user, "auth": auth}
        # Empty for an engine whose users have none.
        self._timeouts: Timeouts = (
            timeouts_of(settings, longest_function_timeout=args.get("longest_function_timeout"))
            if ENGINES[args["database"]["engine"]].why_no_user_timeouts is None
            else {}
        )
        secret = None
        if auth is not Auth.IAM_END_TO_END:
            secret = aws.secretsmanager.Secret(
                name,
                name=own_name(SECRET, name),
                description=f"password of {user}: RDS Proxy logs in to the database with it",
                kms_key_id=key,
                recovery_window_in_days=30 if self._stack["profile"] is Profile.PROD else 0,
                tags=self._stack.get("tags"),
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.reference["secret_arn"] = secret.arn
            if key is not None:
                self.reference["secret_kms_key_arn"] = key
        admin_secret_arn = args["database"].get("admin_secret_arn")
        if settings["bootstrap"] and admin_secret_arn is not None:
            self._bootstrap(name, args, secret, admin_secret_arn)
        else:
            self._say_what_to_do(args["database"], user, auth)
        if secret is not None and "rotation_days" in settings:
            rotate(
                name,
                # Known only once it has a value, without which there is nothing to rotate.
                secret_arn=self.reference["secret_arn"],
                days=settings["rotation_days"],
                database=args["database"],
                network=args["network"],
                stack=self._stack,
                parent=self,
            )
        self.register_outputs({"reference": self.reference})

    def _say_what_to_do(self, database: DatabaseRef, user: str, auth: Auth) -> None:
        sql = bootstrap_sql(
            user,
            database["database_name"],
            auth is Auth.IAM_END_TO_END,
            engine=database["engine"].value,
            timeouts=self._timeouts,
        )
        value = "" if auth is Auth.IAM_END_TO_END else f' and put {{"username": "{user}", "password": …}} in its secret'
        pulumi.log.warn(f"the user {user} is yours to make: run this as the master user{value}:\n{sql}", self)

    def _bootstrap(
        self,
        name: str,
        args: DatabaseUserArgs,
        secret: aws.secretsmanager.Secret | None,
        admin_secret_arn: pulumi.Input[str],
    ) -> None:
        """Make the user: by the admin function of another one, or by its own."""
        database = args["database"]
        if "admin" in args:
            admin = args["admin"]
            ready: list[pulumi.Resource] = []
            if secret is not None:
                ready.append(self._secrets_policy(name, args, admin["admin_role_name"], None, secret))
        else:
            admin, ready = self._admin_function(name, args, secret, admin_secret_arn)
        request = {
            "action": "create-user",
            "engine": database["engine"].value,
            "host": database["endpoint"],
            "port": database["port"],
            "database": database["database_name"],
            "masterSecretArn": admin_secret_arn,
            "userSecretArn": secret.arn if secret else None,
            "user": self.reference["user"],
            "rdsIam": secret is None,
            # Left out unless it is said: another input calls the function of every stack again.
            **({"adopt": True} if self._settings["adopt_user"] else {}),
            **({"timeouts": self._timeouts} if self._timeouts else {}),
        }
        made = aws.lambda_.Invocation(
            name,
            function_name=admin["admin_function_name"],
            input=pulumi.Output.from_input(request).apply(lambda known: json.dumps(known, sort_keys=True)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=ready),
        )
        self.reference["admin_function_name"] = admin["admin_function_name"]
        self.reference["admin_role_name"] = admin["admin_role_name"]
        self.reference["admin_security_group_id"] = admin["admin_security_group_id"]
        if secret is not None:
            # Only once the user is made: a proxy that is created with an empty secret keeps failing logins. Not by what
            # the function answers: that is unknown while it is to be called again, and so would be all that reads this.
            self.reference["secret_arn"] = pulumi.Output.all(secret.arn, made.urn).apply(lambda known: str(known[0]))

    def _admin_function(
        self,
        name: str,
        args: DatabaseUserArgs,
        secret: aws.secretsmanager.Secret | None,
        admin_secret_arn: pulumi.Input[str],
    ) -> tuple[DatabaseUserRef, list[pulumi.Resource]]:
        """The private function, and what must be there before it is called."""
        database, network = args["database"], args["network"]
        child = pulumi.ResourceOptions(parent=self)
        admin = VpcFunction(
            f"{name}-admin",
            parent=self,
            stack=self._stack,
        )
        group = aws.ec2.SecurityGroup(
            f"{name}-admin",
            name=own_name(SECURITY_GROUP, f"{name}-admin"),
            vpc_id=network["vpc_id"],
            description="admin function: makes the user, verifies the way through the proxy",
            tags=self._stack.get("tags"),
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
        secrets_policy = self._secrets_policy(name, args, admin.role.name, admin_secret_arn, secret)
        target = target_of(args.get("stack", {}))
        build = partial(packaged, _ADMIN_FUNCTION, target=target, engine=database["engine"], component=self)
        certificates = self._certificates(args)
        build(instead=certificates)  # what is wrong with it is told at preview, when the database may be unknown
        archive = pulumi.Output.all(
            host=database["endpoint"], port=database["port"], masterSecretArn=admin_secret_arn
        ).apply(
            lambda known: build(instead={**certificates, "made_for.json": json.dumps(known, sort_keys=True).encode()})
        )
        function = admin.create(
            arguments={"description": f"makes the database user {self.reference['user']}; called by Pulumi only"},
            archive=archive,
            handler="database_admin.app.handler",
            target=target,
            memory=256,
            timeout=_TIMEOUT_SECONDS,
            network=network,
            security_group_ids=[group.id],
            depends_on=[secrets_policy],
        )
        return {
            **self.reference,
            "admin_function_name": function.name,
            "admin_role_name": admin.role.name,
            "admin_security_group_id": group.id,
        }, rules

    def _certificates(self, args: DatabaseUserArgs) -> dict[str, Path]:
        """What takes the place of the shipped authorities, with which the admin function tells the database."""
        name, given = SPELLING.get().of("user")("user.certificate_bundle"), args.get("settings", {})
        if "certificate_bundle" not in given:
            region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
            region.apply(partial(_check_certificates, name))
            return {}
        bundle = Path(given["certificate_bundle"])
        if not bundle.is_file() or b"-----BEGIN CERTIFICATE-----" not in bundle.read_bytes():
            raise pulumi.RunError(f'{name} is "{bundle}"; it must be a file with certificates in PEM, {_BUNDLES}')
        return {"certificates/rds.pem": bundle}

    def _secrets_policy(
        self,
        name: str,
        args: DatabaseUserArgs,
        role: pulumi.Input[str],
        admin_secret_arn: pulumi.Input[str] | None,
        secret: aws.secretsmanager.Secret | None,
    ) -> aws.iam.RolePolicy:
        """Read the master user's secret (unless it may already), read and write this user's, and nothing else."""
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        document = pulumi.Output.all(
            region=region,
            master=admin_secret_arn,
            master_key=args["database"].get("admin_secret_kms_key_arn"),
            secret=secret.arn if secret else None,
            key=self._stack.get("kms_key_arn"),
        ).apply(lambda known: policy(_secret_statements(known)))
        return aws.iam.RolePolicy(
            f"{name}-admin-secrets",
            name=own_name(ROLE_POLICY, f"{name}-admin-secrets"),
            role=role,
            policy=document,
            opts=pulumi.ResourceOptions(parent=self),
        )


def _check_certificates(setting: str, region: str) -> None:
    if region not in WITH_CERTIFICATES:
        raise pulumi.RunError(
            f"no certificates of {region} are shipped with the admin function, which could not tell the database from "
            f"another server; set {setting} to a file with them, {_BUNDLES}"
        )


def _secret_statements(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    region = known["region"]
    found = use_secret(known["master"], region=region, key_arn=known["master_key"]) if known["master"] else []
    if known["secret"]:
        actions = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
        found += use_secret(known["secret"], region=region, actions=actions, key_arn=known["key"])
    return found


def _problems(given: DatabaseUserArgs, call: Spelling) -> Iterator[str]:
    settings, engine = given.get("settings", {}), given["database"]["engine"]
    yield from user_problems(settings, call, engine=engine, facts=ENGINES[engine])
    yield from rotation_problems(settings, call, auths=[with_defaults(UserSettings, settings)["auth"]])
    if "admin" in given and "admin_function_name" not in given["admin"]:
        yield f"{call('admin')} is the user {given['admin']['user']}, which has no admin function; leave it out"
