import asyncio
import math
from collections.abc import Awaitable
from enum import Enum
from functools import cache
from typing import Any, NotRequired, TypedDict, get_args, get_origin, is_typeddict

import pulumi
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lambda_rds_proxy.engines import Profile
from lambda_rds_proxy.function.args import DatabaseFunctionArgs
from lambda_rds_proxy.proxy.args import DatabaseProxyArgs, ProxySettings
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.settings.checks import Checks, default, matching, number
from lambda_rds_proxy.settings.reading import ArgumentsError, Reader, plain, read, shown, unknown, with_defaults
from lambda_rds_proxy.settings.spelling import ALONE, ARGUMENTS, CONFIG, SPELLING
from tests.components.declarations import typed_dicts

KINDS = [kind for kinds in typed_dicts().values() for kind in kinds]


class Inner(TypedDict):
    size: int
    """Size."""


class Example(TypedDict):
    """A field of each type that the reader knows."""

    needed: str
    flag: NotRequired[bool]
    whole: NotRequired[int]
    fraction: NotRequired[float]
    text: NotRequired[str]
    profile: NotRequired[Profile]
    texts: NotRequired[list[str]]
    by_name: NotRequired[dict[str, int]]
    inner: NotRequired[Inner]
    inners: NotRequired[list[Inner]]
    late: NotRequired[pulumi.Input[str]]
    late_whole: NotRequired[pulumi.Input[int]]
    late_texts: NotRequired[pulumi.Input[list[pulumi.Input[str]]]]
    late_map: NotRequired[dict[str, pulumi.Input[str]]]
    functions: NotRequired[dict[str, Inner]]
    percent: NotRequired[int]
    group: NotRequired[pulumi.Input[str]]


CHECKS: Checks = {
    "percent": number(1, 100, default=85),
    "group": matching(r"sg-[0-9a-f]+", "the id of a security group"),
    "flag": default(False),
}


def read_example(values: object, *, spelling: Any = ARGUMENTS) -> tuple[dict[str, Any], list[str]]:
    reader = Reader(spelling)
    found: Any = reader.structure(Example, values)
    return found, reader.problems


def example(**values: Any) -> tuple[dict[str, Any], list[str]]:
    found, problems = read_example({"needed": "x", **values})
    assert found.pop("needed") == "x"
    return found, problems


def wrong(values: dict[str, Any]) -> Any:
    """Arguments that a type checker would not let through."""
    return values


def an_output() -> pulumi.Output[Any]:
    def ready(value: Any) -> Any:
        future: asyncio.Future[Any] = loop.create_future()
        future.set_result(value)
        return future

    loop = asyncio.new_event_loop()
    found: pulumi.Output[Any] = pulumi.Output(ready(set()), ready("known"), ready(True), ready(False))
    loop.close()
    return found


ITSELF: list[Any] = []
ITSELF.append(ITSELF)


