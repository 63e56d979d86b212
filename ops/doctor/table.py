"""The decision table: evidence in, one verdict out, with the numbers that led to it. Pure.

A row says what must be seen, and is skipped when that could not be seen; rows stand in the order in which one cause
hides the next.
"""

from collections.abc import Callable

from .evidence import Evidence, LoginProblem
from .signs import (
    congested,
    fails_always,
    failure,
    failures,
    full,
    invocations,
    mostly_idle,
    much_pinned,
    pool,
    proof,
    slow_answer,
)
from .verdict import Cause, Verdict

# The proxy's states: RDS API Reference, DBProxy, Status.
_PROXY_STEPS = {
    "refuses connections": (
        "see `python -m local status` and the end of the proxy's pgbouncer.log and gate.log; `make up` starts it again"
    ),
    "incompatible-network": "give the proxy two subnets with free addresses in different zones, then run `pulumi up`",
    "insufficient-resource-limits": "raise the account's quota for proxies or network interfaces, then wait",
    "suspended": "AWS has taken it out of service: read why in the proxy's events and the account's health dashboard",
    "deleting": "somebody is deleting it: see CloudTrail for DeleteDBProxy, then run `pulumi up --refresh`",
}


def diagnose(seen: Evidence) -> Verdict:
    """The first row that the evidence meets."""
    return next(verdict for row in _ROWS if (verdict := row(seen)) is not None)


def _proxy_down(seen: Evidence) -> Verdict | None:
    status = seen.proxy_status
    # While a proxy is modified it goes on to serve.
    if status in (None, "available", "modifying"):
        return None
    return Verdict(
        cause=Cause.PROXY_DOWN,
        title="The proxy itself does not serve.",
        numbers=(f"proxy {status}", *failures(seen)),
        is_not="proven to be the database: nobody gets as far as that",
        next_step=_PROXY_STEPS.get(status or "", "look at the proxy's events, and wait while it is being made"),
    )


def _database_full(seen: Evidence) -> Verdict | None:
    sessions, most, allowed, own = seen.database_sessions, seen.max_connections, seen.allowed, seen.connections
    if sessions is None or most is None or allowed is None or own is None:
        return None
    usable = most - seen.reserved_connections
    others = sessions - own
    # The proxy alone cannot do it: others hold what its percent leaves to them, or a part of its own share.
    if sessions < usable or others <= usable - allowed:
        return None
    return Verdict(
        cause=Cause.DATABASE_FULL,
        title="The database has no free connection, and it is not the proxy that holds them.",
        numbers=(
            f"{sessions} sessions of {most} (max_connections), {seen.reserved_connections} of them reserved",
            f"{own} are the proxy's, of {allowed} that it may open; {others} come from elsewhere",
        ),
        is_not="the proxy: it holds no more than its share, and cannot get the rest of it",
        next_step=(
            "find who connects straight to the database: SELECT usename, application_name, client_addr, count(*) FROM "
            "pg_stat_activity GROUP BY 1, 2, 3 ORDER BY 4 DESC; let them go through the proxy, or limit them with "
            "ALTER ROLE … CONNECTION LIMIT"
        ),
    )


def _target(seen: Evidence) -> Verdict | None:
    state, reason = seen.target_state, seen.target_reason or ""
    short = seen.availability is not None and seen.availability < 100
    if state in (None, "AVAILABLE") and not short:
        return None
    numbers = [f"target {state or 'state not seen'}{f', {reason}' if reason else ''}"]
    if seen.availability is not None:
        numbers.append(f"AvailabilityPercentage {seen.availability:g} %")
    if reason == "AUTH_FAILURE":
        cause, title, is_not, step = (
            Cause.DATABASE_LOGIN,
            "The database refuses the proxy's own login.",
            "the functions' credentials: nobody's login gets further than the proxy",
            "compare the secret with the user's password in the database (after a rotation: did both change?); with "
            "iam-end-to-end, the role's rds-db:connect on the database's resource id and GRANT rds_iam",
        )
    elif reason == "PENDING_PROXY_CAPACITY" or state == "REGISTERING":
        cause, title, is_not, step = (
            Cause.PROXY_SCALING,
            "The proxy is not ready for its target yet.",
            "a fault of the database or of the functions",
            "wait some minutes; if it stays, look at the proxy's events for RDS-EVENT-0243 (no free addresses)",
        )
    elif state == "UNUSED":
        cause, title, is_not, step = (
            Cause.NO_TARGET,
            "The proxy has no database behind it.",
            "the functions, nor their network",
            "run `pulumi up`: it registers the target again",
        )
    else:
        cause, title, is_not, step = (
            Cause.DATABASE_DOWN,
            "The proxy cannot reach the database.",
            "the functions and their way to the proxy",
            "look at the database's status and events (restart, failover, storage full); if it is available, at the "
            "security groups and network ACLs between proxy and database",
        )
    return Verdict(cause=cause, title=title, numbers=tuple(numbers), is_not=is_not, next_step=step)


