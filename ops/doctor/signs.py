"""What the rows of the decision table look for in the evidence, and how it is told. Pure.

Thresholds are this project's own (AWS recommends no alarm for a proxy) unless a source stands there.
"""

import math

from .evidence import Evidence, FunctionEvidence
from .logged import LoggedFailures

# Of the connections that it may open, from which on a proxy is full.
_FULL = 0.9
# Clients that wait for each connection of a full pool, from which on it is too small however soon each has its turn.
_QUEUE = 3.0
# A client that waits longer than this for a connection waits for others, not for a handshake.
_SLOW_BORROW_MS = 100.0
# Share of pinned connections from which on little is left of multiplexing.
_PINNED = 0.2
# Who keeps a connection so many times longer than the database works for it leaves it idle for most of that time.
_HELD_TIMES = 4.0
# Below this a hold is the round trips of a short transaction, whatever its share of work.
_SHORT_HOLD_MS = 100.0
# Percent of a processor from which on work waits for it (CloudWatch User Guide, "Recommended alarms": 90 for RDS).
_BUSY_CPU = 90.0
# Share of a function's timeout from which on an answer of the database is too slow for it.
_SLOW_ANSWER = 0.25
# Share of invocations that may be counted without their error, or the other way round, at the ends of a look.
_CUT = 0.1
# RDS User Guide, monitoring dashboard for RDS Proxy: multiplexing shows in many clients on few connections.
_MULTIPLEXED = 2.0


def fails_always(each: FunctionEvidence) -> bool:
    """Whether every invocation failed; the look may cut one apart at either end."""
    return goes_on(each) and each.errors > 0 and each.invocations - each.errors <= max(1, _CUT * each.invocations)


def congested(seen: Evidence) -> bool:
    """Whether clients wait for database connections."""
    if full(seen) and (seen.waiting or 0) > _QUEUE * (seen.allowed or 0):
        return True
    if seen.borrow_latency is not None:
        return seen.borrow_latency > _SLOW_BORROW_MS
    # Where nobody gets a connection, nobody measures how long that takes.
    return full(seen) and (seen.borrowed or 0) >= _FULL * (seen.allowed or 0)


def full(seen: Evidence) -> bool:
    """Whether the proxy has opened nearly all that it may."""
    return bool(seen.allowed) and seen.connections is not None and seen.connections >= _FULL * (seen.allowed or 0)


def much_pinned(seen: Evidence) -> bool:
    """Whether so many connections are pinned that they can hardly be shared."""
    return (seen.pinned or 0) > _PINNED * (seen.connections or 0)


def much_held(seen: Evidence) -> bool:
    """Whether so many are kept by prepared statements that the rest can hardly be shared."""
    return (seen.held_by_statements or 0) > _PINNED * (seen.connections or 0)


def held(seen: Evidence) -> tuple[str, ...]:
    """The connections that are kept by prepared statements."""
    if not seen.held_by_statements:
        return ()
    return (f"{seen.held_by_statements:g} held here by prepared statements; RDS Proxy multiplexes these",)


def slow_answer(seen: Evidence) -> bool:
    """Whether the database works for a large part of the shortest time that a function has."""
    return seen.answer is not None and seen.answer >= _SLOW_ANSWER * 1000 * (seen.shortest_timeout or math.inf)


def cpu_is_busy(seen: Evidence) -> bool:
    """Whether the database's processor has hardly anything left."""
    return seen.cpu is not None and seen.cpu >= _BUSY_CPU


def mostly_idle(seen: Evidence) -> bool:
    """Whether connections are borrowed without work for most of the time."""
    if seen.held is None or seen.answer is None:
        return False
    return seen.held > _SHORT_HOLD_MS and seen.held > _HELD_TIMES * seen.answer


def proof(seen: Evidence) -> tuple[str, ...] | None:
    """The article's rule, with what it needs: connections within the limit, shared, unpinned, and soon to be had."""
    if seen.connections is None or seen.allowed is None or seen.clients is None:
        return None
    if seen.pinned is None or seen.borrow_latency is None:
        return None
    if seen.connections > seen.allowed or much_pinned(seen) or congested(seen):
        return None
    if not seen.connections or seen.clients < _MULTIPLEXED * seen.connections:
        return None
    return (
        f"{counted(seen.connections, 'database connection')}, of {seen.allowed} that the proxy may open",
        f"{seen.clients:,} clients share them, {seen.pinned:g} pinned",
        f"a client has its connection after {seen.borrow_latency:,.1f} ms",
    )


