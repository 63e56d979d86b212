from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import ENGINES, Engine, TargetKind
from lambda_rds_proxy.proxy.args import ProxySettings
from lambda_rds_proxy.proxy.problems import proxy_problems
from lambda_rds_proxy.settings.spelling import ARGUMENTS

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def problems(settings: ProxySettings) -> list[str]:
    facts = ENGINES[Engine.POSTGRESQL]
    return list(proxy_problems(settings, ARGUMENTS, facts=facts, kind=TargetKind.INSTANCE, readers=None, now=NOW))


def test_the_defaults_have_no_problems() -> None:
    assert problems({}) == []


@given(st.integers(1, 100), st.integers(0, 100))
def test_a_proxy_never_keeps_more_connections_than_it_may_take(percent: int, idle: int) -> None:
    found = problems({"max_connections_percent": percent, "max_idle_connections_percent": idle})
    assert bool(found) is (idle > percent)


@given(st.integers(1, 100), st.integers(1, 100))
def test_proxies_of_one_database_share_at_most_90_percent(percent: int, others: int) -> None:
    found = problems({"max_connections_percent": percent, "other_proxies_percent": others})
    assert [f"{percent} + {others} = {percent + others} %" in each for each in found] == [True] * (
        percent + others > 90
    )


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=400)))
def test_debug_logging_beyond_what_aws_keeps_is_refused(ahead: timedelta) -> None:
    found = problems({"debug_logging_until": (NOW + ahead).isoformat()})
    assert ["so it must be before 2026-11-26T12:00Z" in each for each in found] == [True] * (
        ahead > timedelta(hours=24)
    )


def test_all_problems_are_said_at_once() -> None:
    found = problems(
        {
            "max_idle_connections_percent": 90,
            "session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"],
            "client_password_auth_type": "MYSQL_NATIVE_PASSWORD",
            "reader_endpoint": True,
        }
    )
    assert len(found) == 4


@pytest.mark.parametrize("readers", [None, 1])
def test_a_cluster_may_have_a_reader_endpoint_unless_it_is_known_to_have_no_reader(readers: int | None) -> None:
    facts = ENGINES[Engine.POSTGRESQL]
    settings: ProxySettings = {"reader_endpoint": True}
    cluster = TargetKind.CLUSTER
    assert not [*proxy_problems(settings, ARGUMENTS, facts=facts, kind=cluster, readers=readers, now=NOW)]
    assert [*proxy_problems(settings, ARGUMENTS, facts=facts, kind=cluster, readers=0, now=NOW)]
