import pytest

from lambda_rds_proxy.iam_policies import connect_arn, use_secret

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0123"


@pytest.mark.parametrize(
    ("partition", "region", "service"),
    [
        ("aws", "eu-west-1", "secretsmanager.eu-west-1.amazonaws.com"),
        ("aws-us-gov", "us-gov-west-1", "secretsmanager.us-gov-west-1.amazonaws.com"),
        ("aws-cn", "cn-north-1", "secretsmanager.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_key_may_be_used_by_way_of_secrets_manager_in_every_partition(
    partition: str, region: str, service: str
) -> None:
    secret = f"arn:{partition}:secretsmanager:{region}:123456789012:secret:app"
    _, key = use_secret(secret, region=region, key_arn=KEY)
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": service}}


def test_only_who_writes_a_secret_may_make_data_keys() -> None:
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app"
    _, read = use_secret(secret, region="eu-west-1", key_arn=KEY)
    _, written = use_secret(secret, region="eu-west-1", key_arn=KEY, actions=["secretsmanager:PutSecretValue"])
    assert read["Action"] == ["kms:Decrypt"]
    assert written["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_a_login_is_for_one_user_on_one_resource_in_the_partition_of_the_stack() -> None:
    arn = connect_arn("arn:aws-cn:iam::123456789012:role/proxy", region="cn-north-1", resource_id="db-ABC", user="app")
    assert arn == "arn:aws-cn:rds-db:cn-north-1:123456789012:dbuser:db-ABC/app"
