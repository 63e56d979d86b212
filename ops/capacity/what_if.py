"""The budget of connections under other choices. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from lambda_rds_proxy.proxy.ceiling import MAX_PERCENT_TOTAL, ceiling
from lambda_rds_proxy.serverless_database.budget import CONNECTIONS_PER_ENVIRONMENT, ConnectionBudget

# Shares of its time that a client spends in a transaction: always, half, a quarter, and the least that is comfortable.
DUTY_CYCLES = (100, 50, 25, 10)
_PERCENTS = (25, 50, 75, 85, MAX_PERCENT_TOTAL)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One share of `max_connections` for the proxy.

    Attributes:
        ceiling: database connections that the proxy may then open.
        left: what is left of max_connections for everyone else, reserved slots included.
        duty_cycle: of the functions as they are; None when nothing bounds them, or there are none.
        environments: at most, for each of `DUTY_CYCLES`.
        cpu_bears: whether the processor bears as many sessions at once; None where it is not known.
    """

    percent: int
    ceiling: int
    left: int
    duty_cycle: float | None
    environments: tuple[int, ...]
    cpu_bears: bool | None

    def as_json(self) -> dict[str, Any]:
        """With the names of `--json`."""
        return {
            "percent": self.percent,
            "ceiling": self.ceiling,
            "left": self.left,
            "dutyCycle": self.duty_cycle,
            "environments": {str(share): number for share, number in zip(DUTY_CYCLES, self.environments, strict=True)},
            "cpuBears": self.cpu_bears,
        }


def choices(budget: ConnectionBudget) -> tuple[Choice, ...]:
    """The percent as it is, among others up to the highest that the components allow."""
    bearable = {budget.bearable_percent or 1} if budget.is_cpu_bound else set[int]()
    return tuple(_choice(budget, percent) for percent in sorted({*_PERCENTS, budget.percent, *bearable}))


def _choice(budget: ConnectionBudget, percent: int) -> Choice:
    share = ceiling(budget.max_connections, percent)
    bounded = budget.clients and not budget.unbounded
    return Choice(
        percent=percent,
        ceiling=share,
        left=budget.max_connections - share,
        duty_cycle=round(min(1.0, share / budget.clients), 4) if bounded else None,
        environments=tuple(share * 100 // (cycle * CONNECTIONS_PER_ENVIRONMENT) for cycle in DUTY_CYCLES),
        cpu_bears=None if budget.vcpus is None else not replace(budget, percent=percent, ceiling=share).is_cpu_bound,
    )


def reserved_concurrency(text: str) -> tuple[str, int | None]:
    """A function as it is given by hand: NAME=CONCURRENCY, or NAME alone for one without a reserved concurrency.

    Raises:
        ValueError: it is neither.
    """
    name, given, number = text.partition("=")
    if not name or (given and not (number.isascii() and number.isdigit())):
        raise ValueError(f'--function is "{text}"; write NAME=CONCURRENCY such as api=50, or NAME for one without')
    return name, int(number) if given else None
