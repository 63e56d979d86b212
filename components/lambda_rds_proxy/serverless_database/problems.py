"""What the parts of a ServerlessDatabase need of each other. Pure.

Runs over whatever was right of what was said, complete or not, so that everything is said at once.
"""

import re
from collections.abc import Iterator
from datetime import datetime

from ..database.args import DatabaseSettings
from ..database.choices import instance_class_of, instances_of
from ..database.problems import adopted_database_problems, database_problems
from ..engines import ENGINES, Auth, Engine, Profile, TargetKind
from ..function.args import FunctionSettings
from ..function.problems import concurrency_problems, functions_problems
from ..names import IDENTIFIER
from ..network.args import NetworkSettings
from ..network.problems import network_problems
from ..preflight.network import needed_addresses
from ..proxy.args import ProxySettings
from ..proxy.problems import proxy_problems
from ..settings.reading import with_defaults
from ..settings.spelling import Spelling
from ..stack.args import StackSettings
from ..user.args import OtherUserSettings, UserSettings
from ..user.problems import name_problems, rotation_problems, timeout_problems, user_problems
from .args import ServerlessDatabaseArgs


def serverless_database_problems(given: ServerlessDatabaseArgs, call: Spelling, *, now: datetime) -> Iterator[str]:
    """Each contradiction as a sentence that names the settings and the fix."""
    network, proxy, user = given.get("network", {}), given.get("proxy", {}), given.get("user", {})
    yield from network_problems(network, call, needed=addresses_by_taker(given))
    yield from _databases(given, call)
    engine, kind, readers = target_of(given)
    facts = ENGINES[engine]
    yield from proxy_problems(proxy, call, facts=facts, kind=kind, readers=readers, now=now)
    if proxy.get("endpoint_network_type", "IPV4") != "IPV4" and "vpc_id" not in network:
        yield (
            f"{call('proxy.endpoint_network_type')} is {proxy['endpoint_network_type']}; a new VPC has no IPv6 "
            f"networks, give {call('network.vpc_id')} and {call('network.subnet_ids')} of one that has"
        )
    yield from user_problems(user, call, engine=engine, facts=facts)
    yield from _users(given, call, engine)
    users = list(auths_of(given))
    borrow_timeout = with_defaults(ProxySettings, proxy)["connection_borrow_timeout"]
    for name, function in given.get("functions", {}).items():
        yield from functions_problems(name, function, call, borrow_timeout=borrow_timeout, users=users)
    limit = given.get("stack", {}).get("account_concurrent_executions")
    yield from concurrency_problems(given.get("functions", {}), call, limit=limit)


def target_of(given: ServerlessDatabaseArgs) -> tuple[Engine, TargetKind, int | None]:
    """(engine, kind, readers beside the writer) of the database that the proxy stands in front of."""
    new = with_defaults(DatabaseSettings, given.get("database", {}))
    if "existing_database" in given:
        existing = given["existing_database"]
        return existing.get("engine", new["engine"]), existing.get("kind", new["kind"]), existing.get("readers")
    return new["engine"], new["kind"], instances_of(new, profile_of(given)) - 1


def auths_of(given: ServerlessDatabaseArgs) -> dict[str, Auth]:
    """How each user logs in, by name, the application's first."""
    main = with_defaults(UserSettings, given.get("user", {}))
    others = {
        name: with_defaults(OtherUserSettings, user)["auth"]
        for name, user in given.get("users", {}).items()
        if name != main["database_user"]
    }
    return {main["database_user"]: main["auth"], **others}


def longest_timeout(given: ServerlessDatabaseArgs, user: str) -> int | None:
    """Seconds that the slowest of the functions that are a user may run; None if none is."""
    application = with_defaults(UserSettings, given.get("user", {}))["database_user"]
    its = [each for each in given["functions"].values() if each.get("user", application) == user]
    return max((with_defaults(FunctionSettings, each)["timeout"] for each in its), default=None)


def profile_of(given: ServerlessDatabaseArgs) -> Profile:
    """dev or prod."""
    return with_defaults(StackSettings, given.get("stack", {}))["profile"]