def pool(seen: Evidence) -> tuple[str, ...]:
    """The proxy's connections, and who waits for one."""
    numbers = []
    if seen.connections is not None and seen.allowed is not None:
        borrowed = f", {seen.borrowed:.1f} of them borrowed on average" if seen.borrowed is not None else ""
        numbers.append(
            f"{counted(seen.connections, 'database connection')}, of {seen.allowed} that the proxy may open{borrowed}"
        )
    if seen.waiting:
        numbers.append(f"up to {counted(seen.waiting, 'client')} wait{'s' if seen.waiting == 1 else ''} for one")
    if seen.borrow_timeouts:
        numbers.append(f"{counted(seen.borrow_timeouts, 'client')} waited for one in vain")
    if seen.borrow_latency is not None:
        numbers.append(f"a client has its connection after {seen.borrow_latency:,.1f} ms")
    return (*numbers, *held(seen))


def invocations(seen: Evidence) -> str:
    """How many there were, of a stack in which none failed."""
    if not seen.invocations:
        return f"no invocation in {seen.seconds:g} s, but {counted(seen.clients or 0, 'client connection')}"
    return f"{counted(seen.invocations, 'invocation')}, none failed"


def failures(seen: Evidence) -> tuple[str, ...]:
    """The functions that failed, or whose callers Lambda turned away."""
    failed = tuple(failure(each) for each in seen.functions if each.errors or each.timeouts)
    return (*failed, *turned_away(seen))


def turned_away(seen: Evidence) -> tuple[str, ...]:
    """The functions whose callers Lambda turned away."""
    return tuple(
        f"{each.name}: {counted(each.throttles, 'call')} turned away by Lambda, "
        f"{counted(each.invocations, 'invocation')}"
        for each in seen.functions
        if each.throttles
    )


def failure(each: FunctionEvidence) -> str:
    """How often one failed."""
    timeouts = f", {each.timeouts} of them for lack of time" if each.timeouts else ""
    return f"{each.name}: {each.errors} of {counted(each.invocations, 'invocation')} failed{timeouts}"


def goes_on(each: FunctionEvidence) -> bool:
    """Whether a function failed during the look, and not only before invocations that ended well."""
    return bool(each.errors or each.timeouts) and not (each.failures and each.failures.over)


def quotes(seen: Evidence) -> tuple[str, ...]:
    """What the functions' logs say of their failures, of the newest first."""
    found = [(each, each.failures) for each in seen.functions if each.failures]
    return tuple(line for each, said in newest_first(found) for line in logged(each, said))


def newest_first(
    found: list[tuple[FunctionEvidence, LoggedFailures]],
) -> list[tuple[FunctionEvidence, LoggedFailures]]:
    """Functions with their failures, by when they failed last."""
    return sorted(found, key=lambda pair: pair[1].newest, reverse=True)


def logged(each: FunctionEvidence, said: LoggedFailures) -> tuple[str, ...]:
    """What one function's log says of its failures: the most frequent one, its share and since when, and the newest."""
    part = said.most / said.invocations
    share = "below 1%" if part < 0.01 else f"{part:.0%}"
    since = f"since {said.since}" if said.since else "since the beginning of the look or before it"
    when = f"at {said.last}" if said.most == 1 or said.since == said.last else f"{since}, the last one at {said.last}"
    lines = [
        f"{each.name}: {said.most:,} of {counted(said.invocations, 'invocation')} ({share}) with "
        f"{_quoted(said.error, said.message, said.place)}",
        f"{each.name}: {when}; {counted(said.count, 'failure')} in its log, {said.own:,} by its own fault"
        + (f", {said.unclear:,} that may be either's" if said.unclear else ""),
    ]
    if said.newest_error:
        newest = _quoted(said.newest_error, said.newest_message, said.newest_place)
        lines.insert(0 if said.gone else 2, f"{each.name}: the last one: {newest}, at {said.newest}")
    if said.ended_well:
        lines.append(f"{each.name}: since then {counted(said.ended_well, 'invocation')} ended well")
    return tuple(lines)


def _quoted(error: str, message: str | None, place: str | None) -> str:
    return f"“{f'{error}: {message}' if message else error}”{f' at {place}' if place else ''}"


def counted(number: int, what: str) -> str:
    """So many of something, in words."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def looked(seen: Evidence) -> tuple[str, ...]:
    """How far the look goes."""
    if seen.log_seconds is None:
        return (f"{seen.seconds:g} s",)
    return (f"{seen.seconds:g} s; the functions' logs of {seen.log_seconds / 60:.1f} min",)
