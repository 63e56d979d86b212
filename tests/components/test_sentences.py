"""Whoever wrote arguments reads the names of arguments, and whoever wrote keys reads keys, in every sentence."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, is_typeddict

import pulumi
import pytest

from lambda_rds_proxy.database.component import Database
from lambda_rds_proxy.function.args import FunctionSettings
from lambda_rds_proxy.function.component import DatabaseFunction
from lambda_rds_proxy.monitor.component import Monitor
from lambda_rds_proxy.network.component import Network
from lambda_rds_proxy.proxy.component import DatabaseProxy
from lambda_rds_proxy.proxy.verification import ProxyVerification
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.budget import connection_budget
from lambda_rds_proxy.serverless_database.problems import serverless_database_problems
from lambda_rds_proxy.settings.reading import ArgumentsError, Reader, plain
from lambda_rds_proxy.settings.spelling import ARGUMENTS, CONFIG, SPELLING, Spelling, camel_case
from lambda_rds_proxy.user.component import DatabaseUser
from tests.components.declarations import typed_dicts
from tests.components.declared import declare

NOW = datetime(2026, 11, 25, tzinfo=UTC)
FIELDS = {field for kinds in typed_dicts().values() for kind in kinds for field in kind.__annotations__}
# Keys that no argument is called by, and arguments that no key is called by.
KEYS = {key for field in FIELDS for key in (camel_case(field), CONFIG.step(field))} - FIELDS
ARGUMENT_NAMES = {field for field in FIELDS if "_" in field} - {"max_connections"}  # also the server's own parameter

VPC = {"vpc_id": "vpc-0", "subnet_ids": ["subnet-1", "subnet-2"]}
FUNCTIONS = {"api": {"path": "api"}}
EXISTING: dict[str, Any] = {
    "engine": "postgresql",
    "kind": "instance",
    "identifier": "orders",
    "endpoint": "orders.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "database_name": "orders",
    "resource_id": "db-A",
    "security_group_id": "sg-0",
}
ADOPTED: dict[str, Any] = {"identifier": "orders", "subnet_group_name": "shop", "security_group_ids": ["sg-0"]}
# Each breaks at least one rule of a whole.
CONTRADICTIONS: list[dict[str, Any]] = [
    {"functions": {"app": {"path": ".", "alarms": ["concurrency-nearly-used-up"]}}},
    {"network": {"vpc_id": "vpc-0"}},
    {"network": {**VPC, "vpc_cidr": "10.0.0.0/16", "zones": 3}},
    {"network": {**VPC, "secrets_endpoint": True, "secrets_endpoint_security_group_id": "sg-0"}},
    {"network": {"secrets_endpoint_security_group_id": "sg-0", "preflight": True}},
    {"network": {"vpc_cidr": "10.0.0.0/24"}, "database": {"instance_class": "db.r6g.4xlarge"}},
    {"database": {"instances": 2}},
    {"database": {"kind": "cluster", "instances": 1}, "stack": {"profile": "prod"}},
    {"database": {"backup_retention_days": 1}, "stack": {"profile": "prod"}},
    {"database": {"instance_class": "db.serverless"}},
    {"database": {"instance_class": "db.serverless", "kind": "cluster", "min_capacity": 9, "max_capacity": 2}},
    {"database": {"min_capacity": 1}},
    {"database": {"kind": "cluster", "instance_class": "db.t4g.micro"}},
    {"database": {"parameters": {"rds.force_ssl": "0", "max_connections": "5"}}},
    {"database": {"engine": "mysql", "parameters": {"require_secure_transport": "OFF"}}},
    {"database": {"port": 6000}, "existing_database": EXISTING, "network": VPC},
    {"existing_database": EXISTING},
    {"existing_database": {**EXISTING, "max_connections": 400}, "adopted": {"database": ADOPTED}, "network": VPC},
    {"adopted": {"database": ADOPTED}},
    {"adopted": {"database": ADOPTED}, "database": {"kind": "cluster", "instances": 2}, "network": VPC},
    {"adopted": {"database": {**ADOPTED, "instance_identifiers": ["a"]}}, "network": VPC},
    {"adopted": {"proxy": {"name": "orders"}}},
    {"import_changes": {"database": [], "proxy": []}},
    {"proxy": {"max_connections_percent": 40, "max_idle_connections_percent": 41}},
    {"proxy": {"max_connections_percent": 85, "other_proxies_percent": 10}},
    {"proxy": {"session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"]}},
    {"proxy": {"session_pinning_filters": ["ALL"]}, "database": {"engine": "mysql"}},
    {"proxy": {"client_password_auth_type": "MYSQL_NATIVE_PASSWORD"}},
    {"proxy": {"debug_logging_until": "2030-01-01T00:00Z"}},
    {"proxy": {"reader_endpoint": True}},
    {"proxy": {"connection_borrow_timeout": 60}},
    {"functions": {"api": {"path": "api", "environment": {"DB_HOST": "x", "AWS_REGION": "y"}}}},
    {"functions": {"api": {"path": "api", "lambda_arguments": {"role": "x", "runtime": "y", "tagz": {}}}}},
    {"functions": {"api": {"path": "api", "user": "nobody"}}},
    {
        "functions": {"api": {"path": "api", "reserved_concurrency": 5}},
        "stack": {"account_concurrent_executions": 10},
    },
    {"functions": {"no good name": {"path": "api"}}},
    {"user": {"database_user": "rdsadmin"}},
    {"user": {"database_user": "u" * 33}, "database": {"engine": "mysql"}},
    {"user": {"auth": "iam-end-to-end", "rotation_days": 30}},
    {
        "database": {"engine": "mysql"},
        "user": {"statement_timeout": 60},
        "users": {"reporting": {"idle_in_transaction_session_timeout": 60}},
    },
    {"users": {"app": {}, "Not A Name": {}, "rdsadmin": {}}},
]
# Nothing is of its type, everything is out of range, and a name at the wrong place.
NOTHINGS: list[Any] = [object(), "", " ", 10**9, -1, [], {}, ["x"], {"x": "y"}, {"subnet_idz": 1}]


def sentences(given: dict[str, Any], call: Spelling) -> list[str]:
    reader = Reader(call)
    read = reader.structure(ServerlessDatabaseArgs, {"functions": FUNCTIONS, **given})
    return [*reader.problems, *serverless_database_problems(read, call, now=NOW)]


def names_in(sentence: str, names: set[str]) -> set[str]:
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", sentence)) & names


def bad_values(kind: Any) -> Iterator[dict[str, Any]]:
    """A structure with a wrong value in one field at a time."""
    for field in kind.__annotations__:
        for nothing in NOTHINGS:
            yield {field: nothing}
    yield from ({unknown: 1} for unknown in ("max_conections_percent", "profile", "colour", "vpc_id", "reserved"))


@pytest.mark.parametrize("given", CONTRADICTIONS, ids=str)
def test_a_contradiction_is_told_in_the_names_of_whoever_wrote_it(given: dict[str, Any]) -> None:
    arguments, config = sentences(given, ARGUMENTS), sentences(given, CONFIG)
    assert arguments
    assert len(arguments) == len(config)
    assert [(each, names_in(each, KEYS)) for each in arguments if names_in(each, KEYS)] == []
    assert [(each, names_in(each, ARGUMENT_NAMES)) for each in config if names_in(each, ARGUMENT_NAMES)] == []


def test_every_rule_of_a_whole_is_broken_by_one_of_them() -> None:
    """So a rule that comes is tried in both spellings as well."""
    said = {re.sub(r"[\"\d].*", "", each) for given in CONTRADICTIONS for each in sentences(given, ARGUMENTS)}
    assert len(said) >= 30


KINDS = {part: plain(annotation)[0] for part, annotation in ServerlessDatabaseArgs.__annotations__.items()}


@pytest.mark.parametrize("part", KINDS)
def test_a_wrong_value_is_told_by_the_name_of_its_argument(part: str) -> None:
    wrong = [*NOTHINGS, *(bad_values(KINDS[part]) if is_typeddict(KINDS[part]) else ())]
    told = [each for given in wrong for each in sentences({part: given}, ARGUMENTS)]
    assert len(told) > 5
    assert [(each, names_in(each, KEYS)) for each in told if names_in(each, KEYS)] == []


def test_a_wrong_value_of_a_function_is_told_by_the_name_of_its_argument() -> None:
    told = [
        each for given in bad_values(FunctionSettings) for each in sentences({"functions": {"a": given}}, ARGUMENTS)
    ]
    assert len(told) > 50
    assert [(each, names_in(each, KEYS)) for each in told if names_in(each, KEYS)] == []


@pytest.mark.parametrize("reserved", [None, 5000])
def test_what_the_budget_says_is_told_in_the_names_of_whoever_reads_it(reserved: int | None) -> None:
    budget = connection_budget(
        max_connections=100, percent=85, reserved_concurrency=[("api", reserved)], vcpus=1, sessions_per_vcpu=50
    )
    in_arguments = [*budget.warnings(ARGUMENTS), budget.notice(ARGUMENTS) or ""]
    in_keys = [*budget.warnings(CONFIG), budget.notice(CONFIG) or ""]
    assert "reserved_concurrency" in in_arguments[0] and not names_in(" ".join(in_arguments), KEYS)
    assert "reservedConcurrency" in in_keys[0] and not names_in(" ".join(in_keys), ARGUMENT_NAMES)


NETWORK: dict[str, Any] = {"vpc_id": "vpc-0", "subnet_ids": ["subnet-1", "subnet-2"]}
DATABASE: dict[str, Any] = {**EXISTING, "max_connections": 400}
USER: dict[str, Any] = {
    "user": "app",
    "auth": "iam",
    "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a",
}
PROXY: dict[str, Any] = {
    "name": "orders",
    "id": "prx-0",
    "arn": "arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0",
    "auth": "iam",
    "endpoint": "orders.proxy-a.eu-west-1.rds.amazonaws.com",
    "port": 5432,
    "engine": "postgresql",
    "user": "app",
    "database_name": "orders",
    "security_group_id": "sg-0",
    "client_security_group_id": "sg-1",
}
# What a component used alone is given beside its settings, and the part of a whole that these are.
ALONE: dict[Callable[..., Any], tuple[str, dict[str, Any]]] = {
    Network: ("network", {}),
    Database: ("database", {"network": NETWORK}),
    DatabaseUser: ("user", {"network": NETWORK, "database": DATABASE}),
    DatabaseProxy: ("proxy", {"network": NETWORK, "database": DATABASE, "user": USER}),
    ProxyVerification: ("verification", {"proxy": PROXY, "user": USER}),
    DatabaseFunction: ("function", {"network": NETWORK, "proxy": PROXY, "settings": {"path": "api"}}),
    Monitor: ("monitor", {"proxy": PROXY, "database": DATABASE}),
}


def wrong_arguments(part: str, right: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Arguments of a component, each wrong in one place, or with settings that contradict each other."""
    kinds = {kind.__name__: kind for kinds in typed_dicts().values() for kind in kinds}
    settings = kinds.get(f"{part.capitalize()}Settings")
    yield {"max_connections_percent": 5, "colour": "x", **right}
    for field in right:
        yield {key: value for key, value in right.items() if key != field}
        yield {**right, field: "x"}
        yield from ({**right, field: {**right[field], inner: " "}} for inner in right[field])
    if settings:
        yield from ({**right, "settings": {**right.get("settings", {}), **given}} for given in bad_values(settings))
    for given in CONTRADICTIONS:
        if part in given or part in given.get("adopted", {}):
            found = {"settings": given.get(part, {}), "stack": given.get("stack", {})}
            own = given.get("adopted", {}).get(part)
            yield {**right, **found, **({"adopted": own} if own else {})}


@pytest.mark.parametrize("component", ALONE, ids=lambda component: component.__name__)
def test_a_component_alone_tells_what_is_wrong_in_the_names_of_its_own_arguments(component: Callable[..., Any]) -> None:
    assert SPELLING.get().alone
    part, right = ALONE[component]
    told: list[str] = []

    def program() -> None:
        for index, args in enumerate(wrong_arguments(part, right)):
            with suppress(pulumi.RunError):
                try:
                    component(f"x{index}", args)
                except ArgumentsError as error:
                    told.append(str(error))

    declare(program)
    assert len(told) > 10
    for error in told:
        assert names_in(error, KEYS) == set(), error
        assert not re.search(r"\b(functions|users|import_changes|adopted\.(database|proxy))\.", error), error
        assert part in right or not re.search(rf"\b{part}\.[a-z]", error), error
