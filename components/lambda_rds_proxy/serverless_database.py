"""Lambda → RDS Proxy → RDS as one component: the order in which the others are put together."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from .connection_budget import ConnectionBudget, connection_budget
from .connection_pool import ConnectionPool
from .database import Database, DatabaseArgs
from .database_function import DatabaseFunction, DatabaseFunctionArgs
from .database_proxy import DatabaseProxy, DatabaseProxyArgs
from .database_user import DatabaseUser, DatabaseUserArgs
from .engines import Auth, Engine, Profile, TargetKind
from .network import Network, NetworkArgs
from .proxy_verification import ProxyVerification
from .references import ProxyRef


class FunctionArgs(TypedDict):
    """One function of a ServerlessDatabase; see DatabaseFunctionArgs."""

    name: str
    """Logical name, unique among the functions."""
    path: str
    """Folder with its source."""
    handler: NotRequired[str]
    """module.function; default app.handler."""
    memory: NotRequired[int]
    """MB; default 256."""
    timeout: NotRequired[int]
    """Seconds, above the borrow timeout; default 15."""
    reserved_concurrency: NotRequired[int]
    """How many environments may run at once."""
    architecture: NotRequired[str]
    """arm64 (default) or x86_64."""
    environment: NotRequired[dict[str, str]]
    """More environment variables."""


class ServerlessDatabaseArgs(TypedDict):
    """Everything has a default but the functions; names and meanings are those of the parts' own arguments."""

    functions: list[FunctionArgs]
    """The functions that use the database."""
    profile: NotRequired[Profile]
    """dev (default), or prod: protects what holds data."""
    engine: NotRequired[Engine]
    """postgresql (default) or mysql."""
    engine_version: NotRequired[str]
    """Version of the engine; the default is pinned."""
    kind: NotRequired[TargetKind]
    """instance (default) or cluster."""
    instance_class: NotRequired[str]
    """DB instance class; default db.t4g.micro."""
    instances: NotRequired[int]
    """Instances of a cluster; default 1."""
    storage_gib: NotRequired[int]
    """Storage of an instance in GiB; default 20."""
    database_name: NotRequired[str]
    """Database of the application; default app_db."""
    database_user: NotRequired[str]
    """User of the application; default app."""
    auth: NotRequired[Auth]
    """iam (default), iam-end-to-end or secret."""
    vpc_cidr: NotRequired[str]
    """IPv4 network of a new VPC; default 10.0.0.0/16."""
    vpc_id: NotRequired[str]
    """Existing VPC, with subnet_ids."""
    subnet_ids: NotRequired[list[str]]
    """At least two subnets of the existing VPC, in different zones."""
    max_connections_percent: NotRequired[int]
    """Share of max_connections the proxy may take, 1–100; default 85."""
    max_idle_connections_percent: NotRequired[int]
    """Share it keeps when idle; default half of it."""
    connection_borrow_timeout: NotRequired[int]
    """Seconds a client waits for a connection, 0–300; default 5."""
    idle_client_timeout: NotRequired[int]
    """Seconds until an idle client is let go, 1–28800; default 1800."""
    reader_endpoint: NotRequired[bool]
    """Whether the proxy of a cluster gets a read-only endpoint."""
    bootstrap: NotRequired[bool]
    """Whether to make the application's user; default true."""
    python: NotRequired[str]
    """Python of the functions; default 3.13."""
    admin_architecture: NotRequired[str]
    """Architecture of the admin function; default arm64."""
    tags: NotRequired[dict[str, str]]
    """Tags of every resource."""


