"""Clients with asyncpg, which reads the PG… variables itself: `… KIND`."""

from typing import Any

import asyncpg

from tests.clients.programs.python.clients import UTC, Kinds, Numbers, See, main

# A value that only this statement has, and what another client would have changed, were it let.
SELECT = "SELECT $1::int, current_setting('timezone')"


async def plain(numbers: Numbers, see: See) -> None:
    await _asyncpg(numbers, see)


async def uncached(numbers: Numbers, see: See) -> None:
    await _asyncpg(numbers, see, statement_cache_size=0)


async def _asyncpg(numbers: Numbers, see: See, **settings: Any) -> None:
    connection = await asyncpg.connect(**settings)
    try:
        for number in numbers:
            see((number, UTC), tuple(await connection.fetchrow(SELECT, number)))
            async with connection.transaction():
                see((-number, UTC), tuple(await connection.fetchrow(SELECT, -number)))
    finally:
        await connection.close()


async def pool(numbers: Numbers, see: See) -> None:
    async with asyncpg.create_pool(min_size=1, max_size=1) as connections:
        for number in numbers:
            async with connections.acquire() as connection:
                see((number, UTC), tuple(await connection.fetchrow(SELECT, number)))


KINDS: Kinds = {
    "asyncpg": plain,
    "asyncpg-uncached": uncached,
    "asyncpg-pool": pool,
}

if __name__ == "__main__":
    main(KINDS)