def reads_secrets(given: ServerlessDatabaseArgs) -> bool:
    """Whether anything in the VPC reads a secret: the admin function, a client, or the rotation."""
    user = with_defaults(UserSettings, given.get("user", {}))
    known = "existing_database" not in given or "admin_secret_arn" in given["existing_database"]
    return (user["bootstrap"] and known) or Auth.SECRET in auths_of(given).values() or "rotation_days" in user


def addresses_by_taker(given: ServerlessDatabaseArgs) -> dict[str, int]:
    """Addresses that a stack takes in its VPC, by what takes them."""
    network, new = with_defaults(NetworkSettings, given.get("network", {})), given.get("database", {})
    kind, user = target_of(given)[1], with_defaults(UserSettings, given.get("user", {}))
    is_there = "existing_database" in given or "database" in given.get("adopted", {})
    standby = kind is TargetKind.INSTANCE and profile_of(given) is Profile.PROD
    secrets = sum(auth is not Auth.IAM_END_TO_END for auth in auths_of(given).values())
    # Functions of the same groups share an interface in each subnet: Lambda Developer Guide, "Hyperplane ENIs".
    groups = 1 + user["bootstrap"] + (secrets if "rotation_days" in user else 0)
    reader = with_defaults(ProxySettings, given.get("proxy", {}))["reader_endpoint"]
    subnets = network.get("subnet_ids")
    places = len(subnets) if isinstance(subnets, list) else network["zones"]
    endpoint = network.get("secrets_endpoint", "vpc_id" not in network and reads_secrets(given))
    largest = (
        given["existing_database"].get("instance_class") if "existing_database" in given else instance_class_of(new)
    )
    return {
        "the proxy": needed_addresses(largest, extra_endpoints=int(reader)),
        "the database": 0 if is_there else instances_of(new, profile_of(given)) + standby,
        "functions": groups * places,
        "the Secrets Manager endpoint": places * endpoint,
    }


def _databases(given: ServerlessDatabaseArgs, call: Spelling) -> Iterator[str]:
    new, network = given.get("database", {}), given.get("network", {})
    existing, adopted = given.get("existing_database"), given.get("adopted", {})
    profile = profile_of(given)
    existing_name, adopted_name = call("existing_database"), call("adopted.database")
    subnets = f"{call('network.vpc_id')} and {call('network.subnet_ids')}"
    if existing is None:
        yield from database_problems(new, call, profile=profile)
    else:
        for field in new:
            yield f"{call(f'database.{field}')} is for a new database; leave it out when {existing_name} names one"
        if "max_connections" not in existing:
            yield f"{call('existing_database.max_connections')} is missing; the connection budget needs it"
    for name, there in ((existing_name, existing), (adopted_name, adopted.get("database"))):
        if there is not None and "vpc_id" not in network:
            yield f"{name} needs {subnets}: a proxy stands in the VPC of its database"
    if "database" in adopted:
        if existing is not None:
            yield (f"{adopted_name} and {existing_name}; a database is managed here or elsewhere, give one of them")
        yield from adopted_database_problems(adopted["database"], new, call, profile=profile)
    elif "proxy" in adopted and existing is None:
        yield (
            f"{call('adopted.proxy')} stands in front of a database that is there; give {adopted_name} or "
            f"{existing_name}"
        )
    for part in given.get("import_changes", {}):
        if part not in adopted:
            yield (
                f"{call(f'import_changes.{part}')} is there without {call(f'adopted.{part}')}; say what is to be "
                "imported"
            )


def _users(given: ServerlessDatabaseArgs, call: Spelling, engine: Engine) -> Iterator[str]:
    user, users = given.get("user", {}), given.get("users", {})
    main, label = with_defaults(UserSettings, user)["database_user"], call("users")
    for name in users:
        if name == main:
            own = call("user.database_user")
            yield f'{label} has the name "{name}", which is {own} already; every user needs a name of its own'
        elif not re.fullmatch(IDENTIFIER, name):
            yield f'{label} has the name "{name}"; it must be a lower-case identifier such as reporting'
        else:
            yield from name_problems(name, label, engine=engine, facts=ENGINES[engine])
            yield from timeout_problems(users[name], call, f"users.{name}", facts=ENGINES[engine])
    yield from rotation_problems(user, call, auths=list(auths_of(given).values()))
