"""Resources that Pulumi makes of Terraform's: children of a module, and those of a provider bridged at run time."""

from typing import Any

import pytest

from rds_proxy_guard.resources import Kind, kind_of, pulumis_name, terraforms_name
from tests.policies.analyzed import SENTINEL, Resource, analyze, blocking, policies
from tests.policies.resources import DIRECT, PROXIED, database, proxy

VALUE, GRAPH = "lambda-uses-rds-proxy", "lambda-uses-rds-proxy-graph"


def module_function(variables: Any, feeds: Any = None, **more: Any) -> Resource:
    """A function in a module: Terraform's names, blocks as lists, and what else the module adds."""
    inputs = {
        "__address": "module.api.aws_lambda_function.this[0]",
        "function_name": "api",
        "environment": [{"variables": variables}],
        **more,
    }
    return Resource("lambda:tf:aws_lambda_function", "api", inputs, inputs, feeds or {})


def test_a_modules_functions_are_judged_by_value() -> None:
    assert blocking(analyze([module_function({"DB_HOST": DIRECT})])) == {VALUE}
    assert analyze([module_function({"DB_HOST": PROXIED})]) == []
    found = policies(analyze([module_function({"DB_PASSWORD": "correct-horse", "db_pool_size": "9"})]))
    assert found == {"lambda-database-credentials", "lambda-connection-pool"}


def test_a_modules_functions_are_judged_by_the_graph() -> None:
    db, through = database(), proxy()
    unknown = {"DB_HOST": SENTINEL}
    assert blocking(analyze([db, module_function(unknown, {"environment": [db]})])) == {GRAPH}
    assert GRAPH not in policies(analyze([through, module_function(unknown, {"environment": [through]})]))


def test_a_modules_database_proxy_and_target_group_are_what_they_are() -> None:
    db = Resource("rds:tf:aws_db_instance", "db", {"identifier": "orders", "engine": "postgres"})
    assert blocking(analyze([db, module_function({"DB_HOST": SENTINEL}, {"environment": [db]})])) == {GRAPH}
    oracle = Resource("rds:tf:aws_db_instance", "db", {"identifier": "orders", "engine": "oracle-ee"})
    assert analyze([oracle, module_function({"DB_HOST": DIRECT})]) == []
    through = Resource(
        "rds-proxy:tf:aws_db_proxy",
        "proxy",
        {"name": "orders", "engine_family": "POSTGRESQL", "require_tls": False, "auth": [{"secret_arn": "arn"}]},
    )
    pool = Resource(
        "rds-proxy:tf:aws_db_proxy_default_target_group",
        "pool",
        {"db_proxy_name": "orders", "connection_pool_config": [{"max_connections_percent": 95}]},
    )
    assert policies(analyze([through, pool])) == {"rds-proxy-settings", "rds-proxy-max-connections"}


def test_a_modules_rules_are_read() -> None:
    group = Resource("sg:tf:aws_security_group", "db", {}, {"id": "sg-0"})
    rule = Resource(
        "sg:tf:aws_vpc_security_group_ingress_rule",
        "world",
        {
            "security_group_id": "sg-0",
            "cidr_ipv4": "0.0.0.0/0",
            "ip_protocol": "tcp",
            "from_port": 5432,
            "to_port": 5432,
        },
    )
    db = Resource("rds:tf:aws_db_instance", "orders", {"engine": "postgres", "vpc_security_group_ids": ["sg-0"]})
    through = Resource("p:tf:aws_db_proxy", "p", {"name": "p", "vpc_security_group_ids": ["sg-1"]})
    target = Resource("p:tf:aws_db_proxy_target", "t", {"db_proxy_name": "p"}, feeds={"db_instance_identifier": [db]})
    assert "rds-proxy-network" in policies(analyze([group, rule, db, through, target]))


def test_a_bridged_providers_types_are_those_of_terraform() -> None:
    given = {"environment": {"variables": {"DB_HOST": DIRECT}}}
    assert blocking(analyze([Resource("aws:index/lambdaFunction:LambdaFunction", "fn", given)])) == {VALUE}
    db = Resource("aws:index/dbInstance:DbInstance", "db", {"engine": "postgres"})
    unknown = Resource(
        "aws:index/lambdaFunction:LambdaFunction",
        "fn",
        {"environment": {"variables": {"DB_HOST": SENTINEL}}},
        {"environment": SENTINEL},
        {"environment": [db]},
    )
    assert blocking(analyze([db, unknown])) == {GRAPH}


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("vpc:tf:aws_db_proxy_endpoint", Kind.PROXY_ENDPOINT),
        ("my-module:tf:aws_route53_record", Kind.DNS_RECORD),
        ("aws:index/rdsCluster:RdsCluster", Kind.DATABASE),
        ("terraform-aws:index/ssmParameter:SsmParameter", Kind.PARAMETER),
        ("vpc:tf:aws_vpc", None),
        ("vpc:tf:google_sql_database_instance", None),
        ("alicloud:index/dbInstance:DbInstance", None),
        ("tf:aws_db_instance", None),
        ("", None),
    ],
)
def test_a_type_is_known_by_its_form(token: str, kind: Kind | None) -> None:
    assert kind_of(token) is kind


@pytest.mark.parametrize("name", ["db_proxy_default_target_group", "vpc_security_group_ids", "id", "cidr_ipv4"])
def test_names_go_both_ways(name: str) -> None:
    assert terraforms_name(pulumis_name(name)) == name
