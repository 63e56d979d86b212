"""What never runs on the laptop goes through up, refresh, update and destroy: MySQL, and clusters of both engines.

The engine is real, and so is this repository's program; behind the provider is an account in a file.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.account.clusters import Cluster
from tests.account.databases import Instance
from tests.account.logs import LogGroup
from tests.account.maintenance import maintenance_window
from tests.account.proxies import Proxy
from tests.account.samples import KEY
from tests.account.stacks import ROOT, Stack

pytestmark = pytest.mark.engine
MANY = ROOT / "tests" / "account" / "programs" / "many.py"
_SERVERLESS = {"kind": "cluster", "instanceClass": "db.serverless"}
_SETS: dict[str, dict[str, Any]] = {
    "mysql": {"engine": "mysql"},
    "aurora": {"kind": "cluster", "instances": 2, "readerEndpoint": True},
    "auroramysql": {"kind": "cluster", "engine": "mysql"},
    "acu": {**_SERVERLESS, "rotationDays": 30},
    "acumysql": {**_SERVERLESS, "engine": "mysql"},
}
# Of each something else that is changed in place.
_CHANGES: dict[str, dict[str, Any]] = {
    "mysql": {"instanceClass": "db.m7g.large", "storageGib": 40},
    "aurora": {"instanceClass": "db.r6g.large"},
    "auroramysql": {"parameters": {"long_query_time": "2"}},
    "acu": {"maxCapacity": 8},
    "acumysql": {"maxConnectionsPercent": 50, "backupRetentionDays": 3},
}


def test_mysql_and_clusters_go_through_up_refresh_update_and_destroy(tmp_path: Path) -> None:
    stack = Stack(tmp_path, MANY)
    stack.configure(sets=_SETS)
    stack.up()
    _aws_does_its_own(stack)
    stack.must_not_drift()
    stack.configure(sets={name: {**each, **_CHANGES[name]} for name, each in _SETS.items()})
    stack.up()
    account = stack.account
    (instance,) = account.all(Instance.kind).values()
    assert (instance["runs"]["instanceClass"], instance["runs"]["allocatedStorage"]) == ("db.m7g.large", 40)
    capacities = [each["runs"].get("serverlessv2ScalingConfiguration") for each in account.all(Cluster.kind).values()]
    assert {"maxCapacity": 8, "minCapacity": 0.5} in capacities
    stack.must_not_drift()
    stack.destroy()
    assert account.left() == []


def _aws_does_its_own(stack: Stack) -> None:
    """Minor versions are upgraded, and a zone is impaired."""
    before = {name: each["runs"]["engineVersion"] for name, each in stack.account.all(Cluster.kind).items()}
    maintenance_window(stack.account)
    stack.account.set("impaired zones", ["eu-west-1a"])
    after = {name: each["runs"]["engineVersion"] for name, each in stack.account.all(Cluster.kind).items()}
    assert not before.items() & after.items()


def test_the_program_of_this_repository_is_made_checked_and_destroyed_without_a_server(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.configure(engine="mysql", auth="secret")
    # B9 of the list of faults: what the configuration keeps encrypted is so in the state, too.
    functions = {"app": {"path": "handler", "environment": {"API_KEY": "hunter2-clear"}}}
    stack.must("config", "set", "--secret", "functions", json.dumps(functions))
    stack.up()
    state = stack.must("stack", "export")
    assert "API_KEY" in state and "hunter2-clear" not in state
    stack.must_not_drift()
    account = stack.account
    assert {each["madeBy"] for each in account.all(LogGroup.kind).values()} == {"the stack"}
    # So that silence means something: what was changed by hand is told.
    ((name, proxy),) = account.all(Proxy.kind).items()
    account.put(Proxy.kind, name, {**proxy, "idleClientTimeout": 60})
    told = stack.run("preview", "--refresh", "--expect-no-changes", "--diff")
    assert told.returncode != 0 and "~ idleClientTimeout: 60 => 1800" in told.stdout, told.stdout[-3000:]
    stack.destroy()
    assert stack.account.left() == []


def test_a_prod_stack_leaves_a_snapshot_each_time_and_is_restored_from_the_first(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    stack.configure(profile="prod", kmsKeyArn=KEY)
    stack.up()
    _destroy_what_is_protected(stack)
    (first,) = stack.account.all("instance-snapshot")
    stack.configure(profile="prod", kmsKeyArn=KEY, snapshotIdentifier=first)
    stack.up()
    stack.must_not_drift()
    _destroy_what_is_protected(stack)
    snapshots = stack.account.all("instance-snapshot")
    assert len(snapshots) == 2 and {each["kmsKeyId"] for each in snapshots.values()} == {KEY}
    # Prod's secrets can be recovered for 30 days.
    assert [kind for kind, _ in stack.account.left()] == ["instance-snapshot"] * 2 + ["secret"] * 2


def _destroy_what_is_protected(stack: Stack) -> None:
    """As an operator does: Pulumi's protection goes, and the database's by hand."""
    account = stack.account
    before = account.left()
    refused = stack.run("destroy", "--yes")
    assert refused.returncode != 0 and "because it is protected" in refused.stdout + refused.stderr
    assert account.left() == before
    stack.must("state", "unprotect", "--all", "--yes")
    for name, each in account.all(Instance.kind).items():
        account.put(Instance.kind, name, {**each, "runs": {**each["runs"], "deletionProtection": False}})
    stack.must("destroy", "--skip-preview", "--refresh")
