"""Lambda → RDS Proxy → RDS as one component: the order in which the others are put together."""

from collections.abc import Mapping
from typing import cast

import pulumi

from ..adoption import fail_preview_after
from ..database.choices import DEFAULT_ENGINE
from ..database.component import Database, DatabaseArgs
from ..engines import ENGINES, Auth, Engine, Profile, TargetKind
from ..engines.instance_classes import LOWEST_ACU
from ..function.component import DatabaseFunction, DatabaseFunctionArgs
from ..monitor.component import Monitor, MonitorArgs
from ..network.component import ZONES, Network, NetworkArgs
from ..proxy.component import DatabaseProxy, DatabaseProxyArgs
from ..proxy.connection_pool import ConnectionPool
from ..proxy.verification import ProxyVerification
from ..references import DatabaseRef, DatabaseUserRef, NetworkRef, ProxyRef
from ..user.component import DatabaseUser, DatabaseUserArgs
from .args import FunctionArgs, ServerlessDatabaseArgs
from .budget import ConnectionBudget, connection_budget
from .cost import MonthlyCost, monthly_cost


class ServerlessDatabase(pulumi.ComponentResource):
    """A database that functions cannot overload: network, database, user, proxy, verification, functions, monitor."""

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
    """The CloudWatch dashboard of proxy, database and functions."""

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
        functions = {
            function["name"]: DatabaseFunction(
                function["name"], _function_args(args, function, network, verification), child
            )
            for function in args["functions"]
        }
        monitor = Monitor(name, _monitor_args(args, made.reference, database, functions), child)

        self.proxy = verification.reference
        self.functions = {key: function.function_name for key, function in functions.items()}
        self.proxy_endpoint = pulumi.Output.from_input(made.reference["endpoint"])
        self.database_endpoint = pulumi.Output.from_input(database["endpoint"])
        self.secret_arn = pulumi.Output.from_input(users[0]["secret_arn"]) if "secret_arn" in users[0] else None
        self.dashboard_url = monitor.dashboard_url
        self._budget = connection_budget(
            max_connections=database["max_connections"],
            percent=args.get("max_connections_percent", ConnectionPool.max_connections_percent),
            reserved_concurrency=[(each["name"], each.get("reserved_concurrency")) for each in args["functions"]],
        )
        if self._budget.warning:
            pulumi.log.warn(self._budget.warning, self)
        fail_preview_after(pulumi.Output.all(*self.functions.values(), made.reference["endpoint"]))
        self._cost = _cost(args, network, database, monitor)
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


def _monitor_args(
    args: ServerlessDatabaseArgs, proxy: ProxyRef, database: DatabaseRef, functions: Mapping[str, DatabaseFunction]
) -> MonitorArgs:
    references = {key: function.reference for key, function in functions.items()}
    return cast(
        MonitorArgs, {**_given(args, MonitorArgs), "proxy": proxy, "database": database, "functions": references}
    )


def _cost(args: ServerlessDatabaseArgs, network: NetworkRef, database: DatabaseRef, monitor: Monitor) -> MonthlyCost:
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
        metrics_of_alarms=monitor.metrics_of_alarms(),
        functions=len(args["functions"]),
    )


def _instance_class(args: ServerlessDatabaseArgs) -> str:
    facts = ENGINES[_engine(args)]
    kind = TargetKind(args.get("kind", TargetKind.INSTANCE))
    return args.get("instance_class", facts.target(kind).default_instance_class)


def _engine(args: ServerlessDatabaseArgs) -> Engine:
    return Engine(args["database"]["engine"] if "database" in args else args.get("engine", DEFAULT_ENGINE))


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
    if "adopted_database" in args and "vpc_id" not in args:
        problems.append("adopted_database needs vpc_id and subnet_ids: a proxy stands in the VPC of its database")
    if "adopted_proxy" in args and not {"adopted_database", "database"} & args.keys():
        problems.append("adopted_proxy stands before a database that is there; give adopted_database or database")
    if problems:
        raise ValueError(f'"{name}": ' + "; ".join(problems))


def _given(args: Mapping[str, object], part: type) -> dict[str, object]:
    """Those arguments of the whole that a part takes under the same name."""
    return {key: value for key, value in args.items() if key in part.__annotations__}
