"""What is common to all kinds of resources: their names, and who hears of a change."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.supervisor import kinds
from local.supervisor.cloud import Cloud
from local.supervisor.errors import LaptopError
from local.supervisor.kinds.kind import Kind

NAMES = ["parameter-group", "role-policy", "instance", "proxy", "target-group", "target", "function"]
POLICY = {"role": "api", "policy": "{}"}


class Listener(Kind):
    """Counts how often it is told that something has changed."""

    name = "listener"
    told = 0

    def settle(self) -> None:
        self.told += 1


def make_cloud(folder: Path) -> Cloud:
    return Cloud(
        folder,
        account_hash="c0ffee123456",
        subnet="127.99.1",
        region="eu-west-1",
        gateway="http://127.99.1.1:4566",
        libraries=lambda: folder,
        shell_secret="of the test's own",
    )


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    return make_cloud(tmp_path)


def test_a_kind_is_a_module_and_an_entry_of_the_cloud_and_keeps_its_name(cloud: Cloud) -> None:
    (folder,) = kinds.__path__
    modules = {file.stem for file in Path(folder).glob("*.py")} - {"__init__", "kind"}
    assert {each.replace("_", "-") for each in modules} == {*cloud._kinds}
    assert [*cloud._kinds] == NAMES
    for module in modules:
        assert type(cloud._kinds[module.replace("_", "-")]).__module__ == f"{kinds.__name__}.{module}"


@pytest.mark.parametrize(
    "change",
    [
        lambda cloud: cloud.put("role-policy", "api:connect", POLICY),
        lambda cloud: cloud.put("parameter-group", "small", {"parameters": {}}),
        lambda cloud: cloud.delete("role-policy", "stored"),
        lambda cloud: cloud.secrets.create("a secret", "{}", description=""),
        lambda cloud: cloud.restore(),
    ],
    ids=["put", "put of another kind", "delete", "secret", "restore"],
)
def test_every_kind_is_told_of_every_change(cloud: Cloud, change: Callable[[Cloud], object]) -> None:
    cloud.put("role-policy", "stored", POLICY)
    listener = Listener()
    cloud._kinds[listener.name] = listener
    change(cloud)
    assert listener.told == 1


def test_an_unknown_kind_is_refused(cloud: Cloud) -> None:
    with pytest.raises(LaptopError, match='no resources of kind "cluster"'):
        cloud.put("cluster", "orders", {})


def test_a_state_that_was_written_before_is_read_and_what_has_no_proxy_goes(tmp_path: Path) -> None:
    listed = [
        {"kind": "role-policy", "identifier": "api:connect", "spec": POLICY, "facts": {}},
        {"kind": "parameter-group", "identifier": "small", "spec": {"parameters": {}}, "facts": {}},
        {"kind": "target-group", "identifier": "gone", "spec": {}, "facts": {"arn": "arn", "name": "default"}},
        {
            "kind": "target",
            "identifier": "gone/orders",
            "spec": {"proxyName": "gone", "dbInstanceIdentifier": "orders"},
            "facts": {},
        },
    ]
    (tmp_path / "resources.json").write_text(json.dumps({"addresses": {"proxy/orders": 10}, "resources": listed}))
    cloud = make_cloud(tmp_path)
    cloud.restore()
    assert cloud.problems == []
    assert [(each["kind"], each["status"]) for each in cloud.resources()] == [
        ("role-policy", "available"),
        ("parameter-group", "available"),
    ]
