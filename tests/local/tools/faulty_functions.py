"""The functions of the doctor's end-to-end test: each makes one trouble for real. Runs inside the laptop's Lambda."""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from rds_connection import connection, iam_token, transaction

_kept: "psycopg.Connection[Any] | None" = None


def query(event: dict[str, Any], context: Any) -> int:
    """A statement that takes the database `event["seconds"]`."""
    with connection(context) as conn:
        conn.execute("SELECT pg_sleep(%s)", [event["seconds"]])
    return 1


def work(event: dict[str, Any], context: Any) -> int:
    """A statement that keeps a processor busy."""
    with connection(context) as conn:
        conn.execute("SELECT count(*) FROM generate_series(1, 3000000)")
    return 1


@transaction
def think(conn: Any, event: dict[str, Any], context: Any) -> int:
    """A transaction that does something else for most of its time."""
    conn.execute("SELECT 1")
    time.sleep(event["seconds"])
    conn.execute("SELECT 1")
    return 1


def forget(event: dict[str, Any], context: Any) -> int:
    """What psycopg does by itself: a transaction that begins with the first SELECT, and is never ended."""
    _own().execute("SELECT 1")
    return 1


def pin(event: dict[str, Any], context: Any) -> int:
    """Sets what RDS Proxy does not track."""
    with connection(context) as conn:
        conn.execute("SET statement_timeout = '1min'")
        conn.execute("SELECT 1")
    return 1


def prepare(event: dict[str, Any], context: Any) -> int:
    """A statement that the driver keeps prepared, under a name."""
    conn = _own(autocommit=True, prepare_threshold=0)
    conn.execute("SELECT 1")
    return 1


def _own(*, autocommit: bool = False, prepare_threshold: int | None = None) -> "psycopg.Connection[Any]":
    """A connection that is kept, without the handler's care."""
    global _kept
    _kept = _kept or psycopg.connect(
        host=os.environ["DB_HOST"],
        dbname=os.environ["DB_NAME"],
        user=os.environ["DB_USER"],
        password=os.environ["DB_PASSWORD"],
        sslmode="verify-full",
        sslrootcert=os.environ["DB_SSL_ROOT_CERT"],
        autocommit=autocommit,
        prepare_threshold=prepare_threshold,
    )
    return _kept


def stale(event: dict[str, Any], context: Any) -> int:
    """Logs in with a token of sixteen minutes ago."""
    fresh = iam_token.auth_token
    try:
        iam_token.auth_token = lambda **request: fresh(**request, now=datetime.now(UTC) - timedelta(minutes=16))
        return query(event, context)
    finally:
        iam_token.auth_token = fresh


def compute(event: dict[str, Any], context: Any) -> int:
    """Asks the database at once, and fails for a reason of its own."""
    query(event, context)
    raise ValueError("not the database's business")


def wait(event: dict[str, Any], context: Any) -> int:
    """Has its answer at once, and then waits for something else until Lambda ends it."""
    query({"seconds": 0}, context)
    time.sleep(60)
    return 1


def raise_at_once(event: dict[str, Any], context: Any) -> int:
    """Fails before it asks the database."""
    raise ValueError("no order with password=of-the-secret\nin two lines")
