"""Snapshots, keys, what waits for the maintenance window, and what is refused."""

from typing import Any

import pytest

from tests.account.account import Account
from tests.account.databases import take_snapshot
from tests.account.keys import make_alias
from tests.account.maintenance import maintenance_window
from tests.account.provider import FailedError, Made, Provider
from tests.account.samples import CLUSTER, INSTANCE, KEY, MEMBER, OTHER_KEY, cluster, database, instance, member

ENGINES = ["postgres", "mysql", "aurora-postgresql", "aurora-mysql"]
VERSIONS = {"postgres": "17", "mysql": "8.4", "aurora-postgresql": "17", "aurora-mysql": "8.0"}


def made(provider: Provider, engine: str, **changed: Any) -> Made:
    token, arguments = database(engine=engine, engineVersion=VERSIONS[engine], **changed)
    return provider.make(token, **arguments)


def snapshot(account: Account, name: str, **runs: Any) -> None:
    """A snapshot that somebody took."""
    data = {"engine": "postgres", "dbName": "app_db", "username": "db_admin"}
    take_snapshot(account, "instance-snapshot", {**data, "runs": {"engineVersion": "17.7", **runs}}, name)


# --- snapshots ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_final_snapshot_is_kept_and_its_name_is_taken_for_good(
    account: Account, provider: Provider, engine: str
) -> None:
    provider.destroy(made(provider, engine, skipFinalSnapshot=False, finalSnapshotIdentifier="orders-final"))
    assert [name for _, name in account.left()] == ["orders-final"]
    again = made(provider, engine, skipFinalSnapshot=False, finalSnapshotIdentifier="orders-final")
    with pytest.raises(FailedError, match=r"SnapshotAlreadyExists.*the identifier orders-final already exists"):
        provider.destroy(again)
    assert provider.refresh(again) is not None
    provider.destroy(provider.change(again, finalSnapshotIdentifier="orders-final-2"))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_database_is_restored_from_the_final_snapshot_of_another(provider: Provider, engine: str) -> None:
    name = "databaseName" if "aurora" in engine else "dbName"
    old = made(provider, engine, skipFinalSnapshot=False, finalSnapshotIdentifier="last", kmsKeyId=KEY, **{name: "app"})
    provider.destroy(old)
    new = made(provider, engine, snapshotIdentifier="last", kmsKeyId=KEY)
    assert new.outputs[name] == "app" and new.outputs["kmsKeyId"] == KEY
    assert not provider.drift(new).changes


def test_a_snapshot_that_is_not_there_is_refused(provider: Provider) -> None:
    with pytest.raises(FailedError, match="DBInstanceSnapshot not found: nowhere"):
        provider.make(INSTANCE, **instance(snapshotIdentifier="nowhere"))


@pytest.mark.parametrize(
    ("taken", "stated", "replaces"),
    [
        ({"storageEncrypted": True, "kmsKeyId": KEY}, {"kmsKeyId": KEY}, []),
        ({"storageEncrypted": True, "kmsKeyId": KEY}, {"kmsKeyId": OTHER_KEY}, ["kmsKeyId"]),
        ({"storageEncrypted": True, "kmsKeyId": KEY}, {}, []),
        ({"storageEncrypted": False}, {}, ["storageEncrypted"]),
        ({"storageEncrypted": False}, {"kmsKeyId": KEY}, ["kmsKeyId", "storageEncrypted"]),
    ],
)
def test_a_restored_instance_is_encrypted_as_its_snapshot_and_what_is_stated_else_replaces_it(
    account: Account, provider: Provider, taken: dict[str, Any], stated: dict[str, Any], replaces: list[str]
) -> None:
    snapshot(account, "last", **taken)
    restored = provider.make(INSTANCE, **instance(snapshotIdentifier="last", engineVersion="17", **stated))
    assert provider.drift(restored).replaces == replaces


# --- keys -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_an_alias_comes_back_as_its_key_which_replaces_the_database(
    account: Account, provider: Provider, engine: str
) -> None:
    make_alias(account, "alias/orders", KEY)
    alias = KEY.replace(KEY.split(":")[-1], "alias/orders")
    of_alias = made(provider, engine, kmsKeyId=alias)
    assert of_alias.outputs["kmsKeyId"] == KEY
    assert provider.drift(of_alias).replaces == ["kmsKeyId"]
    provider.destroy(of_alias)
    assert not provider.drift(made(provider, engine, kmsKeyId=KEY)).changes


