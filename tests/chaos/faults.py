"""How each fault is made on a stand, and undone."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from tests.chaos.environment import Environment
from tests.chaos.load import Load
from tests.chaos.matrix import Auth, Cell, Fault, Moment
from tests.chaos.stand import BORROW_SECONDS, Stand
from tests.chaos.wire import Break

# How long a fault lasts that can last: within a handler's pause before its second attempt (0.2 to 1 s) for some
# environments, and beyond it for others.
_LASTS_SECONDS = 0.8
# A statement that waits for a database connection is refused after the borrow timeout. A database starts in seconds.
_LASTS = {Fault.BORROW_TIMEOUT: BORROW_SECONDS + 0.7, Fault.DATABASE_RESTART: 2.0}
# Longer than all else here: what a function does that never ends.
_FOR_EVER_SECONDS = 3600.0
_REACHED_SECONDS = 20.0
# What pg_stat_activity says of a backend that waits for another's row.
_WAITS = "wait_event_type = 'Lock'"

Met = Callable[[], int]
"""How many connections or invocations a fault has met, as counted where it is made."""
_Made = Callable[[Stand, Load], AbstractContextManager[Met]]


def strike(stand: Stand, cell: Cell, load: Load) -> int:
    """Let a fault begin, last and end: how many connections or invocations it met.

    It begins between invocations at the moments `frozen`, which it does not outlast, and `connect`, for which every
    client connection is closed.
    """
    # With a borrow timeout, too: the last to borrow would wait in vain behind those who share what is left.
    apart = cell.moment in (Moment.FROZEN, Moment.CONNECT) or cell.fault is Fault.BORROW_TIMEOUT
    with ExitStack() as stack:
        with load.frozen() if apart else nullcontext():
            met = stack.enter_context(_making(cell)(stand, load))
            if cell.moment is Moment.CONNECT:
                stand.wire.close_lines(reset=False)
            if cell.moment is Moment.FROZEN:
                found = met()
                stack.close()
                return found
        time.sleep(_LASTS.get(cell.fault, _LASTS_SECONDS))
        return met()


def _making(cell: Cell) -> _Made:
    if cell.fault in _BREAKS:
        return _broken_at(_BREAKS[cell.fault])
    if cell.fault is Fault.CONNECTION_RESET:
        where = {Moment.CONNECT: Break.STARTUP, Moment.COMMIT: Break.COMMIT, Moment.ANSWER: Break.ANSWER}
        return _broken_at(where[cell.moment]) if cell.moment in where else _reset
    return _MADE[cell.fault]


def _broken_at(where: Break) -> _Made:
    @contextmanager
    def broken(stand: Stand, load: Load) -> Iterator[Met]:
        began = time.monotonic()
        stand.wire.break_at(where)
        try:
            # Who is refused before the wire accepts is seen by the one who was refused.
            yield (lambda: load.since(began)) if where is Break.CONNECT else (lambda: stand.wire.met)
        finally:
            stand.wire.break_at(Break.NOWHERE)

    return broken


@contextmanager
def _closed(stand: Stand, _: Load) -> Iterator[Met]:
    closed = stand.wire.close_lines(reset=False)
    yield lambda: closed


@contextmanager
def _reset(stand: Stand, _: Load) -> Iterator[Met]:
    closed = stand.wire.close_lines(reset=True)
    yield lambda: closed


@contextmanager
def _backends_killed(stand: Stand, _: Load) -> Iterator[Met]:
    killed = stand.terminate_backends()
    yield lambda: killed


@contextmanager
def _proxy_down(stand: Stand, load: Load) -> Iterator[Met]:
    began, clients = time.monotonic(), stand.wire.lines
    for server in (stand.proxy.gate, stand.proxy.pooler.server):
        server.stop(seconds=0)
    try:
        yield lambda: max(clients, load.since(began))
    finally:
        stand.proxy.start()


@contextmanager
def _database_down(stand: Stand, load: Load) -> Iterator[Met]:
    began, clients = time.monotonic(), stand.wire.lines
    stand.postgres.server.stop(seconds=0)
    try:
        yield lambda: max(clients, load.since(began))
    finally:
        stand.postgres.start()


@contextmanager
def _database_restarted(stand: Stand, load: Load) -> Iterator[Met]:
    began, clients = time.monotonic(), stand.wire.lines
    with stand.restarting():
        yield lambda: max(clients, load.since(began))


@contextmanager
def _database_read_only(stand: Stand, load: Load) -> Iterator[Met]:
    began = time.monotonic()
    stand.write_nothing(True)
    try:
        yield lambda: load.since(began)
    finally:
        stand.write_nothing(False)


@contextmanager
def _demoted(stand: Stand, load: Load) -> Iterator[Met]:
    stand.start_another()
    began, clients = time.monotonic(), stand.wire.lines
    stand.demote()
    yield lambda: max(clients, load.since(began))
    stand.take_over()


@contextmanager
def _replaced(stand: Stand, load: Load) -> Iterator[Met]:
    stand.start_another()
    with _broken_at(Break.EVERYWHERE)(stand, load) as met:
        yield met
        stand.take_over()
        stand.another.stop()


def _holder_ends(how: Callable[[Environment], None]) -> _Made:
    @contextmanager
    def ended(stand: Stand, load: Load) -> Iterator[Met]:
        with load.without_one() as (environment, event):
            environment.begin(
                {**event, "shared": True, "thinkSeconds": _FOR_EVER_SECONDS, "seconds": _FOR_EVER_SECONDS}
            )
            _until(stand.is_shared_row_held)
            load.shared = True
            try:
                _until(lambda: stand.backends(_WAITS))
                waiting, began = stand.backends(_WAITS), time.monotonic()
                how(environment)
                yield lambda: waiting
                _until(lambda: load.answered(began) >= len(stand.environments))
            finally:
                load.shared = False
                environment.replace()

    return ended


def _until(condition: Callable[[], object]) -> None:
    """Wait for a condition; if it does not come true, the verdict tells."""
    deadline = time.monotonic() + _REACHED_SECONDS
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


@contextmanager
def _database_connections_held(stand: Stand, load: Load) -> Iterator[Met]:
    with ExitStack() as stack:
        holders = [stack.enter_context(stand.borrow()) for _ in range(stand.proxy.settings.ceiling)]
        for holder in holders:  # all at once, for the role has a timeout
            holder.execute("SELECT 1")  # without autocommit: a transaction that stays open
        began = time.monotonic()
        yield lambda: load.since(began)


@contextmanager
def _client_connections_taken(stand: Stand, load: Load) -> Iterator[Met]:
    usual, began = stand.proxy.settings.client_limit, time.monotonic()
    stand.change_proxy(client_limit=1)
    try:
        yield lambda: load.since(began)
    finally:
        stand.change_proxy(client_limit=usual)


@contextmanager
def _old_tokens(stand: Stand, load: Load) -> Iterator[Met]:
    load.old_tokens = True
    before = sum(each.old_tokens for each in stand.environments)
    try:
        yield lambda: sum(each.old_tokens for each in stand.environments) - before
    finally:
        load.old_tokens = False


@contextmanager
def _password_rotated(stand: Stand, load: Load) -> Iterator[Met]:
    original, began, clients = stand.password, time.monotonic(), stand.wire.lines
    stand.rotate(secrets.token_urlsafe(24))
    try:
        yield lambda: max(clients, load.since(began))
    finally:
        if stand.auth is Auth.PASSWORD:  # nobody gives DB_PASSWORD to an environment that runs
            stand.rotate(original)


_BREAKS = {
    Fault.NETWORK_CUT: Break.EVERYWHERE,
    Fault.CONNECT_REFUSED: Break.CONNECT,
    Fault.CONNECT_SILENT: Break.GREETING,
}
_MADE: dict[Fault, _Made] = {
    Fault.SERVER_GONE: _closed,
    Fault.BACKEND_KILLED: _backends_killed,
    Fault.PROXY_RESTART: _proxy_down,
    Fault.FAILOVER: _database_down,
    Fault.DATABASE_RESTART: _database_restarted,
    Fault.READ_ONLY: _database_read_only,
    Fault.DEMOTED: _demoted,
    Fault.REPLACED: _replaced,
    Fault.BORROW_TIMEOUT: _database_connections_held,
    Fault.NO_CLIENT_CONNECTIONS: _client_connections_taken,
    Fault.TOKEN_EXPIRED: _old_tokens,
    Fault.PASSWORD_ROTATED: _password_rotated,
    Fault.FUNCTION_KILLED: _holder_ends(Environment.end),
    Fault.FUNCTION_LOST: _holder_ends(Environment.freeze),
}
