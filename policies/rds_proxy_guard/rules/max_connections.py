"""Proxies must leave a database connections for everyone else: each alone, and all of one database together."""

from ..configuration import Configuration, number_option
from ..graph import Finding, Graph, Node, short_name
from ..memory import Memory
from ..resources import Kind
from ..rule import ResourceRule, StackRule
from ..topology import Topology
from ..values import UNKNOWN, Json, dig, number

MAX_PERCENT = 90.0
_NAMED = 8
# AWS's defaults: ConnectionPoolConfiguration in the RDS API reference.
_DEFAULT_PERCENT, _SQLSERVER_DEFAULT_PERCENT = 100.0, 10.0


def by_value(group: Node, config: Configuration, _: Memory) -> list[Finding]:
    """A target group whose stated percent is above the limit; an absent one is judged with its proxy's engine."""
    percent, limit = number(dig(group.inputs, *group.provider.pool)), config["maxPercent"]
    if percent is None or percent <= limit:
        return []
    return [Finding(group.urn, f"maxConnectionsPercent is {percent:g}. {_why(limit)} {_fix(group, limit)}")]


def by_graph(graph: Graph, config: Configuration) -> list[Finding]:
    """Proxies that take AWS's default, and databases whose proxies take more than the limit together."""
    limit = config["maxPercent"]
    found, shares = [], {}
    topology = Topology(graph)
    for proxy in topology.proxies:
        own = topology.groups.get(proxy.urn, [])
        percent, stated = _percent(proxy, own, unresolved=topology.may_have_another_group(proxy))
        if percent is None:
            continue
        shares[proxy.urn] = percent
        if not stated and percent > limit:
            where = "its target group does not set it" if own else "no target group in this stack sets it"
            judged = own[0] if own else proxy
            text = (
                f"maxConnectionsPercent is AWS's default of {percent:g} %, since {where}. "
                f"{_why(limit)} {_fix(judged, limit)}"
            )
            found.append(Finding(judged.urn, text))
    return found + _sums(topology, shares, limit)


_PAGE = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-connections.html"
_OPTIONS = (
    number_option("maxPercent", MAX_PERCENT, "Highest share of max_connections, in percent.", minimum=1, maximum=100),
)
BY_VALUE = ResourceRule(
    name="rds-proxy-max-connections",
    display_name="RDS Proxy leaves connections over",
    description="An RDS Proxy must leave connections of its database for everyone else.",
    severity="high",
    remediation_steps="Lower maxConnectionsPercent of the proxy's default target group.",
    tags=("rds-proxy", "connections"),
    url=_PAGE,
    options=_OPTIONS,
    kinds=(Kind.TARGET_GROUP,),
    judge=by_value,
)
BY_GRAPH = StackRule(
    name="rds-proxy-max-connections-total",
    display_name="RDS Proxies of a database leave connections over",
    description="All RDS Proxies of a database together must leave connections for everyone else.",
    severity="high",
    remediation_steps="State maxConnectionsPercent of every proxy, and lower them until their sum fits.",
    tags=("rds-proxy", "connections"),
    url=_PAGE,
    options=_OPTIONS,
    judged=Kind.PROXY,
    read=(Kind.TARGET_GROUP, Kind.TARGET, Kind.DATABASE, Kind.ANYTHING),
    judge=by_graph,
)


def _sums(topology: Topology, shares: dict[str, float], limit: float) -> list[Finding]:
    found = []
    for proxies in topology.proxies_by_database.values():
        members = sorted(proxy.urn for proxy in proxies if proxy.urn in shares)
        total = sum(shares[urn] for urn in members)
        if len(members) > 1 and total > limit:
            names = " + ".join(f"{short_name(urn)} {shares[urn]:g} %" for urn in members[:_NAMED])
            names += f" + {len(members) - _NAMED} more" if len(members) > _NAMED else ""
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


def _fix(judged: Node, limit: float) -> str:
    return f"Set {'.'.join(judged.provider.pool)} to at most {limit:g} (85 is a good start)."
