"""`pulumi config set --secret` of every key: its value stays secret in the state, in outputs and in messages."""

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime.mocks import MockResourceArgs

from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.serverless_database.config import KEYS
from tests.components.declared import ACCOUNT, REGION, Declared, _Aws, without_secrets
from tests.program import run

WORD = "0dec0de0"  # which stands in ids of AWS too
VPC: Any = {"vpcId": "vpc-0a", "subnetIds": ["subnet-0a", "subnet-0b"]}
EXISTING: Any = {
    "identifier": f"orders-{WORD}",
    "endpoint": f"orders-{WORD}.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "resourceId": "db-ABCDEFGHIJKL",
    "securityGroupId": f"sg-{WORD}",
    "adminSecretArn": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{WORD}-AbCdEf",
    "adminSecretKmsKeyArn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{WORD}",
    "maxConnections": 405,
}
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{WORD}"
# Key → a right value that has the word, and what else is said.
KEPT: dict[str, tuple[Any, dict[str, Any]]] = {
    "kmsKeyArn": (KEY, {"rotationDays": 30, "profile": "prod", "snapshotIdentifier": "orders-final"}),
    "logKmsKeyArn": (KEY, {"flowLogs": True, "rotationDays": 30}),
    "permissionsBoundaryArn": (f"arn:aws:iam::{ACCOUNT}:policy/{WORD}", {"flowLogs": True}),
    "vpcId": (f"vpc-{WORD}", {**VPC, "secretsEndpoint": True, "auth": "secret"}),
    "subnetIds": ([f"subnet-{WORD}", "subnet-0b"], {**VPC, "secretsEndpoint": True, "rotationDays": 30}),
    "secretsEndpointSecurityGroupId": (f"sg-{WORD}", {**VPC, "auth": "secret", "rotationDays": 30}),
    "parameters": ({"pgaudit.role": WORD}, {}),
    "initQuery": (f"SET app.key = '{WORD}'", {}),
    "extraClients": ({"bastion": f"sg-{WORD}"}, {}),
    "alarmTopicArn": (f"arn:aws:sns:{REGION}:{ACCOUNT}:{WORD}", {"profile": "prod"}),
    "functions": ({"api": {"path": "handler", "environment": {"API_KEY": WORD}}}, {}),
    "existingDatabase": (EXISTING, {**VPC, "secretsEndpoint": True, "rotationDays": 30, "users": {"reporting": {}}}),
}


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(vpc_function, "build_package", lambda *_, **__: archive)


def clear(declared: Declared) -> list[str]:
    """Where the word stands so that anybody can read it."""
    found = [each.urn for each in declared.resources if WORD in str((without_secrets(each.raw_inputs), each.urn))]
    found += [f"output of {urn}" for urn, each in declared.raw_outputs.items() if WORD in str(without_secrets(each))]
    triggers = {each.urn: str(without_secrets(each.raw_replacement_trigger)) for each in declared.resources}
    found += [each.urn for each in declared.resources if WORD in f"{each.import_id} {triggers[each.urn]}"]
    return found + [message for message in declared.messages if WORD in message]


def said_by_what_failed(key: str, value: Any, **more: Any) -> str:
    declared = Declared()
    with pytest.raises((SystemExit, pulumi.RunError)) as caught:
        run({**more, key: value}, encrypted=[key], into=declared)
    assert clear(declared) == []
    return "\n".join([*declared.messages, str(caught.value)])


@pytest.mark.parametrize("key", KEPT)
def test_what_an_encrypted_key_says_is_in_clear_nowhere(key: str) -> None:
    value, more = KEPT[key]
    declared = run({**more, key: value}, encrypted=[key])
    assert [each.urn for each in declared.resources if WORD in str(each.inputs)]
    assert clear(declared) == []
    in_clear = run({**more, key: value})
    assert clear(in_clear)  # so that the look finds what is there
    assert {each.urn for each in declared.resources} == {each.urn for each in in_clear.resources}


@pytest.mark.parametrize("key", sorted(KEYS.keys() - KEPT.keys()))
@pytest.mark.parametrize("value", [WORD, {WORD: WORD}, {"team": WORD}])
def test_any_other_key_is_refused_without_a_word_of_its_value(key: str, value: Any) -> None:
    said = said_by_what_failed(key, value)
    assert f"{key} is encrypted" in said and "without --secret" in said
    assert WORD not in said


WRONG = [
    (key, wrong)
    for key in KEPT
    for wrong in (WORD, [WORD], [[WORD]], {"a": [WORD]}, {"api": {"path": WORD}}, {"identifier": [WORD]})
    # Which takes any text: it is SQL.
    if key != "initQuery"
]


@pytest.mark.parametrize(("key", "wrong"), WRONG)
def test_a_value_that_is_wrong_is_refused_without_being_quoted(key: str, wrong: Any) -> None:
    said = said_by_what_failed(key, wrong)
    assert key in said and WORD not in said


def test_what_a_rule_tells_of_a_value_that_is_encrypted_has_not_the_value() -> None:
    said = said_by_what_failed("functions", {"api": {"path": "handler", "environment": {"DB_HOST": WORD}}})
    assert "functions.api" in said and WORD not in said
    said = said_by_what_failed("functions", {"api": {"path": WORD, "environment": {"A": "b"}}})
    assert 'functions.api.path is "[secret]"; it must be an existing folder' in said


def test_a_network_that_is_not_fit_is_told_without_the_ids_that_are_encrypted() -> None:
    subnets = [f"subnet-{WORD}1", "subnet-0b2"]
    plain = Declared()
    with pytest.raises(pulumi.RunError, match=f"subnet subnet-{WORD}1 is in vpc-1, not in vpc-0a"):
        run({**VPC, "subnetIds": subnets, "preflight": True}, into=plain)
    said = said_by_what_failed("subnetIds", subnets, vpcId="vpc-0a", preflight=True)
    assert "subnet [secret] is in [secret], not in [secret]; choose subnets of the same VPC" in said
    assert WORD not in said


class _OfAnotherKey(_Aws):
    """Restores a database with the key of its snapshot."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        made, outputs = super().new_resource(args)
        if args.typ == "aws:rds/instance:Instance":
            outputs = {**outputs, "storageEncrypted": True, "kmsKeyId": KEY.replace("key/", "key/other-")}
        return made, outputs


def test_a_key_that_a_snapshot_does_not_have_is_told_without_it() -> None:
    config: Any = {"kmsKeyArn": KEY, "snapshotIdentifier": "orders-final"}
    (told,) = [each for each in run(config, aws=_OfAnotherKey({})).messages if "orders-final" in each]
    assert WORD in told
    declared = run(config, encrypted=["kmsKeyArn"], aws=_OfAnotherKey({}))
    (told,) = [each for each in declared.messages if "orders-final" in each]
    assert "[secret]" in told and clear(declared) == []
