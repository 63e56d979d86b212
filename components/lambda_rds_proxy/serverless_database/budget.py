"""How many connections a stack's functions can ask for, against what its proxy may open."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..proxy.ceiling import ceiling
from ..settings.spelling import Spelling

# A handler holds at most two connections (DB_POOL_MAX_OPEN is 1–2); one is the default.
CONNECTIONS_PER_ENVIRONMENT = 1
# Below this share of time in a transaction the queue in front of the pool grows: measured practice of poolers, and our
# own threshold for a warning.
LOWEST_COMFORTABLE_DUTY_CYCLE = 0.1


@dataclass(frozen=True, kw_only=True)
class ConnectionBudget:
    """The `connectionBudget` output.

    `ceiling` is floor(max_connections × percent / 100); `clients` the connections all functions can hold at once, as
    their reserved concurrency or the account's limit has it; `unbounded` names functions without a reservation where
    that limit is not known, `of_account` where it is; `duty_cycle` is the share of its time a client can spend in a
    transaction before others wait (None when clients are unbounded).
    """

    max_connections: int
    percent: int
    ceiling: int
    clients: int
    unbounded: tuple[str, ...]
    duty_cycle: float | None
    of_account: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """`fits-even-pinned`: a connection for every client. `multiplexed`: shared, as intended. `unbounded`."""
        if self.unbounded:
            return "unbounded"
        return "fits-even-pinned" if self.clients <= self.ceiling else "multiplexed"

    def warning(self, call: Spelling) -> str | None:
        """A sentence when the budget needs a look, else None.

        With unbounded clients it is no more than a statement in `pulumi preview`: nothing can be reserved in a new
        account.
        """
        reserved = call.step("reserved_concurrency")
        if self.unbounded:
            names = ", ".join(self.unbounded)
            return (
                f"the number of clients is unbounded: {names} have no {reserved}, so only the account's "
                f"concurrency limits how many environments share {self.ceiling} database connections; "
                f"{call('stack.account_concurrent_executions')} makes that limit known"
            )
        if self.duty_cycle is not None and self.duty_cycle < LOWEST_COMFORTABLE_DUTY_CYCLE:
            fewer = f"give {', '.join(self.of_account)} a {reserved}" if self.of_account else f"lower {reserved}"
            return (
                f"{self.clients} clients share {self.ceiling} database connections: each may spend only "
                f"{self.duty_cycle:.0%} of its time in a transaction before others wait; {fewer} or "
                f"choose a larger {call('database.instance_class')}"
            )
        return None

    def as_output(self) -> dict[str, object]:
        """The budget with the names of the stack output."""
        return {
            "maxConnections": self.max_connections,
            "percent": self.percent,
            "ceiling": self.ceiling,
            "clients": self.clients,
            "unbounded": list(self.unbounded),
            "dutyCycle": self.duty_cycle,
            "verdict": self.verdict,
        }


def connection_budget(
    *,
    max_connections: int,
    percent: int,
    reserved_concurrency: Sequence[tuple[str, int | None]],
    account_limit: int | None = None,
) -> ConnectionBudget:
    """The budget of functions given as (name, reserved concurrency or None).

    Those without a reservation share what the account's limit of concurrent executions leaves, if it is known.
    """
    share = ceiling(max_connections, percent)
    environments = sum(reserved or 0 for _, reserved in reserved_concurrency)
    without = tuple(name for name, reserved in reserved_concurrency if reserved is None)
    if without and account_limit is not None:
        environments = max(environments, account_limit)
    clients, unbounded = environments * CONNECTIONS_PER_ENVIRONMENT, without if account_limit is None else ()
    return ConnectionBudget(
        max_connections=max_connections,
        percent=percent,
        ceiling=share,
        clients=clients,
        unbounded=unbounded,
        duty_cycle=None if unbounded or not clients else round(min(1.0, share / clients), 4),
        of_account=() if account_limit is None else without,
    )
