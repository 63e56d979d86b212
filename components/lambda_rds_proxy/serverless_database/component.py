"""Lambda → RDS Proxy → RDS as one component: the order in which the others are put together."""

from datetime import UTC, datetime
from typing import cast

import pulumi
import pulumi_aws as aws

from ..adoption import refusing_imports
from ..database.args import DatabaseArgs, DatabaseSettings
from ..database.choices import instance_class_of
from ..database.component import Database
from ..engines import Auth, Profile, TargetKind
from ..engines.instance_classes import SERVERLESS, vcpus, vcpus_of_capacity
from ..function.component import DatabaseFunction
from ..monitor.component import Monitor
from ..names import SECRET
from ..network.args import NetworkSettings
from ..network.component import Network
from ..proxy.args import DatabaseProxyArgs, ProxySettings
from ..proxy.component import DatabaseProxy
from ..proxy.verification import ProxyVerification
from ..references import DatabaseRef, DatabaseUserRef, NetworkRef, ProxyRef
from ..settings.reading import read, with_defaults
from ..settings.spelling import SPELLING
from ..stack.args import StackSettings
from ..stack_names import own_name
from ..user.args import TIMEOUTS, DatabaseUserArgs, UserSettings
from ..user.component import DatabaseUser
from .args import ServerlessDatabaseArgs
from .budget import ConnectionBudget, connection_budget
from .cost import MonthlyCost, monthly_cost
from .problems import auths_of, longest_timeout, profile_of, reads_secrets, serverless_database_problems


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
        token = SPELLING.set(SPELLING.get().whole())
        try:
            self._make(name, args)
        finally:
            SPELLING.reset(token)

    def _make(self, name: str, args: ServerlessDatabaseArgs) -> None:
        now = datetime.now(UTC)
        args = read(
            ServerlessDatabaseArgs,
            args,
            name,
            problems=lambda given, call: serverless_database_problems(given, call, now=now),
        )
        child, stack = pulumi.ResourceOptions(parent=self), args.get("stack", {})
        proxy_settings = with_defaults(ProxySettings, args.get("proxy", {}))

        with refusing_imports() as fail_preview_after:
            network = _network(name, args, child)
            database = args.get("existing_database") or _database(name, args, network, child)
            users = _users(name, args, network, database, child)
            made = _proxy(name, args, network, database, users, child)
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
                key: DatabaseFunction(
                    key,
                    {
                        "network": network,
                        "proxy": verification.references[settings.get("user", users[0]["user"])],
                        "settings": settings,
                        "stack": stack,
                    },
                    child,
                )
                for key, settings in args["functions"].items()
            }
            monitor = Monitor(
                name,
                {
                    "proxy": made.reference,
                    "database": database,
                    "functions": {key: function.reference for key, function in functions.items()},
                    "settings": args.get("monitor", {}),
                    "stack": stack,
                },
                child,
            )
            self.functions = {key: function.function_name for key, function in functions.items()}
            fail_preview_after(pulumi.Output.all(*self.functions.values(), made.reference["endpoint"]))

        self.proxy = verification.reference
        self.proxy_endpoint = pulumi.Output.from_input(made.reference["endpoint"])
        self.database_endpoint = pulumi.Output.from_input(database["endpoint"])
        self.secret_arn = pulumi.Output.from_input(users[0]["secret_arn"]) if "secret_arn" in users[0] else None
        self.dashboard_url = monitor.dashboard_url
        self._budget = connection_budget(
            max_connections=database["max_connections"],
            percent=proxy_settings["max_connections_percent"],
            reserved_concurrency=[
                (key, settings.get("reserved_concurrency")) for key, settings in args["functions"].items()
            ],
            account_limit=stack.get("account_concurrent_executions"),
            vcpus=_vcpus(args, database),
            sessions_per_vcpu=with_defaults(StackSettings, stack)["sessions_per_vcpu"],
        )
        for warning in self._budget.warnings(SPELLING.get()):
            pulumi.log.warn(warning, self)
        notice = self._budget.notice(SPELLING.get())
        if notice:
            pulumi.log.info(notice, self)
        self._cost = self._said_cost(args, network, database, monitor)
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

    def monthly_cost(self) -> MonthlyCost | None:
        """What proxy, database and endpoints cost per month, by list price; None where it is switched off."""
        return self._cost

    def _said_cost(
        self, args: ServerlessDatabaseArgs, network: NetworkRef, database: DatabaseRef, monitor: Monitor
    ) -> MonthlyCost | None:
        if not with_defaults(ServerlessDatabaseArgs, args)["monthly_cost"]:
            return None
        cost = _cost(args, network, database, monitor)
        region = aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region
        region.apply(lambda code: pulumi.log.info(cost.sentence(region=code), self))
        return cost


def _network(name: str, args: ServerlessDatabaseArgs, opts: pulumi.ResourceOptions) -> NetworkRef:
    settings = args.get("network", {})
    if "vpc_id" not in settings and "secrets_endpoint" not in settings:
        settings = {**settings, "secrets_endpoint": reads_secrets(args)}
    largest = args["existing_database"].get("instance_class") if "existing_database" in args else _class_of_new(args)
    proxy = with_defaults(ProxySettings, args.get("proxy", {}))
    return Network(
        name,
        {
            "settings": settings,
            "stack": args.get("stack", {}),
            "extra_endpoints": int(proxy["reader_endpoint"]),
            "secrets": _secrets(name, args),
            **({"instance_class": largest} if largest else {}),
        },
        opts,
    ).reference


