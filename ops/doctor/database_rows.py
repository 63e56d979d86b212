"""Rows of the decision table about the database: whether it is there, has room and answers in time. Pure."""

from .evidence import Evidence
from .signs import congested, cpu_is_busy, failures, mostly_idle, pool, slow_answer
from .verdict import Cause, Verdict

# A proxy scales, and takes a target in, within minutes. This project's own number: AWS promises none.
_LONGEST_SCALING_SECONDS = 30 * 60
# Of the connections that a database has for applications, from which on it was full if it refused the proxy as well.
_NEARLY = 0.8


def database_full(seen: Evidence) -> Verdict | None:
    """Others than the proxy hold the database's connections."""
    sessions, most, allowed, own = seen.database_sessions, seen.max_connections, seen.allowed, seen.connections
    if sessions is None or most is None or allowed is None or own is None:
        return None
    usable = most - seen.reserved_connections
    others = sessions - own
    # Connections that come and go fill it between two samples: then nobody new gets in, as the proxy's target says.
    refused = seen.target_state == "UNAVAILABLE" and seen.target_reason != "AUTH_FAILURE"
    # The proxy alone cannot do it: others hold what its percent leaves to them, or a part of its own share.
    if sessions < (_NEARLY if refused else 1) * usable or others <= usable - allowed:
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


def target(seen: Evidence) -> Verdict | None:
    """The database behind the proxy is away, or keeps the proxy itself out."""
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
    elif (reason == "PENDING_PROXY_CAPACITY" or state == "REGISTERING") and _is_stuck(seen):
        numbers.append(f"nothing was changed for {(seen.target_seconds or 0) / 60:,.0f} min")
        cause, title, is_not, step = (
            Cause.PROXY_STUCK,
            "The proxy does not get ready for its target.",
            "a matter of waiting: a proxy scales within minutes",
            "look at what a proxy needs to grow: free addresses in its subnets and the account's network interfaces "
            "(RDS-EVENT-0243), the database's status, and of Serverless v2 its lowest capacity; then register the "
            "target anew: `pulumi up --replace` of the ProxyTarget",
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


def idle_in_transaction(seen: Evidence) -> Verdict | None:
    """Connections stand in transactions that nobody goes on with."""
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


def cpu_bound(seen: Evidence) -> Verdict | None:
    """More sessions at work at once than the processor bears."""
    sessions, bearable = seen.database_sessions or seen.connections, seen.bearable_sessions
    if not cpu_is_busy(seen) or sessions is None or bearable is None or sessions <= bearable:
        return None
    lower = f"lower maxConnectionsPercent to {seen.bearable_percent}, or " if seen.bearable_percent else ""
    return Verdict(
        cause=Cause.CPU_BOUND,
        title="The database's processor is used up by more sessions than it bears at once.",
        numbers=(
            f"{seen.cpu:.0f} % of the processor in use",
            f"{sessions:,} sessions, while it bears about {bearable:,} at once",
            *failures(seen),
            *pool(seen),
        ),
        is_not="a pool that is too small: each further session makes all of them slower",
        next_step=(
            f"{lower}give the functions a reservedConcurrency of {bearable:,} in all: what waits in front of the "
            "database is served sooner than what waits in it; then a larger instance class, or faster statements"
        ),
    )


def slow_queries(seen: Evidence) -> Verdict | None:
    """The database's own work takes the time."""
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


def _is_stuck(seen: Evidence) -> bool:
    return seen.target_seconds is not None and seen.target_seconds > _LONGEST_SCALING_SECONDS
