"""RDS Proxy before a database: role, groups, pool, target, and a reader endpoint where there are readers."""

from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from ..adoption import AdoptedProxy, adopting
from ..engines import ENGINES, Auth, Engine, Profile, TargetKind
from ..function.vpc_function import LOG_RETENTION_DAYS
from ..names import physical_name
from ..references import DatabaseRef, DatabaseUserRef, NetworkRef, ProxyRef
from .access import proxy_role, proxy_security_groups
from .connection_pool import ConnectionPool, check_total_percent
from .debug_logging import is_wanted
from .problems import check_users, is_any, password_type


class DatabaseProxyArgs(TypedDict):
    """A new proxy; percents are of the database's max_connections, timeouts are seconds."""

    network: NetworkRef
    """Where it stands: the database's VPC."""
    database: DatabaseRef
    """What it stands before."""
    user: DatabaseUserRef
    """The application's user."""
    more_users: NotRequired[list[DatabaseUserRef]]
    """Other users that may come through it, each with its own secret and its own way to log in."""
    max_connections_percent: NotRequired[int]
    """How much of max_connections it may open, 1–100; default 85. All proxies of a database together: at most 90."""
    max_idle_connections_percent: NotRequired[int]
    """How much it keeps open when idle, 0–max_connections_percent; default half of it."""
    connection_borrow_timeout: NotRequired[int]
    """How long a client waits for a connection, 0–300; default 5, so that the answer comes before a function ends."""
    idle_client_timeout: NotRequired[int]
    """When an idle client is let go, 1–28800; default 1800."""
    init_query: NotRequired[str]
    """SQL that runs once on every new database connection, such as `SET x = 1; SET y = 2`. Whoever may describe the
    target group can read it: no secrets."""
    session_pinning_filters: NotRequired[list[str]]
    """What does not pin, MySQL only: EXCLUDE_VARIABLE_SETS, right only if no function relies on a variable it set."""
    client_password_auth_type: NotRequired[str]
    """How clients with auth secret prove their password; default the family's own, POSTGRES_SCRAM_SHA_256 or
    MYSQL_CACHING_SHA2_PASSWORD."""
    debug_logging_until: NotRequired[str]
    """ISO 8601 time, at most 24 hours ahead, until which the proxy logs SQL text and why it pins; default off."""
    log_retention_days: NotRequired[int]
    """How long its log is kept; default 14 days, prod 90."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key of its log; the key's policy must let CloudWatch Logs use it."""
    extra_clients: NotRequired[dict[str, pulumi.Input[str]]]
    """Security groups that may reach it too, by a name for each, such as {bastion: sg-…}; their way out is theirs."""
    other_proxies_percent: NotRequired[int]
    """What other proxies of the same database already take, in percent; default 0."""
    reader_endpoint: NotRequired[bool]
    """Whether a cluster with readers gets a read-only endpoint; default false."""
    adopted_proxy: NotRequired[AdoptedProxy]
    """A proxy that was made elsewhere and is managed here; it keeps its name, its endpoint and its target."""
    profile: NotRequired[Profile]
    """dev (default) or prod: how long logs are kept."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource."""


