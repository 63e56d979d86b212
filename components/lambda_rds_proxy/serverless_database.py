"""Lambda → RDS Proxy → RDS as one component: the order in which the others are put together."""

from collections.abc import Mapping
from typing import NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from .aurora_capacity import LOWEST_ACU
from .connection_budget import ConnectionBudget, connection_budget
from .connection_pool import ConnectionPool
from .database import Database, DatabaseArgs
from .database_function import DatabaseFunction, DatabaseFunctionArgs
from .database_proxy import DatabaseProxy, DatabaseProxyArgs
from .database_user import DatabaseUser, DatabaseUserArgs
from .engines import ENGINES, Auth, Engine, Profile, TargetKind
from .monthly_cost import MonthlyCost, monthly_cost
from .network import ZONES, Network, NetworkArgs
from .proxy_verification import ProxyVerification
from .references import DatabaseRef, DatabaseUserRef, NetworkRef, ProxyRef


class FunctionArgs(TypedDict):
    """One function of a ServerlessDatabase; see DatabaseFunctionArgs."""

    name: str
    """Logical name, unique among the functions."""
    path: str
    """Folder with its source."""
    user: NotRequired[str]
    """Which user it connects as; default the application's user."""
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
    tracing: NotRequired[bool]
    """Whether X-Ray traces it; default false."""


class UserArgs(TypedDict):
    """One more user of the database, with its own secret and grants."""

    name: str
    """Name of the user."""
    auth: NotRequired[Auth]
    """iam (default), iam-end-to-end or secret."""


class ServerlessDatabaseArgs(TypedDict):
    """Everything has a default but the functions; names and meanings are those of the parts' own arguments."""

    functions: list[FunctionArgs]
    """The functions that use the database."""
    profile: NotRequired[Profile]
    """dev (default), or prod: protects what holds data."""
    database: NotRequired[DatabaseRef]
    """An existing database, with its max_connections; the arguments of a new one are then left out."""
    engine: NotRequired[Engine]
    """postgresql (default) or mysql."""
    engine_version: NotRequired[str]
    """Version of the engine; the default is pinned."""
    kind: NotRequired[TargetKind]
    """instance (default) or cluster."""
    instance_class: NotRequired[str]
    """DB instance class, or db.serverless; default db.t4g.micro, of a cluster db.t4g.medium."""
    instances: NotRequired[int]
    """Instances of a cluster; default 1, prod 2."""
    min_capacity: NotRequired[float]
    """Lowest capacity of db.serverless in ACU; default 0.5."""
    max_capacity: NotRequired[float]
    """Highest capacity of db.serverless in ACU; default 4."""
    storage_gib: NotRequired[int]
    """Storage of an instance in GiB; default 20."""
    database_name: NotRequired[str]
    """Database of the application; default app_db."""
    port: NotRequired[int]
    """Port of the database; default the engine's own."""
    max_connections: NotRequired[int]
    """Overrides what RDS derives from the instance class."""
    parameters: NotRequired[dict[str, str]]
    """More parameters of the server."""
    backup_retention_days: NotRequired[int]
    """Days of automated backups; default 1, prod 7."""
    snapshot_identifier: NotRequired[str]
    """Snapshot to restore from, for as long as the database lives."""
    kms_key_arn: NotRequired[str]
    """Customer managed key of storage and secrets; default AWS's own keys."""
    performance_insights: NotRequired[bool]
    """Whether Performance Insights is on; default true where the class has it."""
    database_user: NotRequired[str]
    """User of the application; default app."""
    auth: NotRequired[Auth]
    """iam (default), iam-end-to-end or secret."""
    users: NotRequired[list[UserArgs]]
    """More users, for functions that are not to share the application's."""
    rotation_days: NotRequired[int]
    """Days after which every user's password is changed; default never."""
    vpc_cidr: NotRequired[str]
    """IPv4 network of a new VPC; default 10.0.0.0/16."""
    zones: NotRequired[int]
    """Availability zones of a new VPC, 2–6; default 2."""
    vpc_id: NotRequired[str]
    """Existing VPC, with subnet_ids."""
    subnet_ids: NotRequired[list[str]]
    """At least two subnets of the existing VPC, in different zones."""
    secrets_endpoint: NotRequired[bool]
    """Whether an endpoint for Secrets Manager is made; default: in a new VPC, when something there reads a secret."""
    secrets_endpoint_security_group_id: NotRequired[str]
    """Security group of the endpoint that an existing VPC has already."""
    preflight: NotRequired[bool]
    """Whether existing subnets are checked first, which reads AWS at preview; default false."""
    max_connections_percent: NotRequired[int]
    """Share of max_connections the proxy may take, 1–100; default 85."""
    max_idle_connections_percent: NotRequired[int]
    """Share it keeps when idle; default half of it."""
    other_proxies_percent: NotRequired[int]
    """Share that other proxies of the same database take; default 0."""
    connection_borrow_timeout: NotRequired[int]
    """Seconds a client waits for a connection, 0–300; default 5."""
    idle_client_timeout: NotRequired[int]
    """Seconds until an idle client is let go, 1–28800; default 1800."""
    init_query: NotRequired[str]
    """SQL that runs once on every new database connection."""
    session_pinning_filters: NotRequired[list[str]]
    """What does not pin, MySQL only."""
    reader_endpoint: NotRequired[bool]
    """Whether the proxy of a cluster gets a read-only endpoint."""
    extra_clients: NotRequired[dict[str, str]]
    """Security groups that may reach the proxy too, by a name for each."""
    debug_logging_until: NotRequired[str]
    """Time until which the proxy logs SQL text, at most 24 hours ahead."""
    log_retention_days: NotRequired[int]
    """How long logs of proxy and functions are kept; default 14 days, prod 90."""
    log_kms_key_arn: NotRequired[str]
    """Customer managed key of these logs."""
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
        _check(name, args)

        network = Network(name, _network_args(args), child).reference
        database = args.get("database") or Database(name, _database_args(args, network), child).reference
        users = _users(name, args, network, database, child)
        made = DatabaseProxy(name, _proxy_args(args, network, database, users), child)
        verification = ProxyVerification(
            name,
            {
                "proxy": made.reference,
                "user": users[0],
                "more_users": [made.references[user["user"]] for user in users[1:]],
            },
            child,
        )
        self.functions = {
            function["name"]: DatabaseFunction(
                function["name"], _function_args(args, function, network, verification), child
            ).function_name
            for function in args["functions"]
        }

        self.proxy = verification.reference
        self.proxy_endpoint = pulumi.Output.from_input(made.reference["endpoint"])
        self.database_endpoint = pulumi.Output.from_input(database["endpoint"])
        self.secret_arn = pulumi.Output.from_input(users[0]["secret_arn"]) if "secret_arn" in users[0] else None
        self.dashboard_url = self._dashboard_url(made.reference)
        self._budget = connection_budget(
            max_connections=database["max_connections"],
            percent=args.get("max_connections_percent", ConnectionPool.max_connections_percent),
            reserved_concurrency=[(each["name"], each.get("reserved_concurrency")) for each in args["functions"]],
        )
        if self._budget.warning:
            pulumi.log.warn(self._budget.warning, self)
        self._cost = _cost(args, network, database)
        pulumi.log.info(self._cost.sentence(), self)
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

    def monthly_cost(self) -> MonthlyCost:
        """What proxy, database and endpoints cost per month, by list price."""
        return self._cost

    def _dashboard_url(self, proxy: ProxyRef) -> pulumi.Output[str]:
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        return pulumi.Output.all(region, proxy["name"]).apply(
            lambda known: (
                f"https://{known[0]}.console.aws.amazon.com/rds/home?region={known[0]}#proxy:id={known[1]};tab=monitoring"
            )
        )


