"""Tests against a database behind a proxy; libpq's own variables say where (PGHOST, PGUSER, …)."""

import psycopg
import pytest
from hours import local_hour


@pytest.fixture
def conn():
    # RDS Proxy multiplexes what psycopg prepares; the DEALLOCATE ALL that it then sends after a rollback pins.
    with psycopg.connect(prepare_threshold=None) as made:
        yield made


def test_the_hour_is_the_customers(conn):
    assert local_hour(conn, "Asia/Tokyo") == (local_hour(conn, "UTC") + 9) % 24


def test_an_unknown_zone_is_an_error(conn):
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        local_hour(conn, "Europe/Atlantis")
