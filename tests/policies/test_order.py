"""The order in which resources are registered never changes a finding."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rds_proxy_guard import resources
from tests.policies.analyzed import SENTINEL, Resource, analyze
from tests.policies.resources import DIRECT, PROXIED
from tests.policies.topologies import STAGES, Topology, corpus

_TEXT = st.sampled_from(
    [SENTINEL, DIRECT, PROXIED, "a", "b", "/a/db-host", "/a", "db.example.com", "postgres", "oracle-ee", "sg-1"]
)
_LIST = st.lists(_TEXT, max_size=2)
_ENVIRONMENT = st.dictionaries(
    st.sampled_from(["DB_HOST", "DATABASE_URL", "DB_PORT", "DB_SECRET_ARN", "SSM_PATH", "URL"]), _TEXT, max_size=3
).map(lambda variables: {"variables": variables})
_PROPERTIES = sorted(resources.CLASSIC.properties | resources.NATIVE.properties)


def said(stack: list[Resource]) -> set[tuple[str, str, str, str]]:
    return {(each.policy, each.name, each.message, each.level) for each in analyze(stack)}


@settings(max_examples=250)
@given(st.data())
def test_any_stack_in_any_order_has_the_same_findings(data: st.DataObject) -> None:
    tokens = data.draw(
        st.lists(st.sampled_from([*sorted(resources.INSPECTED), "acme:index:Box"]), min_size=2, max_size=7)
    )
    stack: list[Resource] = []
    for index, token in enumerate(tokens):
        inputs: dict[str, Any] = data.draw(st.dictionaries(st.sampled_from(_PROPERTIES), _TEXT | _LIST, max_size=5))
        if token.split(":")[-1] == "Function":
            inputs["environment"] = data.draw(_ENVIRONMENT)
        stack.append(Resource(token, str(index), inputs))
    for resource in stack:
        names = data.draw(st.lists(st.sampled_from(["environment", "value", "records", *_PROPERTIES]), max_size=3))
        resource.feeds = {name: data.draw(st.lists(st.sampled_from(stack), max_size=3)) for name in names}
        resource.parent = data.draw(st.none() | st.sampled_from(stack))
    # A host by value is judged when its function is registered; the databases that it may name stand before it.
    databases = [each for each in stack if resources.kind_of(each.token) is resources.Kind.DATABASE]
    others = [each for each in stack if each not in databases]
    first, second = (data.draw(st.permutations(databases)), data.draw(st.permutations(others)))
    assert said([*first, *second]) == said([*databases, *others])
    assert {each for each in said(stack[::-1]) if "graph" in each[0]} == {
        each for each in said(stack) if "graph" in each[0]
    }


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("topology", corpus(), ids=lambda topology: topology.name)
def test_a_public_topology_backwards_has_the_same_findings(topology: Topology, stage: str) -> None:
    shown = topology.shown(stage)
    backwards: list[Resource] = []

    def register(resource: Resource) -> None:
        """After what it takes something from, as every engine does."""
        for needed in [*(each for fed in resource.feeds.values() for each in fed), resource]:
            if needed is not resource:
                register(needed)
            elif needed not in backwards:
                backwards.append(needed)

    for resource in shown[::-1]:
        register(resource)
    both = [sorted(map(repr, analyze(each, config=topology.config))) for each in (shown, backwards)]
    assert both[0] == both[1]
