"""Clients with SQLAlchemy, whose drivers read the PG… variables: `… KIND`."""

import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine

from tests.clients.programs.python.clients import UTC, Kinds, Numbers, See, main

# A value that only this statement has, and what another client would have changed, were it let.
SELECT = "SELECT CAST(:number AS int), current_setting('timezone')"


def on_psycopg(numbers: Numbers, see: See) -> None:
    engine = sqlalchemy.create_engine("postgresql+psycopg://", pool_size=1)
    try:
        for number in numbers:
            with engine.begin() as connection:
                found = connection.execute(sqlalchemy.text(SELECT), {"number": number}).one()
                see((number, UTC), tuple(found))
    finally:
        engine.dispose()


def on_psycopg_reading(numbers: Numbers, see: See) -> None:
    """Whoever only reads does not commit: what is returned to the pool is rolled back."""
    engine = sqlalchemy.create_engine("postgresql+psycopg://", pool_size=1)
    try:
        for number in numbers:
            with engine.connect() as connection:
                found = connection.execute(sqlalchemy.text(SELECT), {"number": number}).one()
                see((number, UTC), tuple(found))
    finally:
        engine.dispose()


async def on_asyncpg(numbers: Numbers, see: See) -> None:
    engine = create_async_engine("postgresql+asyncpg://", pool_size=1)
    try:
        for number in numbers:
            async with engine.connect() as connection:
                found = (await connection.execute(sqlalchemy.text(SELECT), {"number": number})).one()
                see((number, UTC), tuple(found))
    finally:
        await engine.dispose()


KINDS: Kinds = {
    "sqlalchemy-psycopg": on_psycopg,
    "sqlalchemy-psycopg-reading": on_psycopg_reading,
    "sqlalchemy-asyncpg": on_asyncpg,
}

if __name__ == "__main__":
    main(KINDS)
