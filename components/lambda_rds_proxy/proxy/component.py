"""RDS Proxy in front of a database: role, groups, pool, target, and a reader endpoint where there are readers."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pulumi
import pulumi_aws as aws

from ..adoption import adopting, refusing_imports
from ..engines import ENGINES, Auth, TargetKind
from ..references import DatabaseRef, DatabaseUserRef, NetworkRef, ProxyRef, enough_subnets
from ..settings.reading import read, with_defaults
from ..settings.spelling import SPELLING, Spelling
from ..stack.args import StackSettings, Tags, log_retention_days
from ..stack_names import KEPT_NAME, stated_name
from .access import proxy_role, proxy_security_groups
from .args import AdoptedProxy, DatabaseProxyArgs, ProxySettings
from .debug_logging import is_wanted
from .problems import is_any, proxy_problems, users_problems
from .role_propagation import is_time_enough, waiting_for


class DatabaseProxy(pulumi.ComponentResource):
    """A proxy that demands TLS, may read its users' secrets and nothing else, and never takes the whole database."""

    reference: ProxyRef
    """The proxy, for functions of the application's user; not yet verified."""
    references: dict[str, ProxyRef]
    """The same for every user, by the user's name."""

    def __init__(self, name: str, args: DatabaseProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseProxy", name, {}, opts)
        now = datetime.now(UTC)
        args = read(DatabaseProxyArgs, args, name, part="proxy", problems=partial(_problems, now))
        settings = with_defaults(ProxySettings, args.get("settings", {}))
        stack = with_defaults(StackSettings, args.get("stack", {}))
        with refusing_imports() as fail_preview_after:
            self._make(name, args, settings, stack, now)
            fail_preview_after(pulumi.Output.from_input(self.reference["endpoint"]))
        self.register_outputs({"reference": self.reference, "references": self.references})

    def _make(
        self, name: str, args: DatabaseProxyArgs, settings: ProxySettings, stack: StackSettings, now: datetime
    ) -> None:
        network: NetworkRef = args["network"].copy()
        network["subnet_ids"] = enough_subnets(network["subnet_ids"], SPELLING.get()("network.subnet_ids"))
        database, tags = args["database"], stack.get("tags")
        users = [args["user"], *args.get("more_users", [])]
        facts = ENGINES[database["engine"]]
        password_type = settings.get("client_password_auth_type", facts.client_password_auth_types[0])
        adopted = args.get("adopted")
        proxy_name = adopted["name"] if adopted else stated_name("proxy", name, lower_case=True)
        # An adopted one has the name that was said.
        kept = None if adopted else KEPT_NAME
        own = pulumi.ResourceOptions(parent=self, ignore_changes=kept)
        adopt = partial(adopting, "proxy", changes=args.get("import_changes"), settings=ProxySettings)

        # Before the proxy: RDS makes a log group without retention otherwise.
        log_name = f"/aws/rds/proxy/{proxy_name}"
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=log_name,
            retention_in_days=log_retention_days(stack),
            kms_key_id=stack.get("log_kms_key_arn"),
            tags=tags,
            opts=adopt(f"{name}-log-group", log_name, opts=own),
        )
        group, clients = proxy_security_groups(
            name,
            network=network,
            database=database,
            users=users,
            port=facts.port,
            extra_clients=settings.get("extra_clients", {}),
            log_group=log_group,
            tags=tags,
            parent=self,
        )
        role, role_policy = proxy_role(name, database=database, users=users, stack=stack, parent=self)
        proxy = aws.rds.Proxy(
            name,
            name=proxy_name,
            engine_family=facts.proxy_family,
            role_arn=_when_there(role.arn, database["identifier"], users[0].get("admin_function_name")),
            vpc_subnet_ids=network["subnet_ids"],
            vpc_security_group_ids=[group.id],
            require_tls=True,
            endpoint_network_type=settings.get("endpoint_network_type"),
            idle_client_timeout=settings["idle_client_timeout"],
            debug_logging=is_wanted(settings.get("debug_logging_until"), now=now),
            default_auth_scheme="IAM_AUTH" if is_any(users, Auth.IAM_END_TO_END) else "NONE",
            auths=[_auth(user, password_type) for user in users if "secret_arn" in user] or None,
            tags=tags,
            opts=adopt(
                f"{name}-proxy",
                proxy_name,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[log_group, role_policy],
                    # The name is ours (its log group carries it), so a replacement cannot stand beside what it
                    # replaces.
                    delete_before_replace=True,
                    hooks=None if is_time_enough(users[0]) else waiting_for(role.arn, name=proxy_name),
                    ignore_changes=kept,
                ),
            ),
        )
        target = self._target(name, proxy, settings, args)
        reader = self._reader_endpoint(name, proxy, network, group, tags) if settings["reader_endpoint"] else None
        self.references = {
            user["user"]: _reference(proxy, target, database, user, group=group, clients=clients, reader=reader)
            for user in users
        }
        self.reference = self.references[args["user"]["user"]]

    def _target(
        self, name: str, proxy: aws.rds.Proxy, settings: ProxySettings, args: DatabaseProxyArgs
    ) -> aws.rds.ProxyTarget:
        """The pool's settings and the database behind it."""
        database, adopted = args["database"], args.get("adopted")
        adopt = partial(adopting, "proxy", changes=args.get("import_changes"), settings=ProxySettings)
        # A new proxy has neither pool settings nor a target, and nothing in their own inputs says so.
        with_proxy = pulumi.ResourceOptions(parent=self, replace_with=[proxy], delete_before_replace=True)
        percent = settings["max_connections_percent"]
        target_group = aws.rds.ProxyDefaultTargetGroup(
            name,
            db_proxy_name=proxy.name,
            connection_pool_config=aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(
                max_connections_percent=percent,
                # AWS's own default is half of it too.
                max_idle_connections_percent=settings.get("max_idle_connections_percent", percent // 2),
                connection_borrow_timeout=settings["connection_borrow_timeout"],
                init_query=settings.get("init_query"),
                session_pinning_filters=settings.get("session_pinning_filters") or None,
            ),
            opts=adopt(f"{name}-target-group", adopted["name"] if adopted else "", opts=with_proxy),
        )
        cluster = database["kind"] is TargetKind.CLUSTER
        return aws.rds.ProxyTarget(
            name,
            db_proxy_name=proxy.name,
            target_group_name=target_group.name,
            db_cluster_identifier=database["identifier"] if cluster else None,
            db_instance_identifier=None if cluster else database["identifier"],
            opts=adopt(f"{name}-target", _target_id(adopted, database) if adopted else "", opts=with_proxy),
        )

    def _reader_endpoint(
        self, name: str, proxy: aws.rds.Proxy, network: NetworkRef, group: aws.ec2.SecurityGroup, tags: Tags | None
    ) -> pulumi.Output[str]:
        endpoint = aws.rds.ProxyEndpoint(
            f"{name}-reader",
            db_proxy_name=proxy.name,
            db_proxy_endpoint_name=stated_name("proxy endpoint", name, "reader", lower_case=True),
            target_role="READ_ONLY",
            vpc_subnet_ids=network["subnet_ids"],
            vpc_security_group_ids=[group.id],
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                replace_with=[proxy],
                delete_before_replace=True,
                ignore_changes=["db_proxy_endpoint_name"],
            ),
        )
        return endpoint.endpoint


