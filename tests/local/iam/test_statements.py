"""What policy statements allow: the IAM User Guide's rules, with conditions taken for the worse."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.iam.statements import is_allowed, unsure

CONNECT = "rds-db:connect"
APP = "arn:aws:rds-db:eu-west-1:000000000000:dbuser:prx-0123/app"
OTHER = "arn:aws:rds-db:eu-west-1:000000000000:dbuser:prx-0123/other"
ALLOW = {"Effect": "Allow", "Action": CONNECT, "Resource": APP}
DENY = {**ALLOW, "Effect": "Deny"}
CONDITION = {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "shop"}}}


def without(statement: dict[str, Any], element: str, **instead: Any) -> dict[str, Any]:
    return {**{key: value for key, value in statement.items() if key != element}, **instead}


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([ALLOW], True),
        ([ALLOW, ALLOW], True),
        ([ALLOW, DENY], False),
        ([DENY, ALLOW], False),
        ([{**ALLOW, "Action": ["sqs:SendMessage", "RDS-DB:*"]}], True),
        ([{**ALLOW, "Resource": [OTHER]}], False),
        ([without(ALLOW, "Action", NotAction="rds-db:connect")], False),
        ([without(ALLOW, "Action", NotAction="RDS-DB:*")], False),
        ([without(ALLOW, "Action", NotAction=["iam:*", "sts:*"])], True),
        ([without(ALLOW, "Resource", NotResource=APP)], False),
        ([without(ALLOW, "Resource", NotResource=[OTHER])], True),
        ([without(ALLOW, "Resource", NotResource="arn:aws:rds-db:*/a*")], False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "NotResource": OTHER}], True),
        ([ALLOW, without(DENY, "Action", NotAction="sqs:*")], False),
        ([ALLOW, without(DENY, "Action", NotAction=[CONNECT])], True),
        ([ALLOW, without(DENY, "Resource", NotResource=APP)], True),
        ([ALLOW, without(DENY, "Resource", NotResource=OTHER)], False),
        ([without(ALLOW, "Action")], False),
        ([without(ALLOW, "Resource")], False),
        ([without(ALLOW, "Effect")], False),
        ([{**ALLOW, **CONDITION}], False),
        ([{**ALLOW, **CONDITION}, ALLOW], True),
        ([ALLOW, {**DENY, **CONDITION}], False),
        ([ALLOW, {**DENY, **CONDITION, "Resource": OTHER}], True),
        ([{**ALLOW, "Condition": {}}], True),
    ],
)
def test_a_statement_allows_what_iam_says(statements: list[dict[str, Any]], allowed: bool) -> None:
    assert is_allowed(statements, action=CONNECT, resource=APP) is allowed


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ({**ALLOW, **CONDITION}, "the laptop cannot tell aws:PrincipalTag/team, the condition of a statement on"),
        ({**ALLOW, **CONDITION}, "rds-db:connect: it allows nothing"),
        ({**DENY, **CONDITION, "Sid": "Office"}, "statement Office on rds-db:connect: it denies in any case"),
        ({**ALLOW, "Condition": "nonsense"}, "the laptop cannot tell ?"),
    ],
)
def test_a_condition_is_said_with_how_it_is_taken(statement: dict[str, Any], sentence: str) -> None:
    (said,) = unsure([ALLOW, statement], action=CONNECT)
    assert sentence in said
    assert "shop" not in said


def test_conditions_of_other_actions_are_nobodys_business() -> None:
    assert list(unsure([{**ALLOW, **CONDITION, "Action": "sqs:*"}], action=CONNECT)) == []


_NAMES = st.sampled_from([CONNECT, "rds-db:*", "*", "sqs:*"])
_STATEMENTS = st.lists(
    st.fixed_dictionaries(
        {"Effect": st.sampled_from(["Allow", "Deny"])},
        optional={
            "Action": _NAMES,
            "NotAction": _NAMES,
            "Resource": st.sampled_from([APP, OTHER, "*"]),
            "NotResource": st.sampled_from([APP, OTHER, "*"]),
            "Condition": st.just(CONDITION["Condition"]),
        },
    ),
    max_size=4,
)


@given(_STATEMENTS)
def test_neither_a_deny_nor_a_condition_ever_adds_to_what_is_allowed(statements: list[dict[str, Any]]) -> None:
    if not is_allowed(statements, action=CONNECT, resource=APP):
        conditioned = [{**each, **CONDITION} for each in statements]
        assert not is_allowed([*statements, DENY], action=CONNECT, resource=APP)
        assert not is_allowed(conditioned, action=CONNECT, resource=APP)


@given(_STATEMENTS)
def test_the_order_of_statements_does_not_matter(statements: list[dict[str, Any]]) -> None:
    verdicts = {is_allowed(each, action=CONNECT, resource=APP) for each in (statements, statements[::-1])}
    assert len(verdicts) == 1