class DatabaseProxy(pulumi.ComponentResource):
    """A proxy that demands TLS, may read its users' secrets and nothing else, and never takes the whole database."""

    reference: ProxyRef
    """The proxy, for functions of the application's user; not yet verified."""
    references: dict[str, ProxyRef]
    """The same for every user, by the user's name."""

    def __init__(self, name: str, args: DatabaseProxyArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:DatabaseProxy", name, {}, opts)
        database, network = args["database"], args["network"]
        users = [args["user"], *args.get("more_users", [])]
        facts = ENGINES[Engine(database["engine"])]
        pool = _checked_pool(name, args)
        check_users(name, users)
        client_password_type = password_type(name, args.get("client_password_auth_type"), facts)
        tags = args.get("tags")
        adopted = args.get("adopted_proxy")
        proxy_name = adopted["name"] if adopted else physical_name(pulumi.get_project(), pulumi.get_stack(), name)

        # Before the proxy: RDS makes a log group without retention otherwise.
        log_group = aws.cloudwatch.LogGroup(
            name,
            name=f"/aws/rds/proxy/{proxy_name}",
            retention_in_days=args.get("log_retention_days")
            or LOG_RETENTION_DAYS[Profile(args.get("profile", Profile.DEV))],
            kms_key_id=args.get("log_kms_key_arn"),
            tags=tags,
            opts=_adopting(
                f"{name}-log-group", f"/aws/rds/proxy/{proxy_name}", adopted, pulumi.ResourceOptions(parent=self)
            ),
        )
        group, clients = proxy_security_groups(
            name,
            network=network,
            database=database,
            users=users,
            port=facts.port,
            extra_clients=args.get("extra_clients", {}),
            tags=tags,
            parent=self,
        )
        role, role_policy = proxy_role(name, database=database, users=users, tags=tags, parent=self)
        proxy = aws.rds.Proxy(
            name,
            name=proxy_name,
            engine_family=facts.proxy_family,
            role_arn=_when_there(role.arn, database["identifier"]),
            vpc_subnet_ids=network["subnet_ids"],
            vpc_security_group_ids=[group.id],
            require_tls=True,
            idle_client_timeout=pool.idle_client_timeout,
            debug_logging=is_wanted(args.get("debug_logging_until"), now=datetime.now(UTC)),
            default_auth_scheme="IAM_AUTH" if is_any(users, Auth.IAM_END_TO_END) else "NONE",
            auths=[_auth(user, client_password_type) for user in users if "secret_arn" in user] or None,
            tags=tags,
            opts=_adopting(
                f"{name}-proxy",
                proxy_name,
                adopted,
                pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[log_group, role_policy],
                    # The name is ours (its log group carries it), so a replacement cannot stand beside what it
                    # replaces.
                    delete_before_replace=True,
                ),
            ),
        )
        target = self._target(name, proxy, pool, database, adopted)
        reader = self._reader_endpoint(name, proxy, args, group) if args.get("reader_endpoint", False) else None
        self.references = {
            user["user"]: _reference(proxy, target, database, user, group=group, clients=clients, reader=reader)
            for user in users
        }
        self.reference = self.references[args["user"]["user"]]
        self.register_outputs({"reference": self.reference, "references": self.references})

    def _target(
        self,
        name: str,
        proxy: aws.rds.Proxy,
        pool: ConnectionPool,
        database: DatabaseRef,
        adopted: AdoptedProxy | None,
    ) -> aws.rds.ProxyTarget:
        """The pool's settings and the database behind it."""
        # A new proxy has neither pool settings nor a target, and nothing in their own inputs says so.
        with_proxy = pulumi.ResourceOptions(parent=self, replace_with=[proxy], delete_before_replace=True)
        target_group = aws.rds.ProxyDefaultTargetGroup(
            name,
            db_proxy_name=proxy.name,
            connection_pool_config=aws.rds.ProxyDefaultTargetGroupConnectionPoolConfigArgs(
                max_connections_percent=pool.max_connections_percent,
                max_idle_connections_percent=pool.idle_percent,
                connection_borrow_timeout=pool.connection_borrow_timeout,
                init_query=pool.init_query,
                session_pinning_filters=list(pool.session_pinning_filters) or None,
            ),
            opts=_adopting(f"{name}-target-group", adopted["name"] if adopted else "", adopted, with_proxy),
        )
        cluster = TargetKind(database["kind"]) is TargetKind.CLUSTER
        return aws.rds.ProxyTarget(
            name,
            db_proxy_name=proxy.name,
            target_group_name=target_group.name,
            db_cluster_identifier=database["identifier"] if cluster else None,
            db_instance_identifier=None if cluster else database["identifier"],
            opts=_adopting(f"{name}-target", _target_id(adopted, cluster) if adopted else "", adopted, with_proxy),
        )

    def _reader_endpoint(
        self, name: str, proxy: aws.rds.Proxy, args: DatabaseProxyArgs, group: aws.ec2.SecurityGroup
    ) -> pulumi.Output[str]:
        database = args["database"]
        if TargetKind(database["kind"]) is not TargetKind.CLUSTER:
            raise ValueError(
                f'proxy "{name}" has reader_endpoint but its target is an instance; a proxy has readers only behind a '
                "cluster: choose kind cluster with at least 2 instances, or leave reader_endpoint out"
            )
        if database.get("readers", 1) < 1:
            raise ValueError(
                f'proxy "{name}" has reader_endpoint but its cluster has no reader; a read-only endpoint then refuses '
                "every connection: give the cluster at least 2 instances, or leave reader_endpoint out"
            )
        endpoint = aws.rds.ProxyEndpoint(
            f"{name}-reader",
            db_proxy_name=proxy.name,
            db_proxy_endpoint_name=physical_name(pulumi.get_project(), pulumi.get_stack(), name, "reader"),
            target_role="READ_ONLY",
            vpc_subnet_ids=args["network"]["subnet_ids"],
            vpc_security_group_ids=[group.id],
            tags=args.get("tags"),
            opts=pulumi.ResourceOptions(parent=self, replace_with=[proxy], delete_before_replace=True),
        )
        return endpoint.endpoint


