"""The judge of policies, on what IAM's user guide says of conditions."""

from typing import Any

import pytest

from tests.contracts.iam import allowed


def one(**statement: Any) -> list[dict[str, Any]]:
    return [{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::a/*", **statement}]


def test_action_and_resource_must_match_and_action_has_no_case() -> None:
    assert allowed(one(), "S3:getObject", "arn:aws:s3:::a/b/c")
    assert not allowed(one(), "s3:PutObject", "arn:aws:s3:::a/b")
    assert not allowed(one(), "s3:GetObject", "arn:aws:s3:::A/b")
    assert not allowed(one(Resource="arn:aws:s3:::a.b"), "s3:GetObject", "arn:aws:s3:::axb")


def test_a_denial_wins() -> None:
    assert not allowed([*one(), *one(Effect="Deny")], "s3:GetObject", "arn:aws:s3:::a/b")


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"aws:RequestTag/team": ["a", "b"]}}, {"aws:requesttag/team": "b"}, True),
        ({"StringEquals": {"aws:RequestTag/team": "a"}}, {"aws:RequestTag/team": "b"}, False),
        ({"StringEquals": {"aws:RequestTag/team": "a"}}, {}, False),
        ({"StringEquals": {"a:b": "*"}}, {"a:b": "c"}, False),
        ({"StringLike": {"a:b": "c*"}}, {"a:b": "cd"}, True),
        ({"StringLike": {"a:b": "c*"}, "StringEquals": {"a:c": "d"}}, {"a:b": "cd"}, False),
        ({"ArnEquals": {"a:b": "arn:aws:iam::1:policy/x"}}, {"a:b": "arn:aws:iam::1:policy/y"}, False),
        ({"Null": {"a:b": "true"}}, {}, True),
        ({"Null": {"a:b": "true"}}, {"a:b": "c"}, False),
        ({"ForAnyValue:StringEquals": {"a:b": "c"}}, {"a:b": ["d", "c"]}, True),
        ({"ForAnyValue:StringEquals": {"a:b": "c"}}, {}, False),
    ],
)
def test_every_condition_must_hold_and_a_missing_key_fails(condition: Any, context: Any, holds: bool) -> None:
    assert allowed(one(Condition=condition), "s3:GetObject", "arn:aws:s3:::a/b", context) is holds


def test_what_it_does_not_know_it_does_not_judge() -> None:
    with pytest.raises(AssertionError, match="NotAction"):
        allowed(one(NotAction="s3:*"), "s3:GetObject", "arn:aws:s3:::a/b")
    with pytest.raises(KeyError, match="NumericLessThan"):
        allowed(one(Condition={"NumericLessThan": {"a:b": "1"}}), "s3:GetObject", "arn:aws:s3:::a/b", {"a:b": "1"})
