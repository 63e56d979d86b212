"""A function's own pool is small: the proxy does the pooling, and every execution environment has a pool of its own."""

import re

from ..environment import is_database_like, pool_size_of
from ..graph import Finding
from ..hosts import strings
from ..resources import provider_of
from ..values import Json, dig, number

# "Max open 1–2, max idle 0–1": an execution environment serves one invocation at a time.
MAX_OPEN, MAX_IDLE = 2.0, 1.0
# Pool sizes that drivers read from the URL: Prisma, node-postgres, JDBC pools.
_IN_URL = re.compile(
    r"[?&;](?P<key>connection_limit|connectionlimit|pool_size|poolsize|max_pool_size|maxpoolsize|max pool size|"
    r"pool_max_conns)\s*=\s*(?P<size>[0-9]{1,9})",
    re.IGNORECASE | re.ASCII,
)


def by_value(
    urn: str, token: str, properties: Json, *, max_open: float = MAX_OPEN, max_idle: float = MAX_IDLE
) -> list[Finding]:
    """Every variable of one function that asks for a larger pool."""
    variables = dig(properties, *provider_of(token).environment)
    if not isinstance(variables, dict):
        return []
    serves_database = any(is_database_like(name) for name in variables)
    limits = {"open": max_open, "idle": max_idle}
    found = []
    for name in sorted(variables):
        kind = pool_size_of(name)
        asked = number(variables[name])
        about_database = is_database_like(name) or (serves_database and name.upper().startswith(("POOL_", "MAX_POOL")))
        if kind and about_database and asked is not None and not _fits(asked, kind, limits):
            found.append(
                _finding(urn, f"{name} asks for {_how_many(asked, kind)} {kind} connections", limits[kind], kind)
            )
        for match in (match for text in strings(variables[name]) for match in _IN_URL.finditer(text)):
            size = float(match["size"])
            if not _fits(size, "open", limits):
                what = f"{match['key']} in {name} asks for {_how_many(size, 'open')} open connections"
                found.append(_finding(urn, what, max_open, "open"))
    return found


def _fits(asked: float, kind: str, limits: dict[str, float]) -> bool:
    # As a number of open connections, most libraries read 0 and below as "without limit".
    return asked <= limits[kind] and (kind == "idle" or asked > 0)


def _how_many(asked: float, kind: str) -> str:
    return f"{asked:g}" if kind == "idle" or asked > 0 else f"{asked:g} (without limit in most libraries)"


def _finding(urn: str, what: str, limit: float, kind: str) -> Finding:
    lowest = 1 if kind == "open" else 0
    return Finding(
        urn,
        f"{what} per execution environment, which serves one invocation at a time: a thousand environments hold a "
        f"thousand times that many client connections. The proxy does the pooling: set it to {lowest}–{limit:g}.",
    )
