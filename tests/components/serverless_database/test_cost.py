from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import TargetKind
from lambda_rds_proxy.serverless_database.cost import MonthlyCost, monthly_cost

SMALL: dict[str, Any] = {
    "kind": TargetKind.INSTANCE,
    "instance_class": "db.t4g.micro",
    "instances": 1,
    "min_acu": None,
    "new_database": True,
    "multi_az": False,
    "storage_gib": 20,
    "proxy_endpoints": 0,
    "secrets_endpoint": True,
    "zones": 2,
    "metrics_of_alarms": 0,
    "functions": 0,
}
WATCHED = {"alarms": 0.5, "dashboard": 3.0}


def cost(**choices: Any) -> MonthlyCost:
    return monthly_cost(**{**SMALL, **choices})


def test_the_smallest_stack_costs_its_instance_storage_two_vcpus_of_proxy_and_the_endpoint() -> None:
    assert cost().lines == {"database": 11.68, "storage": 2.3, "proxy": 21.9, "secretsEndpoint": 14.6, **WATCHED}
    assert cost().total == 53.98


def test_a_standby_costs_the_instance_and_its_storage_again_and_the_proxy_nothing_more() -> None:
    one, two = cost(), cost(multi_az=True)
    assert two.lines["database"] == 2 * (one.lines["database"] or 0)
    assert two.lines["storage"] == 2 * (one.lines["storage"] or 0)
    assert two.lines["proxy"] == one.lines["proxy"]


def test_a_cluster_costs_every_instance_at_auroras_price_and_no_storage_ahead() -> None:
    cluster = cost(kind=TargetKind.CLUSTER, instance_class="db.r7g.large", instances=2)
    assert cluster.lines["database"] == round(0.276 * 2 * 730, 2)
    assert "storage" not in cluster.lines


def test_a_proxy_in_front_of_a_cluster_costs_the_vcpus_of_every_instance() -> None:
    cluster = cost(kind=TargetKind.CLUSTER, instance_class="db.r6g.xlarge", instances=3)
    assert cluster.lines["proxy"] == round(0.015 * 4 * 3 * 730, 2)


def test_a_proxy_in_front_of_a_serverless_cluster_costs_eight_units_at_least() -> None:
    serverless: dict[str, Any] = {"kind": TargetKind.CLUSTER, "instance_class": "db.serverless"}
    assert cost(**serverless, min_acu=0.5).lines["proxy"] == round(0.015 * 8 * 730, 2)
    assert cost(**serverless, min_acu=16, instances=2).lines["proxy"] == round(0.015 * 32 * 730, 2)
    assert cost(**serverless, min_acu=0.5).lines["database"] == round(0.12 * 0.5 * 730, 2)


def test_an_existing_database_is_paid_for_elsewhere() -> None:
    assert set(cost(new_database=False, secrets_endpoint=False).lines) == {"proxy", *WATCHED}


def test_alarms_cost_by_what_they_read_and_functions_by_the_metrics_of_their_handler() -> None:
    watched = cost(metrics_of_alarms=14, functions=2)
    assert watched.lines["alarms"] == round(14 * 0.1 + 0.5, 2)
    assert watched.lines["customMetrics"] == round((6 + 2) * 0.3, 2)
    assert "customMetrics" not in cost().lines


def test_an_extra_endpoint_of_the_proxy_is_an_interface_endpoint_in_every_zone() -> None:
    assert cost(proxy_endpoints=1, zones=3).lines["readerEndpoint"] == round(0.01 * 3 * 730, 2)


def test_a_price_that_is_not_in_the_table_makes_the_sum_unknown_rather_than_wrong() -> None:
    unknown = cost(instance_class="db.x2g.large")
    assert unknown.lines["database"] is None
    assert unknown.total is None
    assert "database unknown" in unknown.sentence(region="us-east-1")
    assert cost(instance_class=None).lines["proxy"] is None


@given(st.integers(20, 65_536), st.integers(0, 20), st.integers(2, 6), st.booleans())
def test_the_sum_is_that_of_its_lines(storage: int, endpoints: int, zones: int, secrets: bool) -> None:
    found = cost(storage_gib=storage, proxy_endpoints=endpoints, zones=zones, secrets_endpoint=secrets)
    assert found.total == pytest.approx(sum(value or 0 for value in found.lines.values()), abs=0.01)
    assert found.as_output()["total"] == found.total


def test_another_region_than_that_of_the_prices_is_said_in_the_same_line() -> None:
    assert cost().sentence(region="us-east-1").endswith("list prices of us-east-1, 2026-06")
    assert (
        cost()
        .sentence(region="eu-west-1")
        .endswith("list prices of us-east-1, not of eu-west-1, where this stack is, 2026-06")
    )
