"""Rows of the decision table about the proxy: whether it serves, who gets in, and whether its pool is enough. Pure."""

from .evidence import Evidence, LoginProblem
from .pins import mends, reasons
from .signs import congested, counted, failures, full, mostly_idle, much_held, much_pinned, pool
from .verdict import Cause, Verdict

# The proxy's states: RDS API Reference, DBProxy, Status.
_PROXY_STEPS = {
    "refuses connections": "see the end of the proxy's pgbouncer.log and gate.log; `make up` starts it again",
    "incompatible-network": "give the proxy two subnets with free addresses in different zones, then run `pulumi up`",
    "insufficient-resource-limits": "raise the account's quota for proxies or network interfaces, then wait",
    "suspended": "AWS has taken it out of service: read why in the proxy's events and the account's health dashboard",
    "deleting": "somebody is deleting it: see CloudTrail for DeleteDBProxy, then run `pulumi up --refresh`",
}


def proxy_down(seen: Evidence) -> Verdict | None:
    """The proxy itself does not serve."""
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


def logins(seen: Evidence) -> Verdict | None:
    """The proxy refuses logins that functions cannot do without."""
    # One refused login is how a handler learns that a password was rotated; only who fails for it needs help.
    if not seen.failed_logins or (seen.functions and not seen.errors):
        return None
    cause, title, words, is_not, step = _LOGINS[seen.login_problem or LoginProblem.UNKNOWN]
    numbers = (f"{counted(seen.failed_logins, 'refused login')} at the proxy", *failures(seen), *filter(None, [words]))
    return Verdict(cause=cause, title=title, numbers=numbers, is_not=is_not, next_step=step)


_NOT_THE_POOL = "the pool or the database: these clients never got a connection"
# By what the refusals say: cause, title, how that is told, what it is not, next step.
_LOGINS = {
    LoginProblem.EXPIRED_TOKEN: (
        Cause.TOKEN_EXPIRED,
        "Functions log in with IAM tokens that are older than 15 minutes.",
        "the refusals say that the token is expired",
        _NOT_THE_POOL,
        "make a new token for each new connection, never at module load; look at the clock, too",
    ),
    LoginProblem.WRONG_PASSWORD: (
        Cause.WRONG_PASSWORD,
        "Functions log in with a wrong password.",
        "the refusals say that the password is wrong",
        _NOT_THE_POOL,
        "compare what the function sends with the proxy's secret: after a rotation, read it again",
    ),
    LoginProblem.THROTTLED: (
        Cause.IAM_THROTTLED,
        "More logins with IAM tokens come at once than AWS checks.",
        "the refusals speak of too many competing requests",
        "a wrong token, role or password: the same login gets in a moment later",
        "keep connections open between invocations, as the handler does; bound how many environments start at "
        "once with reservedConcurrency; or let this user log in with its secret (auth secret)",
    ),
    LoginProblem.UNKNOWN: (
        Cause.LOGIN_REFUSED,
        "The proxy refuses logins.",
        "",
        _NOT_THE_POOL,
        "read the refusal in the function's log, then check in this order: rds-db:connect on the proxy's prx-… id, "
        "the token's age, the secret's username and password, TLS",
    ),
}


def pinned(seen: Evidence) -> Verdict | None:
    """The pool is short because clients are pinned to its connections."""
    if not seen.pinned or not seen.connections or not much_pinned(seen) or not (congested(seen) or full(seen)):
        return None
    return Verdict(
        cause=Cause.PINNED,
        title="Clients are pinned to their database connections, so they cannot be shared.",
        numbers=(
            f"{seen.pinned:g} of {counted(seen.connections, 'database connection')} pinned "
            f"({seen.pinned / seen.connections:.0%})",
            *reasons(seen),
            *pool(seen),
        ),
        is_not="a pool that is too small: a larger one is pinned just as well",
        next_step=mends(seen)
        or (
            "read the reasons in /aws/rds/proxy/<name> (“The client session was pinned … Reason: …”), and remove SET, "
            "PREPARE, temporary tables, advisory locks of sessions, statements above 16 KB from the handler"
        ),
    )


def held_by_statements(seen: Evidence) -> Verdict | None:
    """The laptop's pool is short because it does not multiplex prepared statements as RDS Proxy does."""
    if not (full(seen) and congested(seen) and much_held(seen)):
        return None
    return Verdict(
        cause=Cause.HELD_BY_STATEMENTS,
        title="Named prepared statements keep database connections, on the laptop alone.",
        numbers=(*pool(seen), *failures(seen)),
        is_not="a fault on AWS: RDS Proxy multiplexes statements that a driver prepares by the protocol",
        next_step=(
            "nothing for AWS; for this load on the laptop raise maxConnectionsPercent, or let the driver keep none: "
            "psycopg prepare_threshold=None, asyncpg statement_cache_size=0, pgx default_query_exec_mode=exec, "
            "JDBC prepareThreshold=0"
        ),
    )


def pool_is_full(seen: Evidence) -> Verdict | None:
    """The pool is short because of its size, or because of transactions that idle."""
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
