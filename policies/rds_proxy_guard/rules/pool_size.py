"""A function's own pool is small: the proxy does the pooling, and every execution environment has a pool of its own."""

import re

from ..configuration import Configuration, number_option
from ..environment import is_database_like, pool_size_of
from ..graph import Finding, Node
from ..hosts import strings
from ..memory import Memory
from ..resources import Kind
from ..rule import ResourceRule
from ..values import dig, number

# Pool sizes that drivers read from the URL: Prisma, node-postgres, JDBC pools.
_IN_URL = re.compile(
    r"[?&;](?P<key>connection_limit|connectionlimit|pool_size|poolsize|max_pool_size|maxpoolsize|max pool size|"
    r"pool_max_conns)\s*=\s*(?P<size>[0-9]{1,9})",
    re.IGNORECASE | re.ASCII,
)


def by_value(function: Node, config: Configuration, _: Memory) -> list[Finding]:
    """Every variable of one function that asks for a larger pool."""
    urn, variables = function.urn, dig(function.inputs, *function.provider.environment)
    if not isinstance(variables, dict):
        return []
    serves_database = any(is_database_like(name) for name in variables)
    limits = {"open": config["maxOpen"], "idle": config["maxIdle"]}
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
                found.append(_finding(urn, what, limits["open"], "open"))
    return found


BY_VALUE = ResourceRule(
    name="lambda-connection-pool",
    display_name="Small pools in Lambda",
    description="A Lambda function's own connection pool must be small, because the proxy does the pooling.",
    severity="medium",
    remediation_steps="Set the pool to at most 2 open and 1 idle connections per execution environment.",
    tags=("lambda", "connections"),
    url="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.html",
    advisory=True,
    # An execution environment serves one invocation at a time.
    options=(
        number_option("maxOpen", 2.0, "Most open connections of one pool.", minimum=1, maximum=1000),
        number_option("maxIdle", 1.0, "Most idle connections of one pool.", minimum=0, maximum=1000),
    ),
    kinds=(Kind.FUNCTION,),
    judge=by_value,
)


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
