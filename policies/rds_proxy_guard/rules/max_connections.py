"""Proxies must leave a database connections for everyone else: each alone, and all of one database together."""

from ..graph import Finding, Graph, Node, short_name
from ..resources import provider_of
from ..topology import Topology
from ..values import UNKNOWN, Json, dig, number

MAX_PERCENT = 90.0
# AWS's defaults: ConnectionPoolConfiguration in the RDS API reference.
_DEFAULT_PERCENT, _SQLSERVER_DEFAULT_PERCENT = 100.0, 10.0


def by_value(urn: str, token: str, properties: Json, limit: float = MAX_PERCENT) -> list[Finding]:
    """A target group whose stated percent is above the limit; an absent one is judged with its proxy's engine."""
    percent = number(dig(properties, *provider_of(token).pool))
    if percent is None or percent <= limit:
        return []
    return [Finding(urn, f"maxConnectionsPercent is {percent:g}. {_why(limit)} {_fix(token, limit)}")]


def by_graph(graph: Graph, limit: float = MAX_PERCENT) -> list[Finding]:
    """Proxies that take AWS's default, and databases whose proxies take more than the limit together."""
    found, shares = [], {}
    topology = Topology(graph)
    for proxy in topology.proxies:
        own = topology.groups.get(proxy.urn, [])
        percent, stated = _percent(proxy, own, unresolved="" in topology.groups)
        if percent is None:
            continue
        shares[proxy.urn] = percent
        if not stated and percent > limit:
            where = "its target group does not set it" if own else "no target group in this stack sets it"
            judged = own[0] if own else proxy
            text = (
                f"maxConnectionsPercent is AWS's default of {percent:g} %, since {where}. "
                f"{_why(limit)} {_fix(judged.token, limit)}"
            )
            found.append(Finding(judged.urn, text))
    return found + _sums(topology, shares, limit)


def _sums(topology: Topology, shares: dict[str, float], limit: float) -> list[Finding]:
    found = []
    for proxies in topology.proxies_by_database.values():
        members = sorted(proxy.urn for proxy in proxies if proxy.urn in shares)
        total = sum(shares[urn] for urn in members)
        if len(members) > 1 and total > limit:
            names = " + ".join(f"{short_name(urn)} {shares[urn]:g} %" for urn in members)
            text = (
                f"The proxies of one database take {names} = {total:g} % of its connections together (counted in this "
                f"stack). {_why(limit)} Lower maxConnectionsPercent so that their sum is at most {limit:g}."
            )
            found.append(Finding(members[-1], text))
    return found


def _percent(proxy: Node, own: list[Node], *, unresolved: bool) -> tuple[float | None, bool]:
    """(percent or None when it cannot be known, whether it is stated)."""
    if not own and unresolved:
        return None, False  # one of the target groups that cannot be matched may be this proxy's
    values = [_stated(group) for group in own]
    if UNKNOWN in values:
        return None, False
    stated = [value for value in values if value is not None]
    if stated:
        numbers = [number(value) for value in stated]
        return max((value for value in numbers if value is not None), default=None), True
    family = proxy.read(*proxy.provider.engine_family)
    if not isinstance(family, str):
        return None, False  # required by AWS: when it is missing, the proxy's properties are not known yet
    return (_SQLSERVER_DEFAULT_PERCENT if family.upper() == "SQLSERVER" else _DEFAULT_PERCENT), False


def _stated(group: Node) -> Json:
    # What the program leaves out is unknown in a preview's outputs; the inputs tell the two apart.
    return dig(group.outputs if group.inputs is None else group.inputs, *group.provider.pool)


def _why(limit: float) -> str:
    return (
        f"Above {limit:g} % of max_connections nothing is left for migrations and administrators when the pool is full."
    )


def _fix(token: str, limit: float) -> str:
    return f"Set {'.'.join(provider_of(token).pool)} to at most {limit:g} (85 is a good start)."
