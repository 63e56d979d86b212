"""Rows of the decision table about functions: whether they reach the proxy, wait long enough and are let run. Pure."""

from ops.function_logs import TIMED_OUT

from .evidence import Evidence, FunctionEvidence
from .logged import LoggedFailures
from .refused import next_step
from .signs import (
    congested,
    counted,
    fails_always,
    failure,
    failures,
    full,
    goes_on,
    logged,
    newest_first,
    pool,
    proof,
    quotes,
    slow_answer,
)
from .verdict import Cause, Verdict


def function_fails(seen: Evidence) -> Verdict | None:
    """Functions fail by their own fault, as their logs say."""
    own = newest_first(
        [
            (each, each.failures)
            for each in seen.functions
            if each.failures and not each.failures.over and _is_own(seen, each, each.failures)
        ]
    )
    # While everyone waits for connections, a few failures of another sort are not what has to be explained first.
    if congested(seen) and not any(2 * said.own >= said.invocations for _, said in own):
        return None
    if not own:
        return None
    late = all(said.error == TIMED_OUT for _, said in own)
    each, said = own[0]
    error, message, place = said.error, said.message, said.place
    if said.gone and said.newest_error:
        error, message, place = said.newest_error, said.newest_message or "", said.newest_place
    # Files of different functions often have the same name.
    where = f"{f' at {place}' if place else ''} of {each.name}"
    # The database may say itself what the function lacks.
    mends = next_step(error, message)
    return Verdict(
        cause=Cause.FUNCTION_FAILS,
        title="Functions run out of time in their own code, not in the database."
        if late
        else f"Functions fail by their own fault: {error}{where}.",
        numbers=(*(line for each, said in own for line in logged(each, said)), *(proof(seen) or pool(seen))),
        is_not="the proxy or the database: no statement was under way that took so long"
        if late
        else "the proxy or the number of connections: the database answered"
        if mends
        else "the proxy or the database: the error is raised by the function itself",
        next_step=(
            "look at what the function does besides the database (other services, computing, waiting): give each of "
            "these a time-out of its own, below the function's"
            if late
            else mends or f"mend it{where}; `python -m ops logs --errors` shows what the functions say"
        ),
    )


def _is_own(seen: Evidence, each: FunctionEvidence, said: LoggedFailures) -> bool:
    """Whether at least half of a function's failures are its own fault."""
    # A time-out without any end of a use of the database: the database's if that worked for so long, or was not had.
    in_code = each.connections and seen.answer is not None and not slow_answer(seen) and not congested(seen)
    return 2 * (said.own + (said.unclear if in_code else 0)) >= said.count


def never_reached(seen: Evidence) -> Verdict | None:
    """A function fails always and never had a connection."""
    failing = [each for each in seen.functions if fails_always(each)]
    # Where a function does not say whether it was connected, no client at all has to be there.
    silent = [each for each in failing if each.connections == 0 or (each.connections is None and seen.clients == 0)]
    if seen.clients_received == 0 and silent:
        numbers = ("no client connection was opened at the proxy", *(failure(each) for each in silent))
    else:
        others = [each for each in seen.functions if each.connections]
        # Where some get through at once and one never does, the difference lies between that one and the proxy.
        if not silent or not others or congested(seen):
            return None
        numbers = (
            *(f"{failure(each)}, and it never had a connection" for each in silent),
            *(f"{each.name} had {counted(each.connections or 0, 'connection')}" for each in others),
        )
    names = ", ".join(each.name for each in silent)
    return Verdict(
        cause=Cause.NEVER_REACHED,
        title=f"The function never reaches the proxy: {names}.",
        numbers=numbers,
        is_not="the proxy or the database: they were not asked",
        next_step=(
            "look at the way: the function's subnets and security group, the group's egress to the proxy's port, "
            "DB_HOST, and with `secret` the way to Secrets Manager (interface endpoint or NAT); then at errors "
            "while it starts"
        ),
    )


def timeout_below_borrow(seen: Evidence) -> Verdict | None:
    """Functions end before the proxy would tell them that there is no connection."""
    if seen.borrow_timeout is None or not congested(seen) or not full(seen):
        return None
    early = [each for each in seen.functions if each.timeout <= seen.borrow_timeout and each.timeouts]
    if not early:
        return None
    return Verdict(
        cause=Cause.TIMEOUT_BELOW_BORROW,
        title="Functions are ended before the proxy would tell them that there is no connection.",
        numbers=(
            *(f"{each.name}: {each.timeouts} of {counted(each.invocations, 'invocation')} timed out" for each in early),
            *(f"{each.name}: timeout {each.timeout:g} s, borrow timeout {seen.borrow_timeout:g} s" for each in early),
            *pool(seen),
        ),
        is_not="a network problem: the proxy keeps these clients waiting",
        next_step="set connectionBorrowTimeout below every function's timeout and run again: then the error says what "
        "it is",
    )


def throttled(seen: Evidence) -> Verdict | None:
    """Lambda turns callers away."""
    # Where more invocations fail than callers are turned away, the failures are what somebody has to explain first.
    if not seen.throttles or seen.throttles < seen.errors or congested(seen):
        return None
    return Verdict(
        cause=Cause.THROTTLED,
        title="Lambda turns callers away: all environments that the functions may have are busy.",
        numbers=(*failures(seen), *(proof(seen) or pool(seen))),
        is_not="the proxy or the database: no code of these calls ever ran, and nobody waits for a connection",
        next_step=(
            "compare ConcurrentExecutions with the function's reservedConcurrency and the account's limit; raise "
            "reservedConcurrency as far as `python -m ops capacity` says that the pool bears it, or let callers retry"
        ),
    )


def functions_fail(seen: Evidence) -> Verdict | None:
    """Functions fail for a reason that no row before it names: their own, or one that the numbers do not show."""
    if not congested(seen) and not any(map(goes_on, seen.functions)):
        return _failed_before(seen)
    proven = proof(seen)
    if proven is not None and not congested(seen):
        return Verdict(
            cause=Cause.PROXY_WORKS,
            title="Functions fail, and the proxy works: the reason is in the functions.",
            numbers=(*failures(seen), *quotes(seen), *proven),
            is_not="the proxy or the number of connections",
            next_step="read the function's log: what does it do, and wait for, besides the database?",
        )
    return Verdict(
        cause=Cause.UNDETERMINED,
        title="Something is wrong, and the numbers do not say what.",
        numbers=(*failures(seen), *quotes(seen), *pool(seen)) or ("nothing but the symptom",),
        is_not="proven to be the proxy, nor proven not to be",
        next_step="look for longer (--seconds, --minutes) while it happens, and read the functions' logs",
    )


def _failed_before(seen: Evidence) -> Verdict | None:
    if not quotes(seen):
        return None
    over = all(each.failures.over for each in seen.functions if each.failures)
    return Verdict(
        cause=Cause.FAILED_BEFORE,
        title="Functions failed a short while ago, and do not now.",
        numbers=(*quotes(seen), *(proof(seen) or pool(seen))),
        is_not="going on: "
        + ("enough invocations ended well since" if over else "nothing failed while proxy and database were looked at"),
        next_step="none; what the errors said is quoted above"
        if over
        else "run the doctor while it happens (`--seconds 60`); what the errors say is quoted above",
        over=over,
    )
