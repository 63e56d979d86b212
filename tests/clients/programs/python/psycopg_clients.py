"""Clients with psycopg, which reads the PG… variables itself: `… KIND`."""

import itertools
import threading

import psycopg

from tests.clients.programs.python.clients import UTC, Kinds, Numbers, See, main

# A value that only this statement has, and what another client would have changed, were it let.
SELECT = "SELECT %s::int, current_setting('timezone')"


def autocommit(numbers: Numbers, see: See) -> None:
    with psycopg.connect(autocommit=True) as connection:
        for number in numbers:
            see((number, UTC), connection.execute(SELECT, [number]).fetchone())


def transactions(numbers: Numbers, see: See) -> None:
    with psycopg.connect() as connection:
        for number in numbers:
            see((number, UTC), connection.execute(SELECT, [number]).fetchone())
            connection.commit()


def rollbacks(numbers: Numbers, see: See) -> None:
    """Who always rolls back never prepares: psycopg counts anew."""
    with psycopg.connect() as connection:
        for number in numbers:
            see((number, UTC), connection.execute(SELECT, [number]).fetchone())
            connection.rollback()


def seldom_rollbacks(numbers: Numbers, see: See) -> None:
    """Prepares what it runs often, and forgets that with DEALLOCATE ALL when it rolls back."""
    with psycopg.connect() as connection:
        for count, number in enumerate(numbers, start=1):
            see((number, UTC), connection.execute(SELECT, [number]).fetchone())
            connection.rollback() if count % 8 == 0 else connection.commit()


def unprepared(numbers: Numbers, see: See) -> None:
    with psycopg.connect(prepare_threshold=None) as connection:
        for number in numbers:
            see((number, UTC), connection.execute(SELECT, [number]).fetchone())
            connection.rollback() if number % 3 else connection.commit()


def pipeline(numbers: Numbers, see: See) -> None:
    with psycopg.connect(autocommit=True, prepare_threshold=None) as connection:
        for number in numbers:
            with connection.pipeline():
                cursors = [connection.execute(SELECT, [value]) for value in (number, -number, number)]
            see([(number, UTC), (-number, UTC), (number, UTC)], [cursor.fetchone() for cursor in cursors])


def cursor(numbers: Numbers, see: See) -> None:
    with psycopg.connect(prepare_threshold=None) as connection:
        for number in numbers:
            with connection.cursor("rows") as cursor:
                cursor.execute("SELECT generate_series(%s::int, %s::int)", [number, number + 4])
                see([(number + each,) for each in range(5)], cursor.fetchmany(3) + cursor.fetchall())
            connection.commit()


def copy(numbers: Numbers, see: See) -> None:
    with psycopg.connect(prepare_threshold=None) as connection:
        for number in numbers:
            with connection.cursor() as cursor:
                with cursor.copy("COPY copied FROM STDIN") as copy:
                    copy.write_row([number])
                with cursor.copy("COPY (SELECT number FROM copied WHERE number = %s) TO STDOUT", [number]) as copy:
                    see([(str(number),)], list(copy.rows()))
            connection.rollback()


def sets(numbers: Numbers, see: See) -> None:
    with psycopg.connect(autocommit=True, prepare_threshold=None) as connection:
        see((UTC, "0"), connection.execute(_SETTINGS).fetchone())
        zone = f"Etc/GMT+{next(_COUNTER) % 12 + 1}"
        connection.execute(f"SET timezone TO '{zone}'")
        connection.execute("SET statement_timeout TO 600000")
        for number in numbers:
            see((number, zone), connection.execute(SELECT, [number]).fetchone())
        see((zone, "10min"), connection.execute(_SETTINGS).fetchone())


_COUNTER = itertools.count()
_SETTINGS = "SELECT current_setting('timezone'), current_setting('statement_timeout')"


def temporary_table(numbers: Numbers, see: See) -> None:
    with psycopg.connect(prepare_threshold=None) as connection:
        see((None,), connection.execute("SELECT to_regclass('pg_temp.mine')").fetchone())
        connection.execute("CREATE TEMPORARY TABLE mine (number int)")
        connection.commit()
        inserted = []
        for number in numbers:
            connection.execute("INSERT INTO mine VALUES (%s)", [number])
            inserted.append((number,))
            see(inserted, connection.execute("SELECT number FROM mine ORDER BY ctid").fetchall())
            connection.commit()


def listen(numbers: Numbers, see: See) -> None:
    with psycopg.connect(autocommit=True, prepare_threshold=None) as connection:
        channel = f"channel_{threading.get_ident()}"
        connection.execute(f"LISTEN {channel}")
        for number in numbers:
            connection.execute("SELECT pg_notify(%s, %s)", [channel, str(number)])
            see([str(number)], [each.payload for each in connection.notifies(timeout=60, stop_after=1)])


def advisory_lock(numbers: Numbers, see: See) -> None:
    with psycopg.connect(autocommit=True, prepare_threshold=None) as connection:
        for number in numbers:
            see((True,), connection.execute("SELECT pg_try_advisory_lock(%s)", [number]).fetchone())
            # Another session could not give it back.
            see((True,), connection.execute("SELECT pg_advisory_unlock(%s)", [number]).fetchone())


def transaction_lock(numbers: Numbers, see: See) -> None:
    """The locks that end with the transaction do not pin."""
    with psycopg.connect(prepare_threshold=None) as connection:
        for number in numbers:
            connection.execute("SELECT pg_advisory_xact_lock(7)")
            see((number, UTC), connection.execute(SELECT, [number]).fetchone())
            connection.commit()


KINDS: Kinds = {
    "psycopg-autocommit": autocommit,
    "psycopg-transactions": transactions,
    "psycopg-rollbacks": rollbacks,
    "psycopg-seldom-rollbacks": seldom_rollbacks,
    "psycopg-unprepared": unprepared,
    "psycopg-pipeline": pipeline,
    "psycopg-cursor": cursor,
    "psycopg-copy": copy,
    "set": sets,
    "temporary-table": temporary_table,
    "listen": listen,
    "advisory-lock": advisory_lock,
    "transaction-lock": transaction_lock,
}

if __name__ == "__main__":
    main(KINDS)