@pytest.mark.parametrize("engine", ENGINES)
def test_the_key_of_the_master_users_secret_stands_in_the_secret_alone(
    account: Account, provider: Provider, engine: str
) -> None:
    make_alias(account, "alias/orders", KEY)
    of_alias = made(provider, engine, masterUserSecretKmsKeyId="alias/orders")
    assert [each["kmsKeyId"] for each in of_alias.outputs["masterUserSecrets"]] == [KEY]
    assert not provider.drift(of_alias).changes


def test_an_alias_that_is_not_there_is_refused(provider: Provider) -> None:
    with pytest.raises(FailedError, match="does not exist or is disabled"):
        provider.make(INSTANCE, **instance(kmsKeyId="arn:aws:kms:eu-west-1:000000000000:alias/orders"))


# --- the maintenance window -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"instanceClass": "db.m7g.large"},
        {"allocatedStorage": 40},
        {"multiAz": True},
        {"iamDatabaseAuthenticationEnabled": True},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_change_waits_for_the_maintenance_window_and_is_told_as_one_until_then(
    account: Account, provider: Provider, changed: dict[str, Any]
) -> None:
    old = provider.make(INSTANCE, **instance(applyImmediately=False))
    new = provider.change(old, **changed)
    assert provider.drift(new).changes == [*changed]
    maintenance_window(account)
    assert not provider.drift(new).changes


def test_a_version_that_waits_is_not_told_since_the_provider_knows_it(account: Account, provider: Provider) -> None:
    old = provider.make(INSTANCE, **instance(applyImmediately=False, engineVersion="17.5"))
    new = provider.change(old, engineVersion="17.7")
    assert not provider.drift(new).changes
    assert account.all("instance")["orders"]["runs"]["engineVersion"] == "17.5"


def test_what_is_no_matter_of_the_window_is_done_at_once(provider: Provider) -> None:
    old = provider.make(INSTANCE, **instance(applyImmediately=False))
    assert not provider.drift(provider.change(old, backupRetentionPeriod=7, deletionProtection=True)).changes


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_waits_when_it_is_to_be_applied_immediately(provider: Provider, engine: str) -> None:
    changed = provider.change(made(provider, engine), iamDatabaseAuthenticationEnabled=True)
    assert not provider.drift(changed).changes


def test_a_members_class_waits_too(account: Account, provider: Provider) -> None:
    provider.make(CLUSTER, **cluster())
    new = provider.change(provider.make(MEMBER, **member(applyImmediately=False)), instanceClass="db.r6g.large")
    assert provider.drift(new).changes == ["instanceClass"]
    maintenance_window(account)
    assert not provider.drift(new).changes


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_a_taken_identifier_and_a_protected_database_are_refused(provider: Provider, engine: str) -> None:
    first = made(provider, engine, deletionProtection=True)
    with pytest.raises(FailedError, match="AlreadyExists"):
        made(provider, engine)
    with pytest.raises(FailedError, match="Cannot delete protected"):
        provider.destroy(first)


def test_a_cluster_with_members_is_not_deleted_and_the_first_that_was_made_is_its_writer(provider: Provider) -> None:
    whole = provider.make(CLUSTER, **cluster())
    members = [provider.make(MEMBER, **member(identifier=each)) for each in ("orders-1", "orders-0")]
    assert [each.outputs["writer"] for each in members] == [True, False]
    with pytest.raises(FailedError, match="it still contains DB instances"):
        provider.destroy(whole)
    for each in (*members, whole):
        provider.destroy(each)


def test_a_serverless_member_needs_a_cluster_with_capacities_and_one_of_its_engine(provider: Provider) -> None:
    provider.make(CLUSTER, **cluster())
    with pytest.raises(FailedError, match="Set the Serverless v2 scaling configuration on the parent DB cluster"):
        provider.make(MEMBER, **member(instanceClass="db.serverless"))
    with pytest.raises(FailedError, match="doesn't match the engine name of your DB cluster"):
        provider.make(MEMBER, **member(engine="aurora-mysql"))
