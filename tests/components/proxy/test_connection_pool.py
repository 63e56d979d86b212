import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.proxy.connection_pool import ConnectionPool, check_total_percent


def test_the_defaults_have_no_problems() -> None:
    assert ConnectionPool().problems(Engine.POSTGRESQL) == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"max_connections_percent": 0}, "maxConnectionsPercent is 0"),
        ({"max_connections_percent": 101}, "maxConnectionsPercent is 101"),
        ({"max_connections_percent": 40, "max_idle_connections_percent": 41}, "maxIdleConnectionsPercent is 41"),
        ({"max_idle_connections_percent": -1}, "maxIdleConnectionsPercent is -1"),
        ({"connection_borrow_timeout": 301}, "borrowTimeout is 301"),
        ({"connection_borrow_timeout": -1}, "borrowTimeout is -1"),
        ({"idle_client_timeout": 0}, "idleClientTimeout is 0"),
        ({"idle_client_timeout": 28_801}, "idleClientTimeout is 28801"),
    ],
)
def test_a_value_out_of_range_is_named(settings: dict[str, int], named: str) -> None:
    (problem,) = ConnectionPool(**settings).problems(Engine.POSTGRESQL)  # type: ignore[arg-type]
    assert problem.startswith(named)


def test_all_problems_are_reported_at_once() -> None:
    pool = ConnectionPool(max_connections_percent=0, connection_borrow_timeout=999, idle_client_timeout=0)
    assert len(pool.problems(Engine.POSTGRESQL)) == 3


@given(st.integers(1, 100))
def test_idle_percent_is_half_of_the_maximum_unless_stated(percent: int) -> None:
    assert ConnectionPool(max_connections_percent=percent).idle_percent == percent // 2
    assert ConnectionPool(max_connections_percent=percent, max_idle_connections_percent=0).idle_percent == 0


@given(st.integers(1, 262_143), st.integers(1, 100))
def test_the_ceiling_is_the_floor_of_the_share(max_connections: int, percent: int) -> None:
    ceiling = ConnectionPool(max_connections_percent=percent).ceiling(max_connections)
    assert ceiling * 100 <= max_connections * percent < (ceiling + 1) * 100


def test_proxies_of_one_database_share_at_most_90_percent() -> None:
    check_total_percent([85])
    check_total_percent([45, 45])
    with pytest.raises(ValueError, match="50 \\+ 41 = 91 %"):
        check_total_percent([50, 41])
