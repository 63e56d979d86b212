"""A proxy's connection pool configuration: defaults, ranges and the ceiling it stands for.

Ranges: botocore's `rds` service model (ConnectionPoolConfiguration, CreateDBProxy). The 90 % limit on the sum of all
proxies of one database leaves a tenth for migrations and administrators (RDS Proxy best practices: the sum must stay
below 100).
"""

import math
from dataclasses import dataclass

from ..engines import ENGINES, Engine

MAX_PERCENT_TOTAL = 90


@dataclass(frozen=True, kw_only=True)
class ConnectionPool:
    """Pool settings of one proxy. Percents are of the database's `max_connections`, timeouts are seconds."""

    max_connections_percent: int = 85
    max_idle_connections_percent: int | None = None
    connection_borrow_timeout: int = 5
    idle_client_timeout: int = 1800
    init_query: str | None = None
    session_pinning_filters: tuple[str, ...] = ()

    @property
    def idle_percent(self) -> int:
        """`MaxIdleConnectionsPercent`: as given, else half of the maximum (AWS's own default)."""
        if self.max_idle_connections_percent is None:
            return self.max_connections_percent // 2
        return self.max_idle_connections_percent

    def ceiling(self, max_connections: int) -> int:
        """Database connections the proxy may open at most: floor(max_connections × percent)."""
        return math.floor(max_connections * self.max_connections_percent / 100)

    def problems(self, engine: Engine) -> list[str]:
        """Every value out of range or not for this engine, each as a sentence that names it."""
        found = []
        if not 1 <= self.max_connections_percent <= 100:
            found.append(
                f"maxConnectionsPercent is {self.max_connections_percent}; it must be between 1 and 100 "
                "(85 leaves room for administrators)"
            )
        elif not 0 <= self.idle_percent <= self.max_connections_percent:
            found.append(
                f"maxIdleConnectionsPercent is {self.idle_percent}; it must be between 0 and maxConnectionsPercent "
                f"({self.max_connections_percent})"
            )
        if not 0 <= self.connection_borrow_timeout <= 300:
            found.append(f"borrowTimeout is {self.connection_borrow_timeout}; it must be between 0 and 300 seconds")
        if not 1 <= self.idle_client_timeout <= 28_800:
            found.append(f"idleClientTimeout is {self.idle_client_timeout}; it must be between 1 and 28800 seconds")
        if self.init_query is not None and not self.init_query.strip():
            found.append("initQuery is empty; give statements separated by semicolons, or leave it out")
        facts = ENGINES[engine]
        found += [
            f"sessionPinningFilters has {each}; {facts.filters_allowed(init_query='initQuery')}"
            for each in self.session_pinning_filters
            if each not in facts.session_pinning_filters
        ]
        return found


def check_total_percent(percents: list[int]) -> None:
    """Refuse proxies of one database that may together take more than 90 % of its connections.

    Raises:
        ValueError: names the percents and their sum.
    """
    if sum(percents) > MAX_PERCENT_TOTAL:
        terms = " + ".join(str(percent) for percent in percents)
        raise ValueError(
            f"the proxies of this database may take {terms} = {sum(percents)} % of its connections; lower their "
            f"maxConnectionsPercent so that the sum is at most {MAX_PERCENT_TOTAL}"
        )
