"""Allowances: with a reason, on the line or the one above, and reported when they are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.pinning.postgresql import SET
from ops.pins.finding import Finding, allowances, judged

_FOUND = Finding(rule=SET, line=3, last_line=4, shown="set x = $1")


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("# pins: allowed because it is a migration", "it is a migration"),
        ("-- pins: allowed because of psql", "of psql"),
        ("/* pins: allowed because: a script */", "a script"),
        ("#pins:allowed because x", "x"),
        ("# pins: allowed", ""),
        ("# pins: allowed because", ""),
    ],
)
def test_a_comment_allows_with_its_reason(comment: str, why: str) -> None:
    assert [each.why for each in allowances([(1, comment, True)])] == [why]


@pytest.mark.parametrize("comment", ["# it pins: allowed because x", "# pins: forbidden", "# see pins"])
def test_another_comment_allows_nothing(comment: str) -> None:
    assert allowances([(1, comment, True)]) == []


@pytest.mark.parametrize(("line", "alone"), [(2, True), (3, False), (4, False)])
def test_it_stands_on_the_statement_or_above_it(line: int, alone: bool) -> None:
    allowed = allowances([(line, "# pins: allowed because x", alone)])
    assert [(each.line, each.because) for each in judged([_FOUND], allowed, set())] == [(3, "x")]


@pytest.mark.parametrize(("line", "alone"), [(1, True), (2, False), (4, True), (5, False)])
def test_elsewhere_it_allows_nothing_and_is_reported_itself(line: int, alone: bool) -> None:
    allowed = allowances([(line, "# pins: allowed because x", alone)])
    said = judged([_FOUND], allowed, set())
    assert sorted((each.line, each.rule.name) for each in said) == sorted([(3, "set"), (line, "allowance")])
    assert not any(each.because for each in said)


def test_without_a_reason_it_allows_nothing_and_is_reported() -> None:
    said = judged([_FOUND], allowances([(3, "# pins: allowed because", False)]), set())
    assert [(each.rule.name, each.because) for each in said] == [("allowance", ""), ("set", "")]


def test_a_reason_may_go_on_in_the_comment_s_next_lines() -> None:
    said = judged([_FOUND], allowances([(1, "# pins: allowed because x", True)]), {1, 2})
    assert [each.because for each in said] == ["x"]


@given(st.lists(st.integers(1, 30), max_size=6), st.lists(st.tuples(st.integers(1, 30), st.booleans()), max_size=6))
def test_no_finding_is_ever_lost(lines: list[int], comments: list[tuple[int, bool]]) -> None:
    findings = [Finding(rule=SET, line=line) for line in lines]
    allowed = allowances([(line, "# pins: allowed because x", alone) for line, alone in comments])
    said = judged(findings, allowed, {line for line, alone in comments if alone})
    assert sorted(each.line for each in said if each.rule is SET) == sorted(lines)
