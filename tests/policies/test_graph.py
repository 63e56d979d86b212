"""The graph by itself, with no SDK in sight."""

import pytest

from rds_proxy_guard.graph import Graph, Node, Other, short_name
from rds_proxy_guard.memory import Memory
from rds_proxy_guard.values import UNKNOWN, Json

FUNCTION, DATABASE, PROXY = "aws:lambda/function:Function", "aws:rds/instance:Instance", "aws:rds/proxy:Proxy"


def node(urn: str, token: str, *, outputs: Json = None, inputs: Json = None, feeds: tuple[str, ...] = ()) -> Node:
    return Node(urn=urn, token=token, show=lambda: outputs, inputs=inputs, fed_by=lambda _: feeds)


def test_a_component_stands_for_everything_below_it_however_deep_and_for_nothing_beside_it() -> None:
    below, deep, beside = node("below", DATABASE), node("deep", PROXY), node("beside", DATABASE)
    function = node("function", FUNCTION, feeds=("component", "component"))
    tree = [
        Other(urn="component", token="acme:index:Store"),
        Other(urn="below", token=DATABASE, parent="component"),
        Other(urn="inner", token="aws:s3/bucket:Bucket", parent="component"),
        Other(urn="deep", token=PROXY, parent="inner"),
        Other(urn="beside", token=DATABASE),
    ]
    graph = Graph([function, below, deep, beside], lambda: tree)
    assert {each.urn for each in graph.feeding(function, "environment")} == {"below", "deep"}
    assert graph.precisely(function, "environment") == []
    assert graph.feeds_others(function, "environment")


def test_a_resource_that_is_no_component_stands_for_itself_only() -> None:
    function = node("function", FUNCTION, feeds=("bucket",))
    below = node("below", DATABASE)
    tree = [Other(urn="bucket", token="aws:s3/bucket:Bucket"), Other(urn="below", token=DATABASE, parent="bucket")]
    assert Graph([function, below], lambda: tree).feeding(function, "environment") == []


def test_parents_that_go_in_a_circle_end() -> None:
    function, database = node("function", FUNCTION, feeds=("a",)), node("db", DATABASE)
    tree = [
        Other(urn="a", token="acme:index:A", parent="b"),
        Other(urn="b", token="acme:index:B", parent="a"),
        Other(urn="db", token=DATABASE, parent="b"),
    ]
    graph = Graph([function, database], lambda: tree)
    assert [each.urn for each in graph.feeding(function, "environment")] == ["db"]


def test_what_feeds_twice_hides_nothing_that_comes_after_it() -> None:
    function = node("function", FUNCTION, feeds=("db", "proxy", "proxy"))
    graph = Graph([function, node("db", DATABASE), node("proxy", PROXY)])
    assert {each.urn for each in graph.feeding(function, "environment")} == {"db", "proxy"}


@pytest.mark.parametrize(
    ("inputs", "outputs", "read"),
    [
        ({"a": 1}, {"a": 2}, 1),
        ({"a": UNKNOWN}, {"a": 2}, 2),
        (None, {"a": 2}, 2),
        ({}, {"a": UNKNOWN}, UNKNOWN),
        ({"a": UNKNOWN}, {}, None),
        ({"a": {"known": 1, "not": UNKNOWN}}, {"a": UNKNOWN}, {"known": 1, "not": UNKNOWN}),
        ({"a": {"known": 1, "not": UNKNOWN}}, {"a": {"known": 1, "not": 2}}, {"known": 1, "not": 2}),
    ],
)
def test_what_is_known_better_is_read(inputs: Json, outputs: Json, read: Json) -> None:
    assert node("db", DATABASE, inputs=inputs, outputs=outputs).read("a") == read


def test_the_name_is_the_urns_last_part() -> None:
    assert short_name("urn:pulumi:dev::shop::aws:rds/instance:Instance::db") == "db"
    assert short_name("urn:pulumi:dev::shop::type::a name: with colons") == "a name: with colons"


def test_each_resource_has_a_first_reader_of_its_own() -> None:
    memory, first, second = Memory(), object(), object()
    memory.inputs("one", DATABASE, reader=first, read=lambda: {"a": 1})
    assert memory.inputs("two", DATABASE, reader=second, read=lambda: {"a": 2}) == {"a": 2}
    # The second leads for "two": it reads anew where a follower is shown what was read before.
    assert memory.inputs("two", DATABASE, reader=second, read=lambda: {"a": 3}) == {"a": 3}
