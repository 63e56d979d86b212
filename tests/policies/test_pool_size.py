from typing import Any

import pytest

from tests.policies.analyzed import SENTINEL, analyze, blocking, messages
from tests.policies.resources import PROXIED, function

POLICY = "lambda-connection-pool"


def said(variables: Any, config: Any = None) -> list[str]:
    found = analyze([function(variables)], stages="resource", config={POLICY: config} if config else None)
    return messages(POLICY, found)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_POOL_MAX_OPEN", "3"),
        ("DB_POOL_MAX_OPEN", 10),
        ("DB_POOL_MAX_OPEN", "0"),
        ("DB_POOL_MAX_IDLE", "2"),
        ("DB_POOL_SIZE", "5"),
        ("SQLALCHEMY_POOL_SIZE", "20"),
        ("SQLALCHEMY_MAX_OVERFLOW", "10"),
        ("SPRING_DATASOURCE_HIKARI_MAXIMUM_POOL_SIZE", "10"),
        ("SPRING_DATASOURCE_HIKARI_MAXIMUMPOOLSIZE", "10"),
        ("DATABASE_POOL_MAX", "8"),
        ("DB_CONNECTION_LIMIT", "10"),
        ("DB_MAX_CONNECTIONS", "50"),
        ("DB_MAX_OPEN_CONNS", "25"),
        ("KNEX_POOL_MIN", "2"),
        ("dbPoolSize", "4"),
        ("DATABASE_URL", f"postgresql://{PROXIED}/orders?connection_limit=5"),
        ("DATABASE_URL", f"Server={PROXIED};Database=orders;Max Pool Size=100"),
    ],
)
def test_a_large_pool_is_advised_against(name: str, value: Any) -> None:
    (message,) = said({name: value})
    assert name in message
    assert blocking(analyze([function({name: value})])) == set()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_POOL_MAX_OPEN", "1"),
        ("DB_POOL_MAX_OPEN", "2"),
        ("DB_POOL_MAX_IDLE", "0"),
        ("DB_POOL_MAX_IDLE", "1"),
        ("DB_POOL_MAX_LIFETIME", "300"),
        ("DB_POOL_TIMEOUT", "30"),
        ("RDS_MAX_CONNECTIONS_THRESHOLD", "800"),
        ("DB_MAX_CONNECTIONS_ALARM", "800"),
        ("DB_CONNECTION_TIMEOUT", "10"),
        ("SQLALCHEMY_MAX_OVERFLOW", "1"),
        ("DB_POOL_SIZE", SENTINEL),
        ("DB_POOL_SIZE", "a few"),
        ("REDIS_POOL_SIZE", "10"),
        ("THREAD_POOL_SIZE", "10"),
        ("HTTP_MAX_CONNECTIONS", "10"),
        ("DATABASE_URL", f"postgresql://{PROXIED}/orders?connection_limit=1"),
    ],
)
def test_small_pools_other_pools_times_and_unknowns_are_accepted(name: str, value: Any) -> None:
    assert said({name: value}) == []


def test_a_nameless_pool_is_the_databases_when_the_function_has_one() -> None:
    assert len(said({"POOL_SIZE": "10", "DB_HOST": PROXIED})) == 1
    assert said({"POOL_SIZE": "10"}) == []


def test_the_limits_can_be_configured() -> None:
    assert said({"DB_POOL_SIZE": "5", "DB_POOL_MIN": "2"}, config={"maxOpen": 5.0, "maxIdle": 2.0}) == []
    assert len(said({"DB_POOL_SIZE": "2"}, config={"maxOpen": 1.0})) == 1
