"""The decision table: evidence in, one verdict out, with the numbers that led to it. Pure.

A row says what must be seen, and is skipped when that could not be seen; rows stand in the order in which one cause
hides the next.
"""

from collections.abc import Callable

from . import database_rows, function_rows, proxy_rows
from .evidence import Evidence
from .pins import reasons
from .signs import invocations, pool, proof
from .verdict import Cause, Verdict


def diagnose(seen: Evidence) -> Verdict:
    """The first row that the evidence meets."""
    return next(verdict for row in _ROWS if (verdict := row(seen)) is not None)


def _well(seen: Evidence) -> Verdict | None:
    if not seen.invocations and not seen.clients:
        longest = seen.longest_timeout or 0.0
        longer = f"; a function that still connects shows when it ends: look for longer, `--seconds {longest + 5:g}`"
        return Verdict(
            cause=Cause.IDLE,
            title="Nobody uses the stack now, so there is nothing to judge but that it is there.",
            numbers=(f"no invocation and no client connection in {seen.seconds:g} s",),
            is_not="proven to work under load",
            next_step="none; look again while it is used: `python -m ops storm`"
            + (longer if longest > seen.seconds else ""),
        )
    return Verdict(
        cause=Cause.HEALTHY,
        title="All is well.",
        numbers=(invocations(seen), *(proof(seen) or pool(seen)), *reasons(seen)),
        is_not="a promise for more load than this",
        next_step="none",
    )


_ROWS: tuple[Callable[[Evidence], Verdict | None], ...] = (
    proxy_rows.proxy_down,
    database_rows.database_full,
    database_rows.target,
    proxy_rows.logins,
    function_rows.function_fails,
    function_rows.never_reached,
    proxy_rows.pinned,
    proxy_rows.held_by_statements,
    database_rows.idle_in_transaction,
    function_rows.timeout_below_borrow,
    database_rows.cpu_bound,
    database_rows.slow_queries,
    proxy_rows.pool_is_full,
    function_rows.throttled,
    function_rows.functions_fail,
    _well,
)