class Late(Awaitable[str]):
    """An awaitable that nobody has to await."""

    def __await__(self) -> Any:
        yield


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("flag", True, True),
        ("flag", "true", True),
        ("flag", "false", False),
        ("whole", 3, 3),
        ("whole", 3.0, 3),
        ("whole", "3", 3),
        ("fraction", 0.5, 0.5),
        ("fraction", 2, 2.0),
        ("fraction", "0.5", 0.5),
        ("text", "words", "words"),
        ("text", 17, "17"),
        ("text", 17.0, "17"),
        ("text", 8.4, "8.4"),
        ("profile", "prod", Profile.PROD),
        ("profile", Profile.PROD, Profile.PROD),
        ("texts", ["a", "b"], ["a", "b"]),
        ("texts", ("a", "b"), ["a", "b"]),
        ("by_name", {"a": 1, "b": "2"}, {"a": 1, "b": 2}),
        ("inner", {"size": 1.0}, {"size": 1}),
        ("inners", [{"size": 1}, {"size": "2"}], [{"size": 1}, {"size": 2}]),
        ("functions", {"api": {"size": 1}}, {"api": {"size": 1}}),
        ("late", "known", "known"),
        ("late_whole", 5432.0, 5432),
        ("late_texts", ["a"], ["a"]),
        ("percent", "85", 85),
    ],
)
def test_a_value_is_read_as_its_type(field: str, value: object, read: object) -> None:
    found, problems = example(**{field: value})
    assert (found, problems) == ({field: read}, [])
    assert type(found[field]) is type(read)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("flag", "yes", 'flag is "yes"; it must be true or false'),
        ("flag", 1, 'flag is "1"; it must be true or false'),
        ("flag", 0.0, 'flag is "0.0"; it must be true or false'),
        ("whole", "many", 'whole is "many"; it must be a whole number'),
        ("whole", 1.5, 'whole is "1.5"; it must be a whole number'),
        ("whole", True, 'whole is "true"; it must be a whole number'),
        ("whole", "inf", 'whole is "inf"; it must be a whole number'),
        ("whole", "1" * 5000, "it must be a whole number"),
        ("fraction", "nan", 'fraction is "nan"; it must be a number'),
        ("fraction", [], 'fraction is "[]"; it must be a number'),
        ("text", "", 'text is ""; it must be a text that is not empty'),
        ("text", " ", 'text is " "; it must be a text that is not empty'),
        ("text", True, 'text is "true"; it must be a text'),
        ("text", ["a"], 'text is "["a"]"; it must be a text'),
        ("profile", "staging", 'profile is "staging"; it must be one of dev, prod'),
        ("profile", ["dev"], 'profile is "["dev"]"; it must be one of dev, prod'),
        ("texts", "a", 'texts is "a"; it must be a list'),
        ("texts", {"a": 1}, 'texts is "{"a": 1}"; it must be a list'),
        ("texts", ["a", None], 'texts[1] is "null"; it must be a text'),
        ("by_name", ["a"], 'by_name is "["a"]"; it must be a map'),
        ("by_name", {"a": "b"}, 'by_name.a is "b"; it must be a whole number'),
        ("inner", "small", 'inner is "small"; it must be a map'),
        ("inner", {"size": "big"}, 'inner.size is "big"; it must be a whole number'),
        ("inner", {}, "inner.size is missing; it is needed here"),
        ("inners", [{"size": 1}, {"size": "big"}], 'inners[1].size is "big"; it must be a whole number'),
        ("functions", {"api": {"size": "big"}}, 'functions.api.size is "big"; it must be a whole number'),
        ("functions", {"api": {}}, "functions.api.size is missing; it is needed here"),
        ("percent", 0, 'percent is "0"; it must be a whole number from 1 to 100'),
        ("percent", 101.0, 'percent is "101.0"; it must be a whole number from 1 to 100'),
        ("percent", "most", 'percent is "most"; it must be a whole number from 1 to 100'),
        ("group", "default", 'group is "default"; it must be the id of a security group'),
        ("group", 5, 'group is "5"; it must be the id of a security group'),
    ],
)
def test_a_wrong_value_is_one_sentence_with_its_name_the_value_and_what_is_allowed(
    field: str, value: object, sentence: str
) -> None:
    found, problems = example(**{field: value})
    (problem,) = problems
    assert problem.endswith(sentence)
    assert problem.startswith(field)
    assert found.get(field) in (None, {}, {"api": {}}, [], ["a"], [{"size": 1}, {}])


@pytest.mark.parametrize("field", ["late", "late_whole", "late_texts", "group"])
@pytest.mark.parametrize("value", [an_output(), Late()], ids=["an Output", "an awaitable"])
def test_what_is_known_later_passes_where_an_input_is_taken(field: str, value: object) -> None:
    found, problems = example(**{field: value})
    assert problems == []
    assert found[field] is value


def test_what_is_known_later_passes_within_lists_and_maps_of_inputs() -> None:
    late = an_output()
    assert example(late_texts=["a", late]) == ({"late_texts": ["a", late]}, [])
    assert example(late_map={"a": late}) == ({"late_map": {"a": late}}, [])


@pytest.mark.parametrize(
    ("field", "label", "wrapped"),
    [
        *((field, field, lambda late: late) for field in ("flag", "whole", "fraction", "text", "profile", "percent")),
        *((field, field, lambda late: late) for field in ("texts", "by_name", "inner", "inners", "late_map")),
        ("texts", "texts[0]", lambda late: [late]),
        ("by_name", "by_name.a", lambda late: {"a": late}),
        ("inner", "inner.size", lambda late: {"size": late}),
        ("inners", "inners[0]", lambda late: [late]),
    ],
)
@pytest.mark.parametrize("value", [an_output(), Late()], ids=["an Output", "an awaitable"])
def test_what_is_known_later_is_a_problem_where_a_plain_value_is_needed(
    field: str, label: str, wrapped: Any, value: object
) -> None:
    problem = example(**{field: wrapped(value)})[1][0]
    assert problem.startswith(f"{label} is an Output; it must be ")
    assert "percent" in field or "not an Output" in problem


def test_none_is_as_if_nothing_was_said() -> None:
    assert example(**dict.fromkeys(["flag", "whole", "inner", "late"])) == ({}, [])
    assert read_example({"needed": None}) == ({}, ["needed is missing; it is needed here"])