def _problems(now: datetime, given: DatabaseProxyArgs, call: Spelling) -> Iterator[str]:
    database, settings = given["database"], given.get("settings", {})
    yield from proxy_problems(
        settings,
        call,
        facts=ENGINES[database["engine"]],
        kind=database["kind"],
        readers=database.get("readers"),
        now=now,
    )
    yield from users_problems([given["user"], *given.get("more_users", [])])
    if "adopted" in given and not isinstance(_target_of(given["adopted"], database), str):
        name = call("adopted.proxy.target_identifier")
        yield f"{name} is missing; an import needs the identifier as a plain value"


def _target_of(adopted: AdoptedProxy, database: DatabaseRef) -> pulumi.Input[str]:
    return adopted.get("target_identifier", database["identifier"])


def _target_id(adopted: AdoptedProxy, database: DatabaseRef) -> str:
    kind = "TRACKED_CLUSTER" if database["kind"] is TargetKind.CLUSTER else "RDS_INSTANCE"
    return f"{adopted['name']}/default/{kind}/{_target_of(adopted, database)}"


def _reference(
    proxy: aws.rds.Proxy,
    target: aws.rds.ProxyTarget,
    database: DatabaseRef,
    user: DatabaseUserRef,
    *,
    group: aws.ec2.SecurityGroup,
    clients: aws.ec2.SecurityGroup,
    reader: pulumi.Output[str] | None,
) -> ProxyRef:
    engine = database["engine"]
    # A proxy without its target answers nobody: whoever takes a host name from here waits for it.
    reference: ProxyRef = {
        "name": proxy.name,
        "id": proxy.arn.apply(lambda arn: arn.rsplit(":", 1)[1]),
        "arn": proxy.arn,
        "endpoint": _when_there(proxy.endpoint, target.id),
        "port": ENGINES[engine].port,
        "engine": engine,
        "auth": user["auth"],
        "user": user["user"],
        "database_name": database["database_name"],
        "security_group_id": group.id,
        "client_security_group_id": clients.id,
    }
    if "secret_arn" in user:
        reference["secret_arn"] = user["secret_arn"]
    if "secret_kms_key_arn" in user:
        reference["secret_kms_key_arn"] = user["secret_kms_key_arn"]
    if reader is not None:
        reference["reader_endpoint"] = _when_there(reader, target.id)
    return reference


def _when_there(value: pulumi.Output[str], *others: pulumi.Input[str] | None) -> pulumi.Output[str]:
    """`value`, once all `others` are known too.

    For the proxy's role: the first database of an account makes the service-linked role without which RDS refuses a
    proxy.
    """
    return pulumi.Output.all(value, *others).apply(lambda known: str(known[0]))


def _auth(user: DatabaseUserRef, password_type: str) -> aws.rds.ProxyAuthArgs:
    return aws.rds.ProxyAuthArgs(
        auth_scheme="SECRETS",
        iam_auth="REQUIRED" if user["auth"] is Auth.IAM else "DISABLED",
        client_password_auth_type=password_type,
        # The provider does not see a change of the type alone (terraform-provider-aws #49544); it sees this one.
        description=f"{user['user']} {password_type}",
        secret_arn=user["secret_arn"],
    )
