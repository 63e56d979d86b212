from typing import NotRequired, TypedDict

import pytest

from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.config import KEYS
from lambda_rds_proxy.settings.checks import Checks, default, number
from lambda_rds_proxy.settings.documented import as_keys, default_of, docstrings, key_descriptions, sections

SECTIONS = {section.title: section for section in sections(ServerlessDatabaseArgs)}
ENTRIES = {entry.argument: entry for section in SECTIONS.values() for entry in section.entries}


class Example(TypedDict):
    """An example."""

    first: NotRequired[int]
    """First line,
    and second."""
    undocumented: NotRequired[int]
    last: NotRequired[bool]
    """The last."""


CHECKS: Checks = {"first": number(1, 9, default=4), "last": default(True)}


def test_the_docstring_beneath_a_field_is_one_line_and_belongs_to_no_other_field() -> None:
    assert docstrings(Example) == {"first": "First line, and second.", "last": "The last."}


def test_a_default_is_that_of_the_check() -> None:
    assert [default_of(Example, field) for field in Example.__annotations__] == ["4", "", "true"]


@pytest.mark.parametrize(
    ("text", "as_key"),
    [
        ("needs `vpc_id`", "needs `vpcId`"),
        ("vpc_id without backticks", "vpc_id without backticks"),
        ("`{vpc_id, db_name}` and `DB_HOST`", "`{vpcId, db_name}` and `DB_HOST`"),
        ("`instance_identifiers`", "`instances`"),
    ],
)
def test_fields_in_backticks_become_keys(text: str, as_key: str) -> None:
    assert as_keys(text, frozenset({"vpc_id", "instance_identifiers"})) == as_key


def test_every_key_is_described_without_markdown_and_without_its_default() -> None:
    described = key_descriptions(ServerlessDatabaseArgs)
    assert list(described) == list(KEYS)
    assert described["maxConnectionsPercent"] == (
        "Share of the database's max_connections that the proxy may take, 1 to 100.", "85"
    )  # fmt: skip
    assert described["vpcId"] == ("An existing VPC instead of a new one; needs subnetIds.", "")
    assert "subnetGroup, securityGroupIds, instances}" in described["adopted"][0]
    assert [
        key for key, (text, _) in described.items() if "`" in text or "_ids" in text or not text.endswith(".")
    ] == []


def test_a_setting_is_shown_with_what_the_reader_and_its_check_say() -> None:
    assert ENTRIES["proxy.max_connections_percent"].allowed == "a whole number from 1 to 100"
    assert ENTRIES["stack.profile"].allowed == "one of dev, prod"
    assert ENTRIES["stack.tags"].allowed == "a map"
    assert ENTRIES["network.preflight"].allowed == "true or false"
    assert ENTRIES["proxy.init_query"].allowed == "a text"
    assert ENTRIES["proxy.session_pinning_filters"].allowed == "a list"


def test_what_has_no_default_says_whether_it_is_needed() -> None:
    assert ENTRIES["functions.<name>.path"].default == "required"
    assert ENTRIES["functions.<name>.memory"].default == "256"
    assert ENTRIES["functions.<name>.user"].default == ""


def test_every_part_and_every_structure_has_a_section() -> None:
    assert list(SECTIONS) == [
        *("Stack", "Network", "Database", "User", "Proxy", "Monitor", "Beside the parts", "`functions.<name>`"),
        *("`existingDatabase`", "`adopted`", "`adopted.database`", "`adopted.proxy`", "`import`", "`users.<name>`"),
    ]
    assert all(section.description.endswith(".") and section.entries for section in SECTIONS.values())