def _adopting(
    name: str, import_id: str, adopted: AdoptedProxy | None, opts: pulumi.ResourceOptions
) -> pulumi.ResourceOptions:
    return adopting("proxy", name, import_id, adopted.get("import_changes") if adopted else None, opts)


def _target_id(adopted: AdoptedProxy, cluster: bool) -> str:
    kind = "TRACKED_CLUSTER" if cluster else "RDS_INSTANCE"
    return f"{adopted['name']}/default/{kind}/{adopted['target_identifier']}"


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
    engine = Engine(database["engine"])
    # A proxy without its target answers nobody: whoever takes a host name from here waits for it.
    reference: ProxyRef = {
        "name": proxy.name,
        "id": proxy.arn.apply(lambda arn: arn.rsplit(":", 1)[1]),
        "arn": proxy.arn,
        "endpoint": _when_there(proxy.endpoint, target.id),
        "port": ENGINES[engine].port,
        "engine": engine,
        "auth": Auth(user["auth"]),
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


def _when_there(value: pulumi.Output[str], other: pulumi.Input[str]) -> pulumi.Output[str]:
    """`value`, once `other` is known too.

    For the proxy's role: the first database of an account makes the service-linked role without which RDS refuses a
    proxy.
    """
    return pulumi.Output.all(value, other).apply(lambda known: str(known[0]))


def _auth(user: DatabaseUserRef, password_type: str) -> aws.rds.ProxyAuthArgs:
    return aws.rds.ProxyAuthArgs(
        auth_scheme="SECRETS",
        iam_auth="REQUIRED" if Auth(user["auth"]) is Auth.IAM else "DISABLED",
        client_password_auth_type=password_type,
        # The provider does not see a change of the type alone (terraform-provider-aws #49544); it sees this one.
        description=f"{user['user']} {password_type}",
        secret_arn=user["secret_arn"],
    )


def _checked_pool(name: str, args: DatabaseProxyArgs) -> ConnectionPool:
    given: dict[str, Any] = {key: args[key] for key in ConnectionPool.__dataclass_fields__ if key in args}  # type: ignore[literal-required]
    given["session_pinning_filters"] = tuple(given.get("session_pinning_filters", ()))
    pool = ConnectionPool(**given)
    problems = pool.problems(Engine(args["database"]["engine"]))
    if problems:
        raise ValueError(f'proxy "{name}": ' + "; ".join(problems))
    others = args.get("other_proxies_percent", 0)
    if others:
        check_total_percent([pool.max_connections_percent, others])
    return pool