@pytest.mark.parametrize("values", ["text", 5, None, ["needed"], True])
def test_what_is_no_map_is_one_problem(values: object) -> None:
    reader = Reader(ARGUMENTS)
    assert dict(reader.structure(Example, values, ("inner",))) == {}
    assert reader.problems == [f"inner is {shown(values)}; it must be a map"]
    assert not reader.is_complete


def test_every_problem_is_kept() -> None:
    _, problems = read_example({"whole": "x", "percent": 0, "profiel": "dev", "inner": {"sise": 1}})
    assert len(problems) == 6
    assert {problem.split()[0] for problem in problems} == {
        *("needed", "whole", "percent", "profiel", "inner.sise", "inner.size")
    }


@pytest.mark.parametrize(
    ("values", "spelling", "sentence"),
    [
        ({"profiel": "dev"}, ARGUMENTS, "profiel is not an argument; did you mean profile?"),
        ({"profiel": "dev"}, CONFIG, "profiel is not a key of this project; did you mean profile?"),
        ({"late_hole": 1}, ARGUMENTS, "late_hole is not an argument; did you mean late_whole?"),
        ({"inner": {"sise": 1, "size": 1}}, ARGUMENTS, "inner.sise is not an argument; did you mean size?"),
        ({"size": 1}, ARGUMENTS, "size is not an argument; did you mean inner.size?"),
        ({"inner": {"colour": 1, "size": 1}}, ARGUMENTS, "inner.colour is not an argument; the arguments are size"),
        ({5: 1}, ARGUMENTS, "5 is not an argument; the arguments are needed, flag, "),
    ],
)
def test_an_unknown_name_is_told_what_was_probably_meant(values: dict[str, Any], spelling: Any, sentence: str) -> None:
    (problem,) = read_example({"needed": "x", **values}, spelling=spelling)[1]
    assert problem.startswith(sentence)


def test_a_setting_at_the_top_is_told_the_part_that_it_belongs_to() -> None:
    reader = Reader(ARGUMENTS)
    reader.structure(ServerlessDatabaseArgs, {"functions": {}, "max_connections_percent": 80})
    assert reader.problems == [
        "max_connections_percent is not an argument; did you mean proxy.max_connections_percent?"
    ]


@pytest.mark.parametrize("name", ["my_api", "max_connections", "a.b", ""])
def test_names_that_users_chose_are_never_respelled(name: str) -> None:
    reader = Reader(CONFIG)
    reader.structure(
        ServerlessDatabaseArgs,
        {
            "functions": {name: {"path": "x", "reserved_concurrency": 0}},
            "stack": {"tags": {name: []}},
            "proxy": {"extra_clients": {name: True}},
        },
    )
    assert [problem.partition(" is ")[0] for problem in reader.problems] == [
        f"functions.{name}.reservedConcurrency",
        f"tags.{name}",
        f"extraClients.{name}",
    ]


def test_a_structure_without_what_it_must_have_is_not_complete() -> None:
    assert not complete({})
    assert not complete({"needed": []})
    assert not complete({"needed": "x", "inner": {"size": "big"}})
    assert complete({"needed": "x", "whole": "wrong, but rules do not index it"})


def complete(values: object) -> bool:
    reader = Reader(ARGUMENTS)
    reader.structure(Example, values)
    return reader.is_complete


def test_a_reference_is_a_copy() -> None:
    inner = {"size": 1}
    found, _ = example(inner=inner)
    assert found["inner"] == inner
    assert found["inner"] is not inner


def test_defaults_are_filled_in_only_when_they_are_asked_for() -> None:
    found, _ = read_example({"needed": "x", "percent": 7})
    assert "flag" not in found
    assert with_defaults(Example, found) == {"needed": "x", "percent": 7, "flag": False}
    assert with_defaults(ProxySettings, {})["max_connections_percent"] == 85


def test_wrong_arguments_are_one_error_with_all_problems_and_those_of_rules() -> None:
    with pytest.raises(ArgumentsError) as caught:
        read(
            Example,
            wrong({"needed": "x", "whole": "y", "percent": 0}),
            "orders",
            problems=lambda given, call: [f"{call('needed')} is {given['needed']}; it contradicts"],
        )
    assert str(caught.value) == (
        '"orders": whole is "y"; it must be a whole number; percent is "0"; it must be a whole number from 1 to 100; '
        "needed is x; it contradicts"
    )


