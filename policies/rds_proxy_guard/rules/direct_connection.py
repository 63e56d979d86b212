"""A Lambda function must not go round the proxy: decided from values where they are known, else from the graph."""

from typing import Any

from ..facts import FunctionFacts
from ..graph import Finding, Graph, Node
from ..hosts import endpoints, strings
from ..resources import Kind, kind_of, provider_of
from ..values import dig

_WHY = "Every execution environment would open connections of its own, and a burst exhausts the database."
_FIX = "Take the host from the RDS Proxy (or one of its endpoints) instead."


def by_value(urn: str, token: str, properties: dict[str, Any]) -> list[Finding]:
    """Every variable of one function whose value holds a database's own endpoint."""
    variables = dig(properties, *provider_of(token).environment)
    if not isinstance(variables, dict):
        return []
    found = []
    for name in sorted(variables):
        kinds = sorted({each.kind for text in strings(variables[name]) for each in endpoints(text) if each.direct})
        if kinds:
            found.append(
                Finding(
                    urn,
                    f"Environment variable {name} holds a database's {' and '.join(kinds)}. {_WHY} {_FIX}",
                )
            )
    return found


def by_graph(graph: Graph) -> list[Finding]:
    """Functions whose host is not known yet and comes from a database, not from a proxy."""
    return [finding for function in graph.of(Kind.FUNCTION) for finding in _of_function(graph, function)]


def _of_function(graph: Graph, function: Node) -> list[Finding]:
    facts = function.facts
    known = isinstance(facts, FunctionFacts) and facts.unknown_names is not None
    if isinstance(facts, FunctionFacts) and known and not facts.unknown_hosts:
        return []  # every host is a value already: the other policy judges it
    if facts is None and isinstance(dig(function.properties, *provider_of(function.token).environment), dict):
        return []  # nothing was remembered, but the values are there: the other policy judges them
    feeding = graph.feeding(function, "environment")
    databases = [node for node in feeding if kind_of(node.token) is Kind.DATABASE]
    proxies = [node for node in feeding if kind_of(node.token) is Kind.PROXY]
    # With both, the port may come from the database and the host from the proxy: the value decides during up.
    if not databases or proxies:
        return []
    names = ", ".join(facts.unknown_hosts) if isinstance(facts, FunctionFacts) and known else "the environment"
    sources = ", ".join(sorted({node.urn.rsplit("::", 1)[1] for node in databases}))
    return [
        Finding(
            function.urn,
            f"{names} will be computed from the database {sources}, and nothing in the environment comes from an RDS "
            f"Proxy. {_WHY} {_FIX} (Decided from the dependency graph; the value itself is checked during up.)",
        )
    ]
