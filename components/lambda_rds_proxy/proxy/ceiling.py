"""How many of a database's connections its proxies may open. Pure."""

# Of all proxies of one database: leaves a tenth for migrations and administrators (RDS Proxy best practices: the sum
# must stay below 100).
MAX_PERCENT_TOTAL = 90


def ceiling(max_connections: int, percent: int) -> int:
    """Database connections that a proxy may open at most: floor(max_connections × percent / 100)."""
    return max_connections * percent // 100


def highest_percent(max_connections: int, connections: int) -> int | None:
    """The highest percent with which a proxy opens no more than so many; None where even 1 opens more."""
    # connections + 1 is what the next percent must not reach.
    found = min(100, (100 * (connections + 1) - 1) // max_connections)
    return found if found >= 1 else None
