import json
from typing import Any

import pytest

from lambda_rds_proxy.iam_policies import connect_arn, region_of, secrets_endpoint_policy, use_secret
from lambda_rds_proxy.settings.reading import ArgumentsError

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123"


@pytest.mark.parametrize(
    ("partition", "region", "service"),
    [
        ("aws", "eu-west-1", "secretsmanager.eu-west-1.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "secretsmanager.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
        ("aws-iso", "us-iso-east-1", "secretsmanager.us-iso-east-1.c2s.ic.gov"),
        ("aws-iso-b", "us-isob-east-1", "secretsmanager.us-isob-east-1.sc2s.sgov.gov"),
        ("aws-iso-e", "eu-isoe-west-1", "secretsmanager.eu-isoe-west-1.cloud.adc-e.uk"),
        ("aws-iso-f", "us-isof-south-1", "secretsmanager.us-isof-south-1.csp.hci.ic.gov"),
        ("aws-eusc", "eusc-de-east-1", "secretsmanager.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_a_key_may_be_used_by_way_of_secrets_manager_in_every_partition(
    partition: str, region: str, service: str
) -> None:
    secret = f"arn:{partition}:secretsmanager:{region}:123456789012:secret:app"
    _, key = use_secret(secret, region=region, key_arn=KEY)
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": service}}


def test_a_key_of_a_partition_that_nobody_knows_is_refused_and_the_secret_alone_is_not() -> None:
    secret = "arn:aws-new:secretsmanager:new-1:123456789012:secret:app"
    with pytest.raises(ArgumentsError, match="of partition aws-new, whose host names this version does not know"):
        use_secret(secret, region="new-1", key_arn=KEY)
    assert len(use_secret(secret, region="new-1")) == 1


def test_only_who_writes_a_secret_may_make_data_keys() -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app"
    _, read = use_secret(secret, region="eu-west-1", key_arn=KEY)
    _, written = use_secret(secret, region="eu-west-1", key_arn=KEY, actions=["secretsmanager:PutSecretValue"])
    assert read["Action"] == ["kms:Decrypt"]
    assert written["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_a_login_is_for_one_user_on_one_resource_in_the_partition_of_the_stack() -> None:
    arn = connect_arn("arn:aws-cn:iam::123456789012:role/proxy", region="cn-north-1", resource_id="db-ABC", user="app")
    assert arn == "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:db-ABC/app"


@pytest.mark.parametrize("user", ["", " ", "*", "app*", "app?", "${aws:username}", "a/b"])
def test_a_login_of_nobody_or_of_anybody_is_refused_by_its_user(user: str) -> None:
    with pytest.raises(ArgumentsError, match=r'the user is "[^"]*"; a grant to connect is for one user, by name'):
        connect_arn("arn:aws:iam::123456789012:role/x", region="eu-west-1", resource_id="prx-0123", user=user)


@pytest.mark.parametrize("resource_id", [None, "", "None", "*", "orders-proxy", "prx-*"])
def test_a_login_on_nothing_or_on_anything_is_refused_by_its_id(resource_id: Any) -> None:
    with pytest.raises(ArgumentsError, match="a grant to connect names prx-…, db-… or cluster-…"):
        connect_arn("arn:aws:iam::123456789012:role/x", region="eu-west-1", resource_id=resource_id, user="app")


@pytest.mark.parametrize("secret", [None, "", "*", "app", KEY])
def test_a_grant_of_a_secret_that_is_not_there_is_refused(secret: Any) -> None:
    with pytest.raises(ArgumentsError, match="a grant needs its ARN, give secret_arn"):
        use_secret(secret, region="eu-west-1")


@pytest.mark.parametrize("arn", [None, "", "app"])
def test_what_is_no_arn_has_no_region_and_is_refused(arn: Any) -> None:
    with pytest.raises(ArgumentsError, match="a grant needs that of what was made"):
        region_of(arn)


def test_an_endpoint_lets_through_what_is_of_its_own_partition() -> None:
    group = "arn:aws-cn:ec2:cn-north-1:123456789012:security-group/sg-1"
    secret, _ = json.loads(secrets_endpoint_policy(group, ["app-*"]))["Statement"]
    assert secret["Resource"] == "arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:app-*"
