"""What the proxies of each database may take: sums, AWS's default, secrets, both providers."""

from pathlib import Path
from typing import Any

import pytest

from ops.survey.exports import read_export
from ops.survey.percents import database_percents
from tests.ops.survey.states import PROXY, encrypted, export, proxy, resource, written

ORDERS = "dbInstanceIdentifier orders"


def percents(folder: Path, *resources: dict[str, Any]) -> list[tuple[str | None, str]]:
    found = database_percents(read_export(written(folder, export(*resources))).resources)
    return [(each.database, str(each)) for each in found]


def test_one_proxy_shows_its_percent(tmp_path: Path) -> None:
    assert percents(tmp_path, *proxy("a", 85)) == [(ORDERS, "85")]


def test_proxies_of_one_database_are_summed(tmp_path: Path) -> None:
    assert percents(tmp_path, *proxy("a", 50), *proxy("b", 45.5)) == [(ORDERS, "50 + 45.5 = 95.5")]


def test_proxies_of_different_databases_are_not(tmp_path: Path) -> None:
    found = percents(tmp_path, *proxy("a", 50), *proxy("b", 45, database="users"))
    assert found == [(ORDERS, "50"), ("dbInstanceIdentifier users", "45")]


def test_a_proxy_without_a_target_group_has_awss_default_and_no_sum_is_made_up(tmp_path: Path) -> None:
    assert percents(tmp_path, *proxy("a"), *proxy("b", 40)) == [(ORDERS, "AWS's default + 40")]


def test_a_percent_that_is_encrypted_is_unknown(tmp_path: Path) -> None:
    assert percents(tmp_path, *proxy("a", encrypted())) == [(ORDERS, "unknown")]


def test_a_database_of_this_stack_is_its_urn_however_its_proxies_name_it(tmp_path: Path) -> None:
    database = resource("aws:rds/instance:Instance", "database", identifier="orders")
    by_dependency = proxy("a", 50)
    by_dependency[-1]["propertyDependencies"] = {"dbInstanceIdentifier": [database["urn"]]}
    found = percents(tmp_path, database, *by_dependency, *proxy("b", 45))
    assert found == [(database["urn"], "50 + 45 = 95")]


def test_a_proxy_without_a_target_is_shown_alone(tmp_path: Path) -> None:
    assert percents(tmp_path, *proxy("a", 85, database=None)) == [(None, "85")]


def test_a_reader_endpoint_shares_the_percent_of_its_proxy(tmp_path: Path) -> None:
    endpoint = resource("aws:rds/proxyEndpoint:ProxyEndpoint", "reader", dbProxyName="a", name="reader")
    assert percents(tmp_path, *proxy("a", 85), endpoint) == [(ORDERS, "85")]


def test_what_the_provider_answered_counts_where_the_program_states_nothing(tmp_path: Path) -> None:
    resources = proxy("a", 0)
    resources[1] |= {"inputs": {"dbProxyName": "a"}}
    resources[1]["outputs"] = {"dbProxyName": "a", "connectionPoolConfig": {"maxConnectionsPercent": 100}}
    assert percents(tmp_path, *resources) == [(ORDERS, "100")]


@pytest.mark.parametrize("percent", [85, "85", 85.0])
def test_aws_native_is_read_too(tmp_path: Path, percent: Any) -> None:
    native = [
        resource("aws-native:rds:DbProxy", "a", dbProxyName="a"),
        resource(
            "aws-native:rds:DbProxyTargetGroup",
            "a",
            dbProxyName="a",
            dbClusterIdentifiers=["orders"],
            connectionPoolConfigurationInfo={"maxConnectionsPercent": percent},
        ),
    ]
    assert percents(tmp_path, *native) == [("dbClusterIdentifier orders", "85")]


def test_a_stack_without_proxies_has_nothing_to_show(tmp_path: Path) -> None:
    assert percents(tmp_path) == []
    assert percents(tmp_path, resource(PROXY, "a", name="a")) == [(None, "AWS's default")]
