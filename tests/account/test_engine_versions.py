"""Which versions can be made, which one a prefix means, and what a minor upgrade by AWS looks like afterwards."""

import json
from collections.abc import Iterator
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import pytest

from tests.account.account import Account
from tests.account.engine_versions import TABLE
from tests.account.maintenance import maintenance_window
from tests.account.provider import FailedError, Provider
from tests.account.samples import CLUSTER, INSTANCE, MEMBER, cluster, database, instance, member


def listed(resource: str, engine: str, place: str) -> Iterator[str]:
    text = (files("cfnlint") / "data/schemas/extensions" / f"{resource}.json").read_text()
    for each in json.loads(text)["allOf"]:
        if each["if"]["properties"]["Engine"].get("const") == engine:
            yield from each[place]["properties"]["EngineVersion"].get("enum", [])


def test_the_table_is_the_list_that_its_source_publishes() -> None:
    table = json.loads(TABLE.read_bytes())
    assert f"cfn-lint {version('cfn-lint')}" in table["source"]
    for engine, versions in table["versions"].items():
        resource = "aws_rds_dbcluster" if "aurora" in engine else "aws_rds_dbinstance"
        made = {*listed(f"{resource}/engine_version", engine, "then")}
        made -= {*listed(f"{resource}/engine_version_deprecated", engine, "if")}
        numbers = 2 if "postgres" in engine else 3
        plain = {each for each in made if "-" not in each and each.count(".") >= numbers - 1}
        assert {*versions} == plain


@pytest.mark.parametrize(
    ("engine", "asked"),
    [("postgres", "17.4"), ("mysql", "8.4.1"), ("aurora-postgresql", "15.5"), ("aurora-mysql", "5.7.12")],
)
def test_a_version_that_is_not_there_is_refused_in_awss_words(provider: Provider, engine: str, asked: str) -> None:
    token, arguments = database(engine=engine, engineVersion=asked)
    with pytest.raises(FailedError, match=f"Cannot find version {asked} for {engine}"):
        provider.make(token, **arguments)


@pytest.mark.parametrize(
    ("engine", "asked"), [("postgres", "17"), ("mysql", "8.4"), ("aurora-postgresql", "17"), ("aurora-mysql", "8.0")]
)
def test_a_prefix_means_one_version_in_full_and_stays_what_it_was_after_an_upgrade(
    account: Account, provider: Provider, engine: str, asked: str
) -> None:
    token, arguments = database(engine=engine, engineVersion=asked)
    made = provider.make(token, **arguments)
    runs = made.outputs["engineVersionActual"]
    assert made.outputs["engineVersion"] == asked and runs.startswith(f"{asked}.")
    maintenance_window(account)
    found = provider.refresh(made)
    assert found is not None and found.outputs["engineVersionActual"] != runs
    assert not provider.drift(made).changes


@pytest.mark.parametrize(
    ("given", "changes"),
    [
        (instance(engineVersion="17.7"), ["engineVersion"]),
        (instance(engineVersion="17.7", autoMinorVersionUpgrade=False), []),
        (cluster(engineVersion="17.7"), ["engineVersion"]),
    ],
)
def test_a_version_in_full_is_a_change_once_aws_has_upgraded_it_and_the_way_back_is_refused(
    account: Account, provider: Provider, given: dict[str, Any], changes: list[str]
) -> None:
    made = provider.make(CLUSTER if "clusterIdentifier" in given else INSTANCE, **given)
    maintenance_window(account)
    assert provider.drift(made).changes == changes
    found = provider.refresh(made)
    if changes and found is not None:
        with pytest.raises(FailedError, match=r"Cannot upgrade .* from 17\.11 to 17\.7"):
            provider.change(found)


def test_a_cluster_is_upgraded_only_if_all_of_its_members_are(account: Account, provider: Provider) -> None:
    made = provider.make(CLUSTER, **cluster())
    provider.make(MEMBER, **member())
    provider.make(MEMBER, **member(identifier="orders-1", autoMinorVersionUpgrade=False))
    maintenance_window(account)
    assert not provider.drift(made).changes


@pytest.mark.parametrize(("token", "given"), [(INSTANCE, instance()), (CLUSTER, cluster(engineVersion="17"))])
def test_a_cluster_of_a_prefix_takes_no_change_once_it_runs_a_newer_version_than_awss_default(
    account: Account, provider: Provider, token: str, given: dict[str, Any]
) -> None:
    made = provider.make(token, **given)
    maintenance_window(account)
    account.set("minor versions are upgraded", False)
    found = provider.refresh(made)
    assert found is not None
    if token == CLUSTER:
        with pytest.raises(FailedError, match=r"Cannot upgrade aurora-postgresql from 17\.11 to 17\.10"):
            provider.change(found, backupRetentionPeriod=3)
    else:
        assert not provider.drift(provider.change(found, backupRetentionPeriod=3)).changes


def test_another_major_version_needs_leave(provider: Provider) -> None:
    made = provider.make(INSTANCE, **instance(engineVersion="16"))
    with pytest.raises(FailedError, match="The AllowMajorVersionUpgrade flag must be present"):
        provider.change(made, engineVersion="17")
    changed = provider.change(made, engineVersion="17", allowMajorVersionUpgrade=True)
    assert changed.outputs["engineVersionActual"].startswith("17.")
