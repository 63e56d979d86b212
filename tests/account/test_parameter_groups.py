"""Families, what a parameter takes, static and dynamic ones, and the apply method that AWS gives back."""

from typing import Any

import pytest

from tests.account.provider import FailedError, Provider
from tests.account.samples import CLUSTER_GROUP, GROUP, database, instance


def parameter(name: str, value: str, method: str = "pending-reboot") -> dict[str, str]:
    return {"name": name, "value": value, "applyMethod": method}


@pytest.mark.parametrize("family", ["postgres17.4", "postgres99", "mysql8", "aurora-mysql3"])
def test_a_family_that_no_version_is_of_is_refused(provider: Provider, family: str) -> None:
    with pytest.raises(FailedError, match=f"ParameterGroupFamily {family} is not a valid parameter group family"):
        provider.make(GROUP, family=family)


@pytest.mark.parametrize(
    ("token", "family", "given", "says"),
    [
        (GROUP, "mysql8.4", parameter("require_secure_transport", "ON"), "allowed values are: 0,1"),
        (CLUSTER_GROUP, "aurora-mysql8.0", parameter("require_secure_transport", "1"), "allowed values are: ON,OFF"),
        (GROUP, "postgres17", parameter("max_connections", "5"), "Invalid parameter value: 5 for: max_connections"),
        (GROUP, "postgres17", parameter("max_connection", "100"), "Could not find parameter with name: max_connection"),
        (GROUP, "mysql8.4", parameter("rds.force_ssl", "1"), "Could not find parameter with name: rds.force_ssl"),
        (
            GROUP,
            "postgres17",
            parameter("max_connections", "100", "immediate"),
            "cannot use immediate apply method for static parameter",
        ),
        (
            CLUSTER_GROUP,
            "aurora-postgresql17",
            {"name": "rds.logical_replication", "value": "1"},  # immediate is the provider's default
            "cannot use immediate apply method for static parameter",
        ),
    ],
)
def test_what_aws_does_not_take_is_refused_in_its_words(
    provider: Provider, token: str, family: str, given: dict[str, str], says: str
) -> None:
    with pytest.raises(FailedError, match=says):
        provider.make(token, family=family, parameters=[given])


# Each value is the server's own default, whose method AWS does not keep.
_DEFAULTS = [
    (GROUP, "postgres17", parameter("rds.force_ssl", "1", "immediate"), []),
    (CLUSTER_GROUP, "aurora-postgresql17", parameter("rds.force_ssl", "1", "immediate"), ["parameters"]),
    (CLUSTER_GROUP, "aurora-postgresql16", parameter("rds.force_ssl", "1", "immediate"), []),
    (CLUSTER_GROUP, "aurora-mysql8.4", parameter("require_secure_transport", "ON", "immediate"), ["parameters"]),
    (CLUSTER_GROUP, "aurora-mysql8.0", parameter("require_secure_transport", "ON", "immediate"), []),
]


@pytest.mark.parametrize(("token", "family", "given", "changes"), _DEFAULTS)
def test_a_default_comes_back_as_pending_reboot_which_a_clusters_group_shows_as_a_change(
    provider: Provider, token: str, family: str, given: dict[str, str], changes: list[str]
) -> None:
    made = provider.make(token, family=family, parameters=[given])
    assert provider.drift(made).changes == changes
    said = provider.make(token, name="right", family=family, parameters=[{**given, "applyMethod": "pending-reboot"}])
    assert not provider.drift(said).changes


def test_a_name_in_capitals_comes_back_small_and_is_no_change(provider: Provider) -> None:
    made = provider.make(GROUP, family="postgres17", parameters=[parameter("Max_Connections", "100")])
    assert made.outputs["parameters"][0]["name"] == "max_connections"
    assert not provider.drift(made).changes


@pytest.mark.parametrize(
    ("token", "family", "given"),
    [
        (GROUP, "postgres16", {"parameterGroupName": "own"}),
        (CLUSTER_GROUP, "aurora-postgresql16", {"engine": "aurora-postgresql", "dbClusterParameterGroupName": "own"}),
    ],
)
def test_a_group_of_another_family_is_refused_by_a_database(
    provider: Provider, token: str, family: str, given: dict[str, Any]
) -> None:
    made = provider.make(token, name="own", family=family)
    kind, arguments = database(**{key: made.id if value == "own" else value for key, value in given.items()})
    with pytest.raises(FailedError, match=f"with DBParameterGroupFamily {family} cannot be used for this instance"):
        provider.make(kind, **arguments)


def test_a_group_that_a_database_uses_is_not_deleted(provider: Provider) -> None:
    group = provider.make(GROUP, family="postgres17")
    made = provider.make("aws:rds/instance:Instance", **instance(parameterGroupName=group.id))
    with pytest.raises(FailedError, match=r"still members of this parameter group .*: orders"):
        provider.destroy(group)
    provider.destroy(made)
    provider.destroy(group)
