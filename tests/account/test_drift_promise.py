"""What the drift workflow promises: after `up`, `preview --refresh --expect-no-changes` has nothing to say.

For every pair of choices, in one stack of the real engine, whose account gives back what AWS gives back.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy.serverless_database.config import ConfigError, read_config
from tests.account.account import Account
from tests.account.databases import Instance
from tests.account.maintenance import maintenance_window
from tests.account.pairs import Combination, Pair, all_pairs, pairs_of
from tests.account.provider import Provider
from tests.account.samples import INSTANCE, KEY, OTHER_KEY, instance
from tests.account.stacks import ROOT, Stack

MANY = ROOT / "tests" / "account" / "programs" / "many.py"
_TOPIC = "arn:aws:sns:eu-west-1:000000000000:alarms"
_VERSIONS = {
    ("postgresql", "instance"): "17.7",
    ("mysql", "instance"): "8.4.9",
    ("postgresql", "cluster"): "16.11",
    ("mysql", "cluster"): "8.0.mysql_aurora.3.10.4",
}
_PARAMETERS = {"postgresql": {"log_min_duration_statement": "500"}, "mysql": {"long_query_time": "2"}}
FACTORS = {
    "engine": ["postgresql", "mysql"],
    "target": ["instance", "cluster", "serverless", "existing"],
    "auth": ["iam", "secret", "iam-end-to-end"],
    "profile": ["dev", "prod"],
    "users": ["one", "several"],
    "rotation": ["no", "yes"],
    "readers": ["no", "yes"],
    "keys": ["AWS's", "own"],
    "version": ["AWS's choice", "in full"],
    "tuned": ["no", "yes"],
    "monitored": ["no", "yes"],
}


def configuration(chosen: Mapping[str, str]) -> dict[str, Any]:
    """The keys that say what was chosen."""
    engine, target = chosen["engine"], chosen["target"]
    kind = "cluster" if target in ("cluster", "serverless") else "instance"
    keys: dict[str, Any] = {"engine": engine, "auth": chosen["auth"], "profile": chosen["profile"]}
    if kind == "cluster":
        keys |= {"kind": kind, **({"instanceClass": "db.serverless"} if target == "serverless" else {})}
    if target == "existing":
        keys |= {"vpcId": "vpc-0a", "subnetIds": ["subnet-0a", "subnet-0b"], "existingDatabase": _existing(engine)}
    if chosen["users"] == "several":
        other = "secret" if chosen["auth"] != "secret" else "iam"
        keys["users"] = [{"name": "reporting", "auth": other}]
        keys["functions"] = {"app": {"path": "handler"}, "reports": {"path": "handler", "user": "reporting"}}
    if chosen["rotation"] == "yes":
        keys["rotationDays"] = 30
    if chosen["readers"] == "yes":
        keys |= {"readerEndpoint": True, "instances": 2}
    if chosen["keys"] == "own":
        keys |= {"kmsKeyArn": KEY, "logKmsKeyArn": OTHER_KEY, "tags": {"team": "orders"}}
    if chosen["version"] == "in full":
        keys["engineVersion"] = _VERSIONS[engine, kind]
    if chosen["tuned"] == "yes":
        keys |= {"maxConnectionsPercent": 60, "idleClientTimeout": 300, "initQuery": "SET time_zone = 'UTC'"}
        if target != "existing":
            keys |= {"port": 6000, "maxConnections": 200, "parameters": _PARAMETERS[engine], "zones": 3}
    if chosen["monitored"] == "yes":
        keys["alarmTopicArn"] = _TOPIC
        function = {"tracing": True, "ephemeralStorage": 1024, "environment": {"STAGE": "test"}}
        functions: dict[str, Any] = keys.get("functions", {"app": {"path": "handler"}})
        keys["functions"] = {name: {**each, **function} for name, each in functions.items()}
    return keys


def _existing(engine: str) -> dict[str, Any]:
    """The database that the account has already."""
    return {
        "identifier": f"legacy-{engine}",
        "endpoint": f"legacy-{engine}.abcdefghijkl.eu-west-1.rds.amazonaws.com",
        "resourceId": "db-ABCDEFGHIJKL",
        "securityGroupId": "sg-0a",
        "maxConnections": 405,
    }


def refusal(chosen: Combination) -> str:
    """Why the program does not take it; nothing when it does."""
    told = {key: value if isinstance(value, str) else json.dumps(value) for key, value in configuration(chosen).items()}
    try:
        read_config(told, project=ROOT)
    except ConfigError as error:
        return str(error)
    return ""


@cache
def found() -> tuple[list[Combination], set[Pair]]:
    """The combinations, and the pairs that the program refuses."""
    return all_pairs(FACTORS, lambda chosen: not refusal(chosen), seed=12)


# A pair that no configuration can have.
IMPOSSIBLE = {
    ("readers yes", "target instance"),
    ("readers yes", "target existing"),
    ("target existing", "version in full"),
}


def test_every_pair_of_choices_is_in_a_combination_or_refused_by_the_program() -> None:
    combinations, refused = found()
    assert {tuple(sorted(f"{factor} {choice}" for factor, choice in pair)) for pair in refused} == IMPOSSIBLE
    wanted = {
        frozenset({(one, first), (other, second)})
        for one in FACTORS
        for other in FACTORS
        if one < other
        for first in FACTORS[one]
        for second in FACTORS[other]
    }
    assert wanted == {pair for each in combinations for pair in pairs_of(each)} | refused


@pytest.mark.engine
def test_after_up_nothing_drifts_whatever_two_choices_meet(tmp_path: Path) -> None:
    combinations, _ = found()
    stack = Stack(tmp_path, MANY)
    _make_what_exists(stack.account)
    stack.configure(sets={f"c{index}": configuration(each) for index, each in enumerate(combinations)})
    stack.up()
    made = [each for each in stack.account.all(Instance.kind) if not each.startswith("legacy-")]
    assert len(made) == sum(each["target"] == "instance" for each in combinations)
    # Nor after what AWS does by itself: minor versions are upgraded, and a zone is impaired.
    maintenance_window(stack.account)
    stack.account.set("impaired zones", ["eu-west-1a"])
    stack.must_not_drift()


def _make_what_exists(account: Account) -> None:
    for engine, name, version in (("postgres", "postgresql", "16"), ("mysql", "mysql", "8.0")):
        given = instance(identifier=f"legacy-{name}", engine=engine, engineVersion=version)
        Provider(account).make(INSTANCE, **given)
