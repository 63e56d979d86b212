"""The table of facts, held against the real classes: nothing in it may name what the provider does not have."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

import pytest

from local.provider.arguments import Kind, nested_arguments, real_type
from local.provider.facts import Condition, Fact, TypeFacts, all_facts, holds
from local.provider.types import aws_types
from local.provider.validators import _FORMATS, _RULES, _compiled

TOKENS = sorted(all_facts())
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


def every(arguments: Mapping[str, Fact]) -> Iterator[Fact]:
    for fact in arguments.values():
        yield fact
        yield from every(fact.get("members", {}))


def nested(kinds: list[Kind]) -> str | None:
    for kind in kinds:
        if isinstance(kind, dict):
            found = kind.get("nested") or nested(list(kind.get("list", [])))
            if found:
                return str(found)
    return None


def same_names(facts: Mapping[str, Fact], kinds: Mapping[str, Any]) -> None:
    assert facts.keys() == kinds.keys()
    for name, fact in facts.items():
        if "members" in fact:
            path = nested(list(kinds[name]))
            assert path is not None, name
            same_names(fact["members"], nested_arguments(path).kinds)


def test_every_type_of_the_stand_in_is_in_the_table_and_no_other() -> None:
    assert all_facts().keys() == aws_types().keys()


@pytest.mark.parametrize("token", TOKENS)
def test_it_names_the_arguments_that_the_real_class_has_inside_blocks_too(token: str) -> None:
    same_names(all_facts()[token]["arguments"], real_type(token).arguments.kinds)


def conditions(facts: TypeFacts) -> Iterator[tuple[str, Condition]]:
    """(block, condition)."""
    for rule in facts.get("rules", ()):
        yield rule.get("block", ""), rule["when"]
    yield "", facts.get("keptWhenDestroyed", {})
    for refused in facts.get("undeletable", ()):
        yield "", refused["when"]
    for fact in facts["arguments"].values():
        yield "", fact.get("ignoredIf", {})
        rule_of = fact.get("replaces", False)
        if isinstance(rule_of, dict):
            yield "", {**rule_of.get("unless", {}), **rule_of.get("ifBefore", {})}


@pytest.mark.parametrize("token", TOKENS)
def test_whatever_refers_to_an_argument_refers_to_one_that_exists(token: str) -> None:
    facts = all_facts()[token]
    arguments = facts["arguments"]
    paths = {
        *arguments,
        *(f"{name}.{member}" for name, fact in arguments.items() for member in fact.get("members", {})),
    }
    for fact in every(arguments):
        for kind in ("conflictsWith", "exactlyOneOf", "requiredWith"):
            assert {*fact.get(kind, ())} <= paths  # type: ignore[misc]
        assert {fact.get("unlessGrown", token), fact.get("zeroMeans", token)} <= {token, *arguments}
    for block, condition in conditions(facts):
        known = arguments[block]["members"] if block else arguments
        assert condition.keys() <= known.keys()
    for rule in facts.get("rules", ()):
        known = arguments[rule["block"]]["members"] if "block" in rule else arguments
        assert {*rule.get("needs", ()), *rule.get("refuses", ()), *rule.get("exactlyOneOf", ())} <= known.keys()


def validators(found: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield found
    for each in (*found.get("all", ()), *found.get("any", ()), *([found["not"]] if "not" in found else [])):
        yield from validators(each)


@pytest.mark.parametrize("token", TOKENS)
def test_every_word_of_the_table_is_one_that_the_code_knows(token: str) -> None:
    facts = all_facts()[token]
    assert facts.keys() <= get_type_hints(TypeFacts).keys()
    for fact in every(facts["arguments"]):
        assert fact.keys() <= get_type_hints(Fact).keys()
        for validator in (fact.get("validator"), fact.get("eachValidator")):
            for each in validators(validator or {}):
                assert each.keys() <= {*_RULES, "all", "any", "not", "ignoreCase", "enumFrom", "prefixLength"}
                assert each.get("format", "arn") in _FORMATS
                assert all(_compiled(each[key]) for key in ("pattern", "notPattern") if key in each)


@pytest.mark.parametrize("token", TOKENS)
def test_every_type_says_where_it_was_read(token: str) -> None:
    assert all_facts()[token]["source"].startswith("aws_")


def test_what_was_not_read_in_the_source_says_where_it_comes_from() -> None:
    told = [fact for facts in all_facts().values() for fact in every(facts["arguments"]) if "origin" in fact]
    assert len(told) == 9


@pytest.mark.parametrize(
    ("condition", "given", "wanted"),
    [
        ({"a": [1, "x"]}, {"a": "x"}, True),
        ({"a": [1]}, {}, False),
        ({"a": [True]}, {"a": "true"}, True),
        ({"a": "given"}, {"a": UNKNOWN}, True),
        ({"a": "missing"}, {}, True),
        ({"a": [1]}, {"a": UNKNOWN}, False),
        ({"a": {"pattern": "^aurora"}}, {"a": "aurora-mysql"}, True),
        ({"a": {"pattern": "^aurora"}}, {"a": "mysql"}, False),
        ({"a": "given", "b": "missing"}, {"a": 1, "b": 2}, False),
        ({"a": [1]}, {"a": [1]}, False),
    ],
)
def test_a_condition_holds_of_what_is_known(condition: dict[str, Any], given: dict[str, Any], wanted: bool) -> None:
    assert holds(condition, json.loads(json.dumps(given))) is wanted