def test_rules_do_not_see_arguments_that_lack_what_they_must_have() -> None:
    with pytest.raises(ArgumentsError, match="needed is missing"):
        read(Example, wrong({}), "orders", problems=lambda given, _: [given["needed"]])


@pytest.mark.parametrize("database", ["orders", ["orders"], {"engine": "oracle"}, {"identifier": "x"}])
def test_rules_do_not_see_a_reference_that_lacks_what_it_must_have(database: Any) -> None:
    def rules(given: DatabaseProxyArgs, _: object) -> list[str]:
        return [given["database"]["engine"].value]

    with pytest.raises(ArgumentsError, match="database"):
        args = wrong({"network": {}, "database": database, "user": {}})
        read(DatabaseProxyArgs, args, "x", problems=rules)


def test_a_component_used_alone_reads_its_own_settings() -> None:
    assert SPELLING.get() is ALONE
    with pytest.raises(ArgumentsError, match=r'"api": .*settings\.memory is "1"; it must be a whole number from 128'):
        read(DatabaseFunctionArgs, wrong({"settings": {"path": "x", "memory": 1}}), "api", part="functions")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("dev", '"dev"'),
        (True, '"true"'),
        (None, '"null"'),
        ({"a": [1]}, '"{"a": [1]}"'),
        ("x" * 61, f'"{"x" * 57}…"'),
        (an_output(), "an Output"),
        (Late(), "an Output"),
        ({(1, 2): 3}, '"a dict"'),
        ([an_output(), 1], '"["an Output", 1]"'),
        (ITSELF, '"a list"'),
    ],
)
def test_a_value_is_shown_short_and_an_output_never_as_its_text(value: object, text: str) -> None:
    assert shown(value) == text


def test_an_unknown_name_with_nothing_like_it_is_told_all_there_are() -> None:
    assert unknown("x", CONFIG, ["profile", "engine"]) == "x is not a key of this project; the keys are profile, engine"


def annotations() -> list[Any]:
    return [
        pytest.param(annotation, id=f"{kind.__name__}.{field}")
        for kind in KINDS
        for field, annotation in kind.__annotations__.items()
    ]


@pytest.mark.parametrize("annotation", annotations())
def test_every_annotation_of_the_package_is_one_that_the_reader_knows(annotation: object) -> None:
    known, todo = (bool, int, float, str, Any), [annotation]
    while todo:
        kind, _ = plain(todo.pop())
        if get_origin(kind) is list:
            todo.append(get_args(kind)[0])
        elif get_origin(kind) is dict:
            assert get_args(kind)[0] is str
            todo.append(get_args(kind)[1])
        else:
            assert isinstance(kind, type)
            assert kind in known or issubclass(kind, Enum) or is_typeddict(kind)


JSON = st.sampled_from(
    [
        *(None, True, False, 0, 5, -1, 10**400, 5.0, 0.5, math.nan, math.inf, 1e300),
        *("", " ", "true", "5", "5e0", "nan", "dev", "vpc-0", "sg-0a", "10.0.0.0/16", "2026-11-25T18:00Z", "x\n", "\0"),
        *([], {}, [None], ["a", 5], [[]], {"a": 1}, {"": None}, {"name": "x"}, {5: 5}, an_output(), [an_output()]),
    ]
) | st.text(max_size=8)


def values_of(kind: Any) -> st.SearchStrategy[Any]:
    """Values for a type that are often of its shape, and as often anything."""
    kind, _ = plain(kind)
    if get_origin(kind) is list:
        return st.lists(values_of(get_args(kind)[0]), max_size=3) | JSON
    if get_origin(kind) is dict:
        return st.dictionaries(st.text(max_size=4), values_of(get_args(kind)[1]), max_size=3) | JSON
    if is_typeddict(kind):
        return structures(kind) | JSON
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from([each.value for each in kind]) | JSON
    return JSON


@cache
def structures(kind: Any) -> st.SearchStrategy[Any]:
    fields = {field: values_of(annotation) for field, annotation in kind.__annotations__.items()}
    return st.fixed_dictionaries({}, optional={**fields, "unknown_field": JSON})


@settings(max_examples=20)
@given(st.data())
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_any_values_are_read_or_explained_and_what_was_read_is_read_as_it_is(
    kind: type[Any], data: st.DataObject
) -> None:
    reader, again = Reader(ARGUMENTS), Reader(ARGUMENTS)
    found = reader.structure(kind, data.draw(values_of(kind)))
    assert all(isinstance(problem, str) and problem for problem in reader.problems)
    assert again.structure(kind, found) == found
    assert [problem for problem in again.problems if not problem.endswith(" is missing; it is needed here")] == []
    assert again.problems == [] or reader.problems
