"""The budget under other choices."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.serverless_database.budget import connection_budget
from ops.budget import budget_of_output
from ops.capacity.what_if import DUTY_CYCLES, choices, reserved_concurrency

_functions = st.lists(st.tuples(st.sampled_from(["api", "report"]), st.none() | st.integers(0, 5000)), max_size=3)
_budgets = st.builds(
    lambda most, percent, functions, vcpus: connection_budget(
        max_connections=most,
        percent=percent,
        reserved_concurrency=functions,
        vcpus=vcpus,
        sessions_per_vcpu=50,
    ),
    st.integers(1, 16_000),
    st.integers(1, 100),
    _functions,
    st.none() | st.sampled_from([0.125, 2.0, 64.0]),
)


def test_a_larger_share_bears_more_and_leaves_less() -> None:
    budget = connection_budget(max_connections=400, percent=60, reserved_concurrency=[("api", 480)])
    found = {each.percent: each for each in choices(budget)}
    assert list(found) == [25, 50, 60, 75, 85, 90]
    assert (found[60].ceiling, found[60].left, found[60].duty_cycle) == (240, 160, 0.5)
    assert found[60].environments == (240, 480, 960, 2400)
    assert found[90].duty_cycle == 0.75


@given(_budgets)
def test_the_choice_that_is_made_says_what_the_budget_says(budget: Any) -> None:
    (own,) = (each for each in choices(budget) if each.percent == budget.percent)
    assert (own.ceiling, own.duty_cycle) == (budget.ceiling, budget.duty_cycle)


@given(_budgets)
def test_where_the_processor_binds_a_choice_shows_what_it_would_bear(budget: Any) -> None:
    found = choices(budget)
    assert all((each.cpu_bears is None) == (budget.vcpus is None) for each in found)
    if budget.is_cpu_bound and budget.bearable_percent:
        assert [each.percent for each in found if each.cpu_bears][-1] == budget.bearable_percent


@given(_budgets)
def test_no_more_environments_than_have_their_share_of_the_time(budget: Any) -> None:
    for each in choices(budget):
        for share, most in zip(DUTY_CYCLES, each.environments, strict=True):
            assert most * share <= each.ceiling * 100 < (most + 1) * share


@given(_budgets)
def test_a_stacks_output_is_read_as_the_budget_that_wrote_it(budget: Any) -> None:
    # Pulumi's numbers are floats.
    output = {key: float(value) if type(value) is int else value for key, value in budget.as_output().items()}
    assert budget_of_output(output) == budget


@pytest.mark.parametrize("output", [None, [], {}, {"maxConnections": "many"}, "text"])
def test_another_programs_output_is_refused_with_the_fix(output: Any) -> None:
    with pytest.raises(ValueError, match="run `pulumi up`"):
        budget_of_output(output)


@given(st.text())
def test_a_function_by_hand_is_a_name_with_a_number_or_refused(text: str) -> None:
    try:
        name, reserved = reserved_concurrency(text)
    except ValueError as error:
        assert "write NAME=CONCURRENCY" in str(error)
    else:
        assert name and (reserved is None or reserved >= 0)


def test_a_function_by_hand_is_read() -> None:
    assert (reserved_concurrency("api=50"), reserved_concurrency("api")) == (("api", 50), ("api", None))