def _logins(seen: Evidence) -> Verdict | None:
    # One refused login is how a handler learns that a password was rotated; only who fails for it needs help.
    if not seen.failed_logins or (seen.functions and not seen.errors):
        return None
    numbers = (f"{seen.failed_logins} refused logins at the proxy", *failures(seen))
    if seen.login_problem is LoginProblem.EXPIRED_TOKEN:
        return Verdict(
            cause=Cause.TOKEN_EXPIRED,
            title="Functions log in with IAM tokens that are older than 15 minutes.",
            numbers=(*numbers, "the refusals say that the token is expired"),
            is_not="the pool or the database: these clients never got a connection",
            next_step="make a new token for each new connection, never at module load; look at the clock, too",
        )
    if seen.login_problem is LoginProblem.WRONG_PASSWORD:
        return Verdict(
            cause=Cause.WRONG_PASSWORD,
            title="Functions log in with a wrong password.",
            numbers=(*numbers, "the refusals say that the password is wrong"),
            is_not="the pool or the database: these clients never got a connection",
            next_step="compare what the function sends with the proxy's secret: after a rotation, read it again",
        )
    return Verdict(
        cause=Cause.LOGIN_REFUSED,
        title="The proxy refuses logins.",
        numbers=numbers,
        is_not="the pool or the database: these clients never got a connection",
        next_step=(
            "read the refusal in the function's log, then check in this order: rds-db:connect on the proxy's prx-… id, "
            "the token's age, the secret's username and password, TLS"
        ),
    )


def _never_reached(seen: Evidence) -> Verdict | None:
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
            *(f"{each.name} had {each.connections} connections" for each in others),
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


def _pinned(seen: Evidence) -> Verdict | None:
    if not seen.pinned or not seen.connections or not much_pinned(seen) or not (congested(seen) or full(seen)):
        return None
    return Verdict(
        cause=Cause.PINNED,
        title="Clients are pinned to their database connections, so they cannot be shared.",
        numbers=(
            f"{seen.pinned:g} of {seen.connections} database connections pinned ({seen.pinned / seen.connections:.0%})",
            *pool(seen),
        ),
        is_not="a pool that is too small: a larger one is pinned just as well",
        next_step=(
            "read the reasons in /aws/rds/proxy/<name> (“The client session was pinned … Reason: …”), and remove SET, "
            "PREPARE, temporary tables, advisory locks of sessions, statements above 16 KB from the handler"
        ),
    )


def _idle_in_transaction(seen: Evidence) -> Verdict | None:
    idle, longest = seen.idle_in_transaction_seconds, seen.longest_timeout
    # Nobody alive works in a transaction that has stood longer than an invocation may last.
    if idle is None or longest is None or idle <= longest or not seen.in_transaction:
        return None
    return Verdict(
        cause=Cause.IDLE_IN_TRANSACTION,
        title="Database connections stay inside transactions in which nothing happens.",
        numbers=(
            f"{seen.in_transaction:.1f} connections in a transaction on average"
            + (f", {seen.borrowed:.1f} borrowed" if seen.borrowed is not None else ""),
            f"idle in their transaction for {idle:.1f} s, while no function runs longer than {longest:g} s",
            *pool(seen),
        ),
        is_not="slow queries: the database is waiting for its clients",
        next_step=(
            "end every transaction before the handler returns (autocommit, or `with connection()`), and set "
            "idle_in_transaction_session_timeout for the role"
        ),
    )


def _timeout_below_borrow(seen: Evidence) -> Verdict | None:
    if seen.borrow_timeout is None or not congested(seen) or not full(seen):
        return None
    early = [each for each in seen.functions if each.timeout <= seen.borrow_timeout and each.timeouts]
    if not early:
        return None
    return Verdict(
        cause=Cause.TIMEOUT_BELOW_BORROW,
        title="Functions are ended before the proxy would tell them that there is no connection.",
        numbers=(
            *(f"{each.name}: {each.timeouts} of {each.invocations} invocations timed out" for each in early),
            *(f"{each.name}: timeout {each.timeout:g} s, borrow timeout {seen.borrow_timeout:g} s" for each in early),
            *pool(seen),
        ),
        is_not="a network problem: the proxy keeps these clients waiting",
        next_step="set borrowTimeout below every function's timeout and run again: then the error says what it is",
    )


