from typing import Any

import pytest

from lambda_rds_proxy.references import DatabaseRef, DatabaseUserRef, ProxyRef
from lambda_rds_proxy.settings.reading import Reader, checks_of
from lambda_rds_proxy.settings.spelling import ARGUMENTS
from lambda_rds_proxy.stack.args import StackSettings

DECLARING = (StackSettings, DatabaseRef, DatabaseUserRef, ProxyRef)
KEYS = [(kind, field) for kind in DECLARING for field in kind.__annotations__ if "kms_key" in field]
KEY = "arn:aws:kms:eu-west-1:123456789012:key/"


def problems(kind: type[Any], field: str, value: str) -> list[str]:
    reader = Reader(ARGUMENTS)
    reader.structure(kind, {field: value})
    return [each for each in reader.problems if field in each and "missing" not in each]


def test_all_four_keys_are_looked_at() -> None:
    assert {field for _, field in KEYS} == {
        *("kms_key_arn", "log_kms_key_arn", "admin_secret_kms_key_arn", "secret_kms_key_arn")
    }
    assert all(field in checks_of(kind) for kind, field in KEYS)


@pytest.mark.parametrize(("kind", "field"), KEYS)
@pytest.mark.parametrize(
    "alias", ["arn:aws:kms:eu-west-1:123456789012:alias/orders", "arn:aws-cn:kms:cn-north-1:123456789012:alias/aws/rds"]
)
def test_an_alias_is_refused_with_its_name_and_the_way_to_the_key(kind: type[Any], field: str, alias: str) -> None:
    (sentence,) = problems(kind, field, alias)
    assert ":alias/" in sentence
    assert "it must be the ARN of a KMS key" in sentence
    assert "aws kms describe-key" in sentence


@pytest.mark.parametrize(("kind", "field"), KEYS)
@pytest.mark.parametrize("key", [f"{KEY}0123", f"{KEY}mrk-0123456789abcdef0123456789abcdef"])
def test_a_key_of_one_region_or_of_several_is_taken(kind: type[Any], field: str, key: str) -> None:
    assert problems(kind, field, key) == []