def _secrets(name: str, args: ServerlessDatabaseArgs) -> list[pulumi.Input[str]]:
    """The secrets of this stack, by the beginnings of their names, which are the same before and after more are made.

    AWS puts six characters behind a name; Pulumi seven digits before, unless we state it.
    """
    users = [name, *(f"{name}-{user}" for user in args.get("users", {}))]
    stated = [own_name(SECRET, each) for each in users]
    named: list[pulumi.Input[str]] = [f"{name}-*", *(f"{each}-??????" for each in stated if each is not None)]
    if "existing_database" not in args:
        kind = with_defaults(DatabaseSettings, args.get("database", {}))["kind"]
        # Those that RDS makes: RDS User Guide, "Password management with Amazon RDS and AWS Secrets Manager".
        return [*named, f"rds!{'cluster' if kind is TargetKind.CLUSTER else 'db'}-*"]
    master = args["existing_database"].get("admin_secret_arn")
    return named if master is None else [*named, master]


def _database(
    name: str, args: ServerlessDatabaseArgs, network: NetworkRef, opts: pulumi.ResourceOptions
) -> DatabaseRef:
    made: DatabaseArgs = {
        "network": network,
        "settings": args.get("database", {}),
        "stack": args.get("stack", {}),
        "iam_database_authentication": Auth.IAM_END_TO_END in auths_of(args).values(),
    }
    if "database" in args.get("adopted", {}):
        made["adopted"] = args["adopted"]["database"]
        if "database" in args.get("import_changes", {}):
            made["import_changes"] = args["import_changes"]["database"]
    return Database(name, made, opts).reference


def _users(
    name: str,
    args: ServerlessDatabaseArgs,
    network: NetworkRef,
    database: DatabaseRef,
    opts: pulumi.ResourceOptions,
) -> list[DatabaseUserRef]:
    """The application's user first; the others are made by the same admin function."""
    application, others, made = args.get("user", {}), args.get("users", {}), list[DatabaseUserRef]()
    shared = {field: value for field, value in application.items() if field not in TIMEOUTS}
    for user, auth in auths_of(args).items():
        own_settings = others.get(user, {}) if made else application
        settings = cast(UserSettings, {**shared, **own_settings, "database_user": user, "auth": auth})
        if auth is Auth.IAM_END_TO_END:  # it has no password
            settings.pop("rotation_days", None)
        own: DatabaseUserArgs = {
            "network": network,
            "database": database,
            "settings": settings,
            "stack": args.get("stack", {}),
        }
        longest = longest_timeout(args, user)
        if longest is not None:
            own["longest_function_timeout"] = longest
        if made and "admin_function_name" in made[0]:
            own["admin"] = made[0]
        made.append(DatabaseUser(f"{name}-{user}" if made else name, own, opts).reference)
    return made


def _proxy(
    name: str,
    args: ServerlessDatabaseArgs,
    network: NetworkRef,
    database: DatabaseRef,
    users: list[DatabaseUserRef],
    opts: pulumi.ResourceOptions,
) -> DatabaseProxy:
    made: DatabaseProxyArgs = {
        "network": network,
        "database": database,
        "user": users[0],
        "more_users": users[1:],
        "settings": args.get("proxy", {}),
        "stack": args.get("stack", {}),
    }
    adopted = args.get("adopted", {})
    if "proxy" in adopted:
        made["adopted"] = adopted["proxy"]
        if "database" in adopted:
            made["adopted"] = {"target_identifier": adopted["database"]["identifier"], **adopted["proxy"]}
        if "proxy" in args.get("import_changes", {}):
            made["import_changes"] = args["import_changes"]["proxy"]
    return DatabaseProxy(name, made, opts)


def _cost(args: ServerlessDatabaseArgs, network: NetworkRef, database: DatabaseRef, monitor: Monitor) -> MonthlyCost:
    subnets, settings = network["subnet_ids"], with_defaults(NetworkSettings, args.get("network", {}))
    new = with_defaults(DatabaseSettings, args.get("database", {}))
    proxy = with_defaults(ProxySettings, args.get("proxy", {}))
    return monthly_cost(
        kind=database["kind"],
        instance_class=database.get("instance_class"),
        instances=database.get("readers", 0) + 1,
        min_acu=new["min_capacity"],
        new_database="existing_database" not in args,
        multi_az=profile_of(args) is Profile.PROD,
        storage_gib=new["storage_gib"],
        proxy_endpoints=int(proxy["reader_endpoint"]),
        secrets_endpoint=settings.get("secrets_endpoint", "vpc_id" not in settings and reads_secrets(args)),
        zones=len(subnets) if isinstance(subnets, list) else settings["zones"],
        metrics_of_alarms=monitor.metrics_of_alarms(),
        functions=len(args["functions"]),
    )


def _vcpus(args: ServerlessDatabaseArgs, database: DatabaseRef) -> float | None:
    """vCPUs of the writer, at the highest capacity of a serverless one; None where they are not known."""
    instance_class = database.get("instance_class")
    if instance_class == SERVERLESS:
        # The capacity of one that is there already stands in no setting.
        highest = with_defaults(DatabaseSettings, args.get("database", {}))["max_capacity"]
        return None if "existing_database" in args else vcpus_of_capacity(highest)
    return None if instance_class is None else vcpus(instance_class)


def _class_of_new(args: ServerlessDatabaseArgs) -> str:
    return instance_class_of(args.get("database", {}))