def _slow_queries(seen: Evidence) -> Verdict | None:
    shortest = seen.shortest_timeout
    suffers = seen.errors or seen.timeouts or seen.throttles or congested(seen)
    if seen.answer is None or shortest is None or not suffers:
        return None
    if not slow_answer(seen) or mostly_idle(seen):
        return None
    return Verdict(
        cause=Cause.SLOW_QUERIES,
        title="The database answers slowly.",
        numbers=(
            f"{seen.answer:,.0f} ms of work in the database for each borrowed connection, with a function's timeout of "
            f"{shortest:g} s",
            *failures(seen),
            *pool(seen),
        ),
        is_not="the proxy: what it adds is milliseconds; more connections would only make the database slower",
        next_step=(
            "look at what runs and what it waits for: SELECT pid, wait_event_type, wait_event, now() - query_start, "
            "query FROM pg_stat_activity WHERE state = 'active'; then at CPU and Performance Insights"
        ),
    )


def _pool_is_full(seen: Evidence) -> Verdict | None:
    if not full(seen) or not congested(seen):
        return None
    numbers = (*pool(seen), *failures(seen))
    if seen.pinned is not None:
        numbers += (f"{seen.pinned:g} pinned: multiplexing works",)
    if mostly_idle(seen) and seen.held is not None and seen.answer is not None:
        return Verdict(
            cause=Cause.TRANSACTIONS_TOO_LONG,
            title="Transactions keep their connection much longer than the database works for them.",
            numbers=(
                f"a connection is held for {seen.held:,.0f} ms, of which the database works {seen.answer:,.0f} ms",
                *numbers,
            ),
            is_not="a database that is too small: it waits for its clients most of the time",
            next_step=(
                "do everything else (other services, computing, waiting) before or after the transaction, and send "
                "fewer statements in it; a larger pool only moves the limit"
            ),
        )
    return Verdict(
        cause=Cause.POOL_TOO_SMALL,
        title="The proxy protects the database, and its pool is too small for this load.",
        numbers=numbers,
        is_not="a fault of the proxy: waiting clients instead of a full database is what it is for",
        next_step=(
            "raise maxConnectionsPercent (90 at most) or take a larger instance class; or bound the load with "
            "reservedConcurrency (`pulumi stack output connectionBudget` shows what fits)"
        ),
    )


def _throttled(seen: Evidence) -> Verdict | None:
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


def _functions_fail(seen: Evidence) -> Verdict | None:
    if not seen.errors and not seen.timeouts and not congested(seen):
        return None
    proven = proof(seen)
    if proven is not None and not congested(seen):
        return Verdict(
            cause=Cause.PROXY_WORKS,
            title="Functions fail, and the proxy works: the reason is in the functions.",
            numbers=(*failures(seen), *proven),
            is_not="the proxy or the number of connections",
            next_step="read the function's log: what does it do, and wait for, besides the database?",
        )
    return Verdict(
        cause=Cause.UNDETERMINED,
        title="Something is wrong, and the numbers do not say what.",
        numbers=(*failures(seen), *pool(seen)) or ("nothing but the symptom",),
        is_not="proven to be the proxy, nor proven not to be",
        next_step="look for longer (--seconds, --minutes) while it happens, and read the functions' logs",
    )


def _well(seen: Evidence) -> Verdict | None:
    if not seen.invocations and not seen.clients:
        return Verdict(
            cause=Cause.IDLE,
            title="Nobody uses the stack now, so there is nothing to judge but that it is there.",
            numbers=(f"no invocation and no client connection in {seen.seconds:g} s",),
            is_not="proven to work under load",
            next_step="none; look again while it is used: `python -m ops storm`",
        )
    return Verdict(
        cause=Cause.HEALTHY,
        title="All is well.",
        numbers=(invocations(seen), *(proof(seen) or pool(seen))),
        is_not="a promise for more load than this",
        next_step="none",
    )


_ROWS: tuple[Callable[[Evidence], Verdict | None], ...] = (
    _proxy_down,
    _database_full,
    _target,
    _logins,
    _never_reached,
    _pinned,
    _idle_in_transaction,
    _timeout_below_borrow,
    _slow_queries,
    _pool_is_full,
    _throttled,
    _functions_fail,
    _well,
)
