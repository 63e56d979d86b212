from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.provider.arguments import UnknownTypeError, real_type
from local.provider.changes import is_changed, replaces
from local.provider.types import aws_type, aws_types

SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

FUNCTION = "aws:lambda/function:Function"
PROXY = "aws:rds/proxy:Proxy"


def problems(token: str, given: dict[str, Any]) -> list[tuple[str, str]]:
    return real_type(token).problems(given)


def test_an_argument_that_the_real_class_lacks_is_named_with_the_one_that_was_meant() -> None:
    found = problems("aws:rds/proxy:Proxy", {"engineFamilly": "POSTGRESQL", "roleArn": "x", "vpcSubnetIds": []})
    sentences = [sentence for _, sentence in found]
    assert "engineFamilly is not an argument of this type; did you mean engineFamily?" in sentences
    assert "engineFamily is required" in sentences


def test_nested_arguments_are_checked_too_and_lists_of_them() -> None:
    given = {"engineFamily": "POSTGRESQL", "roleArn": "x", "vpcSubnetIds": [], "auths": [{"secretARN": "x"}]}
    assert [where for where, _ in problems("aws:rds/proxy:Proxy", given)] == ["auths[0].secretARN"]


def test_an_unknown_value_is_a_value() -> None:
    given = {"engineFamily": SENTINEL, "roleArn": SENTINEL, "vpcSubnetIds": SENTINEL, "auths": SENTINEL}
    assert problems("aws:rds/proxy:Proxy", given) == []


@pytest.mark.parametrize("token", ["aws:rds/nothing:Nothing", "aws:nothing/x:X", "gcp:x/y:Z", ""])
def test_a_type_that_pulumi_aws_lacks_is_refused(token: str) -> None:
    with pytest.raises(UnknownTypeError, match="is not a resource type"):
        real_type(token)


@pytest.mark.parametrize(
    "token",
    [
        "aws:lambda/function:Function",
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        "aws:cloudwatch/metricAlarm:MetricAlarm",
        "aws:s3/bucketV2:BucketV2",
        "aws:dynamodb/table:Table",
        "aws:sqs/queue:Queue",
        "aws:ec2/networkInterfaceAttachment:NetworkInterfaceAttachment",
    ],
)
def test_every_type_of_the_real_package_is_known(token: str) -> None:
    assert real_type(token).arguments.kinds
    assert "arn" in real_type(token).outputs or "id" in real_type(token).outputs or real_type(token).outputs


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"timeout": "abc"}, 'timeout is "abc"; it takes a whole number'),
        ({"memorySize": 128.5}, "memorySize is 128.5; it takes a whole number"),
        ({"memorySize": True}, "memorySize is true; it takes a whole number"),
        ({"publish": 1}, "publish is 1; it takes true or false"),
        ({"architectures": "arm64"}, 'architectures is "arm64"; it takes a list'),
        ({"runtime": ["python3.13"]}, "runtime is a list; it takes text"),
        ({"code": "function.zip"}, 'code is "function.zip"; it takes an asset or archive'),
        ({"environment": []}, "environment is a list; it takes a map"),
        ({"environment": {"variables": {"A": {"B": "C"}}}}, "environment.variables.A is a map; it takes text"),
        ({"layers": ["a", ["b"]]}, "layers[1] is a list; it takes text"),
    ],
)
def test_a_value_of_another_type_is_named_with_the_type_it_must_have(wrong: dict[str, Any], sentence: str) -> None:
    assert [said for _, said in problems(FUNCTION, {"role": "r", **wrong})] == [sentence]


@pytest.mark.parametrize(
    "right",
    [{"timeout": "5"}, {"timeout": 5}, {"publish": "true"}, {"environment": {"variables": {"A": 1, "B": False}}}],
)
def test_what_the_real_provider_converts_is_accepted(right: dict[str, Any]) -> None:
    assert problems(FUNCTION, {"role": "r", **right}) == []


def test_a_secret_of_another_type_is_not_quoted() -> None:
    [(_, sentence)] = problems(
        "aws:rds/instance:Instance", {"instanceClass": "db.t4g.micro", "password": {"value": "hunter2"}}
    )
    assert sentence == "password is a map; it takes text"


def test_only_what_aws_fills_in_is_computed() -> None:
    proxy = real_type("aws:rds/proxy:Proxy").computed
    assert {"arn", "endpoint", "idleClientTimeout", "tagsAll"} <= proxy
    assert not {"requireTls", "debugLogging", "tags"} & proxy
    assert "environment" not in real_type(FUNCTION).computed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TOKENS = st.sampled_from(sorted(aws_types()))


@settings(max_examples=300)
@given(TOKENS, st.data())
def test_no_input_of_whatever_shape_makes_check_or_diff_fall_over(token: str, data: st.DataObject) -> None:
    row = aws_type(token)
    shapes = st.dictionaries(st.sampled_from(sorted(row.facts["arguments"])), JSON, max_size=6)
    old, new = data.draw(shapes), data.draw(shapes)
    for where, sentence in row.problems(new, new):
        assert where and sentence
    for name, fact in row.facts["arguments"].items():
        assert not is_changed(name, fact, new, new)
        if is_changed(name, fact, old, new):
            assert replaces(name, fact, old, new) in (True, False)
