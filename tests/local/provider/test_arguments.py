import pytest

from local.provider.arguments import UnknownTypeError, arguments, output_names, problems

SENTINEL = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"


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
        arguments(token)


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
    ],
)
def test_every_type_of_the_real_package_is_known(token: str) -> None:
    assert arguments(token).types
    assert "arn" in output_names(token) or "id" in output_names(token) or output_names(token)
