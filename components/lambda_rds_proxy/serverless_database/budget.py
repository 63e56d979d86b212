"""How many connections a stack's functions can ask for, what its proxy may open, and what the processor bears."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..proxy.ceiling import ceiling, highest_percent
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
    transaction before others wait (None when clients are unbounded); `vcpus` are the writer's, None where its class is
    not known, and `sessions_per_vcpu` those that one of them bears at once.
    """

    max_connections: int
    percent: int
    ceiling: int
    clients: int
    unbounded: tuple[str, ...]
    duty_cycle: float | None
    of_account: tuple[str, ...] = ()
    vcpus: float | None = None
    sessions_per_vcpu: int = 0

    @property
    def sessions(self) -> int:
        """How many sessions of the database can be at work at once, when every client is."""
        return self.ceiling if self.unbounded else min(self.clients, self.ceiling)

    @property
    def bearable_sessions(self) -> int | None:
        """How many of them the processor bears; None where it is not known."""
        return None if self.vcpus is None else max(1, int(self.vcpus * self.sessions_per_vcpu))

    @property
    def bearable_percent(self) -> int | None:
        """The highest percent with which the proxy opens no more than these; None where even 1 opens more."""
        return highest_percent(self.max_connections, self.bearable_sessions or 0)

    @property
    def is_cpu_bound(self) -> bool:
        """Whether more sessions can be at work at once than the processor bears."""
        return self.bearable_sessions is not None and self.sessions > self.bearable_sessions

    @property
    def verdict(self) -> str:
        """In this order: `cpu-bound` and `unbounded` need a look; then `multiplexed`, connections are shared, as
        intended; `fits-even-pinned`, there is one for every client."""
        if self.is_cpu_bound:
            return "cpu-bound"
        if self.unbounded:
            return "unbounded"
        return "fits-even-pinned" if self.clients <= self.ceiling else "multiplexed"

    def warnings(self, call: Spelling) -> Iterator[str]:
        """A sentence for each thing in the budget that needs a look."""
        reserved = call.step("reserved_concurrency")
        if self.is_cpu_bound:
            percent = self.bearable_percent
            lower = f"lower {call('proxy.max_connections_percent')} to {percent}, or " if percent else ""
            yield (
                f"{self.sessions} sessions can be at work at once on the {self.vcpus:g} vCPUs of the database, which "
                f"bear about {self.bearable_sessions} ({call('stack.sessions_per_vcpu')} is {self.sessions_per_vcpu}): "
                f"{lower}give the functions a {reserved} of {self.bearable_sessions} in all, or choose a larger "
                f"{call('database.instance_class')}"
            )
        if self.duty_cycle is not None and self.duty_cycle < LOWEST_COMFORTABLE_DUTY_CYCLE:
            fewer = f"give {', '.join(self.of_account)} a {reserved}" if self.of_account else f"lower {reserved}"
            yield (
                f"{self.clients} clients share {self.ceiling} database connections: each may spend only "
                f"{self.duty_cycle:.0%} of its time in a transaction before others wait; {fewer} or "
                f"choose a larger {call('database.instance_class')}"
            )

    def notice(self, call: Spelling) -> str | None:
        """A sentence where clients are unbounded: no more than a statement in `pulumi preview`.

        Nothing can be reserved in a new account.
        """
        if not self.unbounded:
            return None
        verb = "has" if len(self.unbounded) == 1 else "have"
        return (
            f"the number of clients is unbounded: {', '.join(self.unbounded)} {verb} no "
            f"{call.step('reserved_concurrency')}, so only the account's concurrency limits how many environments "
            f"share {self.ceiling} database connections; {call('stack.account_concurrent_executions')} makes that "
            "limit known"
        )

    def as_output(self) -> dict[str, object]:
        """The budget with the names of the stack output."""
        return {
            "maxConnections": self.max_connections,
            "percent": self.percent,
            "ceiling": self.ceiling,
            "clients": self.clients,
            "unbounded": list(self.unbounded),
            "dutyCycle": self.duty_cycle,
            "vcpus": self.vcpus,
            "sessionsPerVcpu": self.sessions_per_vcpu,
            "verdict": self.verdict,
        }


def connection_budget(
    *,
    max_connections: int,
    percent: int,
    reserved_concurrency: Sequence[tuple[str, int | None]],
    account_limit: int | None = None,
    vcpus: float | None = None,
    sessions_per_vcpu: int = 0,
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
        vcpus=vcpus,
        sessions_per_vcpu=sessions_per_vcpu,
    )
