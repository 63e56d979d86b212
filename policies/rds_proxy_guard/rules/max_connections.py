"""Proxies must leave a database connections for everyone else: each alone, and all of one database together."""

from typing import Any

from ..facts import TargetGroupFacts
from ..graph import Finding, Graph, Node
from ..resources import Kind, kind_of, provider_of
from ..values import UNKNOWN, dig, number

MAX_PERCENT = 90.0
# AWS's defaults: ConnectionPoolConfiguration in the RDS API reference.
_DEFAULT_PERCENT, _SQLSERVER_DEFAULT_PERCENT = 100.0, 10.0


def by_value(urn: str, token: str, properties: dict[str, Any], limit: float = MAX_PERCENT) -> list[Finding]:
    """A target group whose stated percent is above the limit; an absent one is judged with its proxy's engine."""
    percent = number(dig(properties, *provider_of(token).pool)) if _is_known(properties, token) else None
    if percent is None or percent <= limit:
        return []
    return [Finding(urn, f"{_too_much(percent, limit)} {_fix(token, limit)}")]


def by_graph(graph: Graph, limit: float = MAX_PERCENT) -> list[Finding]:
    """Proxies that take AWS's default, and databases whose proxies take more than the limit together."""
    found, shares = [], {}
    groups = graph.of(Kind.TARGET_GROUP)
    for proxy in (node for node in graph.of(Kind.PROXY) if not node.token.endswith("Endpoint")):
        own = [group for group in groups if _belongs(graph, group, proxy)]
        percent, stated = _percent(graph, proxy, own)
        if percent is None:
            continue
        shares[proxy.urn] = percent
        if not stated and percent > limit:
            where = "no target group sets it" if not own else "its target group does not set it"
            token = own[0].token if own else proxy.token
            found.append(
                Finding(
                    own[0].urn if own else proxy.urn,
                    f"maxConnectionsPercent is AWS's default of {percent:g} %, since {where}. "
                    f"{_why(limit)} {_fix(token, limit)}",
                )
            )
    return found + _sums(graph, shares, limit)


def _sums(graph: Graph, shares: dict[str, float], limit: float) -> list[Finding]:
    by_database: dict[str, list[str]] = {}
    for link in graph.of(Kind.TARGET) + graph.of(Kind.TARGET_GROUP):
        proxies = [node for node in graph.of(Kind.PROXY) if node.urn in shares and _belongs(graph, link, node)]
        for database in _databases(graph, link):
            members = by_database.setdefault(database, [])
            members.extend(node.urn for node in proxies if node.urn not in members)
    found = []
    for members in by_database.values():
        total = sum(shares[urn] for urn in members)
        if len(members) > 1 and total > limit:
            names = " + ".join(f"{urn.rsplit('::', 1)[1]} {shares[urn]:g} %" for urn in sorted(members))
            found.append(
                Finding(
                    sorted(members)[-1],
                    f"The proxies of one database take {names} = {total:g} % of its connections together (counted in "
                    f"this stack). {_why(limit)} Lower maxConnectionsPercent so that their sum is at most {limit:g}.",
                )
            )
    return found


def _percent(graph: Graph, proxy: Node, own: list[Node]) -> tuple[float | None, bool]:
    """(percent or None when it cannot be known, whether it is stated)."""
    family = dig(proxy.properties, "engineFamily")
    default = _SQLSERVER_DEFAULT_PERCENT if family == "SQLSERVER" else _DEFAULT_PERCENT
    if not own:
        unresolved = [
            group
            for group in graph.of(Kind.TARGET_GROUP)
            if not any(_belongs(graph, group, p) for p in graph.of(Kind.PROXY))
        ]
        return (None, False) if unresolved or family is UNKNOWN else (default, False)
    group = own[0]
    facts = group.facts
    stated = (
        facts.percent if isinstance(facts, TargetGroupFacts) else dig(group.properties, *provider_of(group.token).pool)
    )
    if stated is UNKNOWN or not group.properties:
        return None, False
    if stated is None:
        return (None, False) if family is UNKNOWN else (default, False)
    return number(stated), True


def _belongs(graph: Graph, link: Node, proxy: Node) -> bool:
    """Whether a target group or target is this proxy's: by dependency, else by equal names."""
    name = dig(link.properties, "dbProxyName")
    feeding = [node for node in graph.feeding(link, "dbProxyName") if kind_of(node.token) is Kind.PROXY]
    if feeding:
        return proxy in feeding
    own = dig(proxy.properties, *provider_of(proxy.token).proxy_name)
    return isinstance(name, str) and name == own


def _databases(graph: Graph, link: Node) -> set[str]:
    """What a target points at: URNs by dependency, else identifiers."""
    properties = provider_of(link.token).target_databases
    feeding = [node for node in graph.feeding(link, *properties) if kind_of(node.token) is Kind.DATABASE]
    if feeding:
        return {node.urn for node in feeding}
    found: set[str] = set()
    for name in properties:
        value = dig(link.properties, name)
        values = value if isinstance(value, list) else [value]
        found |= {f"{name}:{each}" for each in values if isinstance(each, str)}
    return found


def _is_known(properties: dict[str, Any], token: str) -> bool:
    return dig(properties, *provider_of(token).pool) is not UNKNOWN


def _too_much(percent: float, limit: float) -> str:
    return f"maxConnectionsPercent is {percent:g}. {_why(limit)}"


def _why(limit: float) -> str:
    return (
        f"Above {limit:g} % of max_connections nothing is left for migrations and administrators when the pool is full."
    )


def _fix(token: str, limit: float) -> str:
    return f"Set {'.'.join(provider_of(token).pool)} to at most {limit:g} (85 is a good start)."