class ServerlessDatabase(pulumi.ComponentResource):
    """A database that functions cannot overload: network, database, user, proxy, verification, functions."""

    proxy: ProxyRef
    """The verified proxy."""
    proxy_endpoint: pulumi.Output[str]
    """Host name of the proxy."""
    database_endpoint: pulumi.Output[str]
    """Host name of the database: for administrators, never for functions."""
    secret_arn: pulumi.Output[str] | None
    """Secret of the application's user; absent for iam-end-to-end."""
    functions: dict[str, pulumi.Output[str]]
    """Logical name → function name."""
    dashboard_url: pulumi.Output[str]
    """The proxy's page in the RDS console."""

    def __init__(self, name: str, args: ServerlessDatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("lambda-rds-proxy:index:ServerlessDatabase", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        auth = Auth(args.get("auth", Auth.IAM))
        bootstrap = args.get("bootstrap", True)
        self._check_timeouts(name, args)

        network_args = cast(
            NetworkArgs, {"secrets_endpoint": bootstrap or auth is Auth.SECRET, **_given(args, NetworkArgs)}
        )
        network = Network(name, network_args, child).reference
        database_args = cast(
            DatabaseArgs,
            {
                "network": network,
                "iam_database_authentication": auth is Auth.IAM_END_TO_END,
                **_given(args, DatabaseArgs),
            },
        )
        database = Database(name, database_args, child).reference
        user_args = cast(
            DatabaseUserArgs,
            {
                "network": network,
                "database": database,
                "user": args.get("database_user", "app"),
                "architecture": args.get("admin_architecture", "arm64"),
                **_given(args, DatabaseUserArgs),
            },
        )
        user = DatabaseUser(name, user_args, child).reference
        proxy_args = cast(
            DatabaseProxyArgs,
            {
                "network": network,
                "database": database,
                "user": user,
                **_given(args, DatabaseProxyArgs),
            },
        )
        proxy = DatabaseProxy(name, proxy_args, child).reference
        verified = ProxyVerification(name, {"proxy": proxy, "user": user}, child).reference
        self.functions = {}
        for function in args["functions"]:
            function_args = cast(
                DatabaseFunctionArgs,
                {
                    "network": network,
                    "proxy": verified,
                    "path": function["path"],
                    **_given(args, DatabaseFunctionArgs),
                    **_given(function, DatabaseFunctionArgs),
                },
            )
            self.functions[function["name"]] = DatabaseFunction(function["name"], function_args, child).function_name

        self.proxy = verified
        self.proxy_endpoint = pulumi.Output.from_input(proxy["endpoint"])
        self.database_endpoint = pulumi.Output.from_input(database["endpoint"])
        self.secret_arn = pulumi.Output.from_input(user["secret_arn"]) if "secret_arn" in user else None
        self.dashboard_url = self._dashboard_url(proxy)
        self._budget = connection_budget(
            max_connections=database["max_connections"],
            percent=args.get("max_connections_percent", ConnectionPool.max_connections_percent),
            reserved_concurrency=[(each["name"], each.get("reserved_concurrency")) for each in args["functions"]],
        )
        if self._budget.warning:
            pulumi.log.warn(self._budget.warning, self)
        self.register_outputs(
            {
                "proxy": self.proxy,
                "proxy_endpoint": self.proxy_endpoint,
                "database_endpoint": self.database_endpoint,
                "secret_arn": self.secret_arn,
                "functions": self.functions,
                "dashboard_url": self.dashboard_url,
            }
        )

    def connection_budget(self) -> ConnectionBudget:
        """How many connections the functions can ask for, against what the proxy may open."""
        return self._budget

    def _dashboard_url(self, proxy: ProxyRef) -> pulumi.Output[str]:
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        return pulumi.Output.all(region, proxy["name"]).apply(
            lambda known: (
                f"https://{known[0]}.console.aws.amazon.com/rds/home?region={known[0]}#proxy:id={known[1]};tab=monitoring"
            )
        )

    @staticmethod
    def _check_timeouts(name: str, args: ServerlessDatabaseArgs) -> None:
        borrow = args.get("connection_borrow_timeout", ConnectionPool.connection_borrow_timeout)
        for function in args["functions"]:
            timeout = function.get("timeout", 15)
            if borrow >= timeout:
                raise ValueError(
                    f'"{name}": connection_borrow_timeout is {borrow} but the timeout of function {function["name"]} '
                    f"is {timeout} s; it must be below it, or the function is ended before the proxy can answer"
                )


def _given(args: Mapping[str, object], part: type) -> dict[str, object]:
    """Those arguments of the whole that a part takes under the same name."""
    return {key: value for key, value in args.items() if key in part.__annotations__}
