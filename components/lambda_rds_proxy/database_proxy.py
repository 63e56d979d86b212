"""RDS Proxy before a database: role, groups, pool, target, and a reader endpoint where there are readers."""

from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from .connection_pool import ConnectionPool, check_total_percent
from .engines import ENGINES, Auth, Engine, Profile, TargetKind
from .iam_policies import allow, assume_role_policy, connect_arn, policy
from .lambda_function import LOG_RETENTION_DAYS
from .names import physical_name
from .references import DatabaseRef, DatabaseUserRef, NetworkRef, ProxyRef
from .security_rules import allow as allow_port
from .security_rules import allow_secrets_manager


class DatabaseProxyArgs(TypedDict):
    """A new proxy; percents are of the database's max_connections, timeouts are seconds."""

    network: NetworkRef
    """Where it stands: the database's VPC."""
    database: DatabaseRef
    """What it stands before."""
    user: DatabaseUserRef
    """The application's user."""
    max_connections_percent: NotRequired[int]
    """How much of max_connections it may open, 1–100; default 85. All proxies of a database together: at most 90."""
    max_idle_connections_percent: NotRequired[int]
    """How much it keeps open when idle, 0–max_connections_percent; default half of it."""
    connection_borrow_timeout: NotRequired[int]
    """How long a client waits for a connection, 0–300; default 5, so that the answer comes before a function ends."""
    idle_client_timeout: NotRequired[int]
    """When an idle client is let go, 1–28800; default 1800."""
    other_proxies_percent: NotRequired[int]
    """What other proxies of the same database already take, in percent; default 0."""
    reader_endpoint: NotRequired[bool]
    """Whether a cluster with readers gets a read-only endpoint; default false."""
    profile: NotRequired[Profile]
    """dev (default) or prod: how long logs are kept."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


class DatabaseProxy(pulumi.ComponentResource):
    """A proxy that demands TLS, may read one secret and nothing else, and never takes the whole database."""

    reference: ProxyRef
    """The proxy, for functions; not yet verified."""

    def __init__(self, name: str, args: DatabaseProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseProxy", name, {}, opts)
        pool = _checked_pool(name, args)
        database, network, user = args["database"], args["network"], args["user"]
        engine, auth = Engine(database["engine"]), Auth(user["auth"])
        facts = ENGINES[engine]
        tags = args.get("tags")
        proxy_name = physical_name(pulumi.get_project(), pulumi.get_stack(), name)

        child = pulumi.ResourceOptions(parent=self)
        # Before the proxy: RDS makes a log group without retention otherwise.
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/rds/proxy/{proxy_name}",
            retention_in_days=LOG_RETENTION_DAYS[Profile(args.get("profile", Profile.DEV))],
            tags=tags,
            opts=child,
        )
        group, clients = self._security_groups(name, network, database, auth, facts.port, tags)
        role, role_policy = self._role(name, database, user, auth, tags)
        proxy = aws.rds.Proxy(
            name,
            name=proxy_name,
            engine_family=facts.proxy_family,
            role_arn=role.arn,
            vpc_subnet_ids=network["subnet_ids"],
            vpc_security_group_ids=[group.id],
            require_tls=True,
            idle_client_timeout=pool.idle_client_timeout,
            debug_logging=False,
            default_auth_scheme="IAM_AUTH" if auth is Auth.IAM_END_TO_END else "NONE",
            auths=[
                aws.rds.ProxyAuthArgs(
                    auth_scheme="SECRETS",
                    iam_auth="REQUIRED" if auth is Auth.IAM else "DISABLED",
                    client_password_auth_type=facts.client_password_auth_type,
                    secret_arn=user["secret_arn"],
                )
            ]
            if "secret_arn" in user
            else None,
            tags=tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[log_group, role_policy],
                # The name is ours (its log group carries it), so a replacement cannot stand beside what it replaces.
                delete_before_replace=True,
            ),
        )
        # A new proxy has neither pool settings nor a target, and nothing in their own inputs says so.
        with_proxy = pulumi.ResourceOptions(parent=self, replace_with=[proxy], delete_before_replace=True)
        target_group = aws.rds.ProxyDefaultTargetGroup(
            name,
            db_proxy_name=proxy.name,
            connection_pool_config=aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(
                max_connections_percent=pool.max_connections_percent,
                max_idle_connections_percent=pool.idle_percent,
                connection_borrow_timeout=pool.connection_borrow_timeout,
            ),
            opts=with_proxy,
        )
        cluster = TargetKind(database["kind"]) is TargetKind.CLUSTER
        target = aws.rds.ProxyTarget(
            name,
            db_proxy_name=proxy.name,
            target_group_name=target_group.name,
            db_cluster_identifier=database["identifier"] if cluster else None,
            db_instance_identifier=None if cluster else database["identifier"],
            opts=with_proxy,
        )

        def registered(value: pulumi.Output[str]) -> pulumi.Output[str]:
            # A proxy without its target answers nobody: whoever takes a host name from here waits for it.
            return pulumi.Output.all(value, target.id).apply(lambda known: str(known[0]))

        self.reference = {
            "name": proxy.name,
            "id": proxy.arn.apply(lambda arn: arn.rsplit(":", 1)[1]),
            "arn": proxy.arn,
            "endpoint": registered(proxy.endpoint),
            "port": facts.port,
            "engine": engine,
            "auth": auth,
            "user": user["user"],
            "database_name": database["database_name"],
            "security_group_id": group.id,
            "client_security_group_id": clients.id,
        }
        if "secret_arn" in user:
            self.reference["secret_arn"] = user["secret_arn"]
        if args.get("reader_endpoint", False):
            self.reference["reader_endpoint"] = registered(
                self._reader_endpoint(name, proxy, network, group, database, tags)
            )
        self.register_outputs({"reference": self.reference})

    def _security_groups(
        self,
        name: str,
        network: NetworkRef,
        database: DatabaseRef,
        auth: Auth,
        port: int,
        tags: pulumi.Input[dict[str, pulumi.Input[str]]] | None,
    ) -> tuple[aws.ec2.SecurityGroup, aws.ec2.SecurityGroup]:
        """The proxy's group and its clients' group: clients → proxy → database, and nothing else."""
        child = pulumi.ResourceOptions(parent=self)
        clients = aws.ec2.SecurityGroup(
            f"{name}-clients",
            vpc_id=network["vpc_id"],
            description="clients of the proxy: may reach it, and nothing else",
            tags=tags,
            opts=child,
        )
        group = aws.ec2.SecurityGroup(
            name,
            vpc_id=network["vpc_id"],
            description="proxy: admits its clients, reaches its database, and nothing else",
            tags=tags,
            opts=child,
        )
        allow_port(
            f"{name}-from-clients",
            client=clients.id,
            server=group.id,
            port=port,
            description="clients reach the proxy",
            opts=child,
        )
        allow_port(
            f"{name}-to-database",
            client=group.id,
            server=database["security_group_id"],
            port=database["port"],
            description="the proxy reaches the database",
            opts=child,
        )
        if auth is Auth.SECRET:
            allow_secrets_manager(
                f"{name}-clients",
                client=clients.id,
                endpoint_group=network.get("secrets_endpoint_security_group_id"),
                opts=child,
            )
        return group, clients

    def _role(
        self,
        name: str,
        database: DatabaseRef,
        user: DatabaseUserRef,
        auth: Auth,
        tags: pulumi.Input[dict[str, pulumi.Input[str]]] | None,
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """The proxy's role: reads the one secret, or (iam-end-to-end) logs in to the database as the one user."""
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(name, assume_role_policy=assume_role_policy("rds.amazonaws.com"), tags=tags, opts=child)
        if auth is Auth.IAM_END_TO_END:
            # The proxy logs in to the database itself, so the grant names the database's id, not the proxy's.
            statement = pulumi.Output.all(role.arn, database["resource_id"], _region(self)).apply(
                lambda known: allow(
                    ["rds-db:connect"],
                    connect_arn(known[0], region=known[2], resource_id=known[1], user=user["user"]),
                )
            )
        else:
            statement = pulumi.Output.from_input(user["secret_arn"]).apply(
                lambda arn: allow(["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], arn)
            )
        role_policy = aws.iam.RolePolicy(
            f"{name}-database-login", role=role.name, policy=statement.apply(lambda only: policy([only])), opts=child
        )
        return role, role_policy

    def _reader_endpoint(
        self,
        name: str,
        proxy: aws.rds.Proxy,
        network: NetworkRef,
        group: aws.ec2.SecurityGroup,
        database: DatabaseRef,
        tags: pulumi.Input[dict[str, pulumi.Input[str]]] | None,
    ) -> pulumi.Output[str]:
        if TargetKind(database["kind"]) is not TargetKind.CLUSTER:
            raise ValueError(
                f'proxy "{name}" has reader_endpoint but its target is an instance; a proxy has readers only behind a '
                "cluster: choose kind cluster with at least 2 instances, or leave reader_endpoint out"
            )
        endpoint = aws.rds.ProxyEndpoint(
            f"{name}-reader",
            db_proxy_name=proxy.name,
            db_proxy_endpoint_name=physical_name(pulumi.get_project(), pulumi.get_stack(), name, "reader"),
            target_role="READ_ONLY",
            vpc_subnet_ids=network["subnet_ids"],
            vpc_security_group_ids=[group.id],
            tags=tags,
            opts=pulumi.ResourceOptions(parent=self, replace_with=[proxy], delete_before_replace=True),
        )
        return endpoint.endpoint


def _region(component: pulumi.ComponentResource) -> pulumi.Output[str]:
    return aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=component)).region


def _checked_pool(name: str, args: DatabaseProxyArgs) -> ConnectionPool:
    given = {key: args[key] for key in ConnectionPool.__dataclass_fields__ if key in args}  # type: ignore[literal-required]
    pool = ConnectionPool(**given)
    problems = pool.problems()
    if problems:
        raise ValueError(f'proxy "{name}": ' + "; ".join(problems))
    others = args.get("other_proxies_percent", 0)
    if others:
        check_total_percent([pool.max_connections_percent, others])
    return pool