def _network_args(args: ServerlessDatabaseArgs) -> NetworkArgs:
    given = _given(args, NetworkArgs)
    given.pop("preflight", None)
    if "vpc_id" not in args:
        given.setdefault("secrets_endpoint", _reads_secrets(args))
    elif args.get("preflight", False):
        known = args.get("database", {})
        given["preflight"] = {
            "instance_class": known.get("instance_class") or _instance_class(args),
            "extra_endpoints": int(args.get("reader_endpoint", False)),
        }
    return cast(NetworkArgs, given)


def _database_args(args: ServerlessDatabaseArgs, network: NetworkRef) -> DatabaseArgs:
    end_to_end = Auth.IAM_END_TO_END in _auths(args)
    return cast(
        DatabaseArgs,
        {"network": network, "iam_database_authentication": end_to_end, **_given(args, DatabaseArgs)},
    )


def _users(
    name: str,
    args: ServerlessDatabaseArgs,
    network: NetworkRef,
    database: DatabaseRef,
    opts: pulumi.ResourceOptions,
) -> list[DatabaseUserRef]:
    """The application's user first; the others are made by the same admin function."""
    shared = {
        "network": network,
        "database": database,
        "architecture": args.get("admin_architecture", "arm64"),
        **_given(args, DatabaseUserArgs),
    }
    if "kms_key_arn" in args:
        shared["secret_kms_key_arn"] = args["kms_key_arn"]
    main = {**shared, "user": args.get("database_user", "app")}
    if _auths(args)[0] is Auth.IAM_END_TO_END:
        main.pop("rotation_days", None)
    users = [DatabaseUser(name, cast(DatabaseUserArgs, main), opts).reference]
    for user in args.get("users", []):
        auth = Auth(user.get("auth", Auth.IAM))
        own = {**shared, "user": user["name"], "auth": auth}
        if "admin_function_name" in users[0]:
            own["admin"] = users[0]
        if auth is Auth.IAM_END_TO_END:
            own.pop("rotation_days", None)
        users.append(DatabaseUser(f"{name}-{user['name']}", cast(DatabaseUserArgs, own), opts).reference)
    return users


