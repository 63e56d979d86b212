"""SQLAlchemy on this pool: its engine opens nothing of its own, and its transactions mean what they say."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from rds_connection import PoolExhaustedError, connect, connection

from .cloud import Cloud

pytestmark = pytest.mark.servers


@pytest.fixture
def engine(cloud: Cloud) -> Iterator[Engine]:
    """The engine as handler/README.md shows it."""
    cloud.terminate_backends()
    cloud.execute("DROP TABLE IF EXISTS item; CREATE TABLE item (n int PRIMARY KEY); ALTER TABLE item OWNER TO app")
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    yield engine
    engine.dispose()


def test_an_engine_uses_the_warm_connection_and_gives_it_back(engine: Engine) -> None:
    backends = []
    for _ in range(3):
        with engine.connect() as sqlalchemy:
            assert sqlalchemy.execute(text("SELECT 1")).scalar() == 1
            backends.append(sqlalchemy.connection.driver_connection)
    assert len(set(map(id, backends))) == 1
    with connection() as conn:
        assert conn is backends[0]
        assert conn.autocommit


def test_what_an_engine_begins_is_committed_or_rolled_back(cloud: Cloud, engine: Engine) -> None:
    with engine.begin() as sqlalchemy:
        sqlalchemy.execute(text("INSERT INTO item VALUES (1)"))
    with pytest.raises(IntegrityError), engine.begin() as sqlalchemy:
        sqlalchemy.execute(text("INSERT INTO item VALUES (2)"))
        sqlalchemy.execute(text("INSERT INTO item VALUES (1)"))
    with engine.connect() as sqlalchemy:  # no commit
        sqlalchemy.execute(text("INSERT INTO item VALUES (3)"))
    assert cloud.execute("SELECT n FROM item") == [(1,)]
    idle = cloud.execute("SELECT 1 FROM pg_stat_activity WHERE usename = 'app' AND state LIKE %s", "idle in %")
    assert idle == []


def test_an_engine_counts_towards_max_open(engine: Engine) -> None:
    with engine.connect(), pytest.raises(PoolExhaustedError), connection():
        pass
    with connection() as conn:
        conn.execute("SELECT 1")


def test_a_connection_that_an_engine_lost_is_not_reused(cloud: Cloud, engine: Engine) -> None:
    with engine.connect() as sqlalchemy:
        lost = sqlalchemy.connection.driver_connection
        sqlalchemy.execute(text("SELECT 1"))
        cloud.terminate_backends()
        with pytest.raises(OperationalError):
            sqlalchemy.execute(text("SELECT 1"))
    with engine.connect() as sqlalchemy:
        assert sqlalchemy.connection.driver_connection is not lost
        assert sqlalchemy.execute(text("SELECT 1")).scalar() == 1


def test_closing_twice_gives_back_once(cloud: Cloud) -> None:
    conn = connect()
    conn.close()
    conn.close()
    with connection() as other:
        assert other.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(PoolExhaustedError), connection():
            pass