def _proxy_args(
    args: ServerlessDatabaseArgs, network: NetworkRef, database: DatabaseRef, users: list[DatabaseUserRef]
) -> DatabaseProxyArgs:
    parts = {"network": network, "database": database, "user": users[0], "more_users": users[1:]}
    return cast(DatabaseProxyArgs, {**parts, **_given(args, DatabaseProxyArgs), "database": database})


def _function_args(
    args: ServerlessDatabaseArgs, function: FunctionArgs, network: NetworkRef, verification: ProxyVerification
) -> DatabaseFunctionArgs:
    user = function.get("user")
    return cast(
        DatabaseFunctionArgs,
        {
            "network": network,
            "proxy": verification.references[user] if user else verification.reference,
            **_given(args, DatabaseFunctionArgs),
            **_given(function, DatabaseFunctionArgs),
        },
    )


def _cost(args: ServerlessDatabaseArgs, network: NetworkRef, database: DatabaseRef) -> MonthlyCost:
    subnets = network["subnet_ids"]
    existing_vpc = "vpc_id" in args
    return monthly_cost(
        kind=TargetKind(database["kind"]),
        instance_class=database.get("instance_class"),
        instances=database.get("readers", 0) + 1,
        min_acu=args.get("min_capacity", LOWEST_ACU),
        new_database="database" not in args,
        multi_az=Profile(args.get("profile", Profile.DEV)) is Profile.PROD,
        storage_gib=args.get("storage_gib", 20),
        proxy_endpoints=int(args.get("reader_endpoint", False)),
        secrets_endpoint=args.get("secrets_endpoint", not existing_vpc and _reads_secrets(args)),
        zones=len(subnets) if isinstance(subnets, list) else ZONES,
    )


def _instance_class(args: ServerlessDatabaseArgs) -> str:
    facts = ENGINES[_engine(args)]
    kind = TargetKind(args.get("kind", TargetKind.INSTANCE))
    return args.get("instance_class", facts.target(kind).default_instance_class)


def _engine(args: ServerlessDatabaseArgs) -> Engine:
    return Engine(args["database"]["engine"] if "database" in args else args.get("engine", Engine.POSTGRESQL))


def _auths(args: ServerlessDatabaseArgs) -> list[Auth]:
    """How the users log in, the application's first."""
    first = Auth(args.get("auth", Auth.IAM))
    return [first, *(Auth(user.get("auth", Auth.IAM)) for user in args.get("users", []))]


def _reads_secrets(args: ServerlessDatabaseArgs) -> bool:
    """Whether anything in the VPC reads a secret: the admin function, a client, or the rotation."""
    known = "database" not in args or "admin_secret_arn" in args["database"]
    bootstrap = args.get("bootstrap", True) and known
    return bootstrap or Auth.SECRET in _auths(args) or "rotation_days" in args


def _check(name: str, args: ServerlessDatabaseArgs) -> None:
    borrow = args.get("connection_borrow_timeout", ConnectionPool.connection_borrow_timeout)
    users = [args.get("database_user", "app"), *(user["name"] for user in args.get("users", []))]
    problems = []
    for function in args["functions"]:
        timeout = function.get("timeout", 15)
        if borrow >= timeout:
            problems.append(
                f"connection_borrow_timeout is {borrow} but the timeout of function {function['name']} is {timeout} s; "
                "it must be below it, or the function is ended before the proxy can answer"
            )
        if function.get("user", users[0]) not in users:
            problems.append(
                f"function {function['name']} has user {function['user']}; the users are {', '.join(users)}"
            )
    if "database" in args:
        if "max_connections" not in args["database"]:
            problems.append("database has no max_connections; state it, for the connection budget")
        if "vpc_id" not in args:
            problems.append("database needs vpc_id and subnet_ids: a proxy stands in the VPC of its database")
    if problems:
        raise ValueError(f'"{name}": ' + "; ".join(problems))


def _given(args: Mapping[str, object], part: type) -> dict[str, object]:
    """Those arguments of the whole that a part takes under the same name."""
    return {key: value for key, value in args.items() if key in part.__annotations__}
