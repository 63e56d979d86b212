"""A version is tagged with the state of its own sources, so that later ones are tested against it."""

import json
from pathlib import Path

from tests.end_to_end.golden_state import what_is_wrong
from tests.packages.content import version

FOLDER = Path(__file__).parent


def test_the_state_of_the_sources_is_taken(tmp_path: Path) -> None:
    urns = (FOLDER / "golden_urns.txt").read_text().splitlines()
    (tmp_path / "golden_urns.txt").write_text("\n".join(urns) + "\n")
    others = ["pulumi:pulumi:Stack::lambda-rds-proxy-golden", "pulumi:providers:aws::default_7_51_1"]
    resources = [{"urn": f"urn:pulumi:golden::lambda-rds-proxy::{each}"} for each in [*urns, *others]]
    (tmp_path / "golden_states").mkdir()
    (tmp_path / "golden_states" / "1.0.0.json").write_text(json.dumps({"deployment": {"resources": resources}}))
    assert what_is_wrong("1.0.0", tmp_path) is None


def test_a_state_of_other_sources_and_one_that_is_not_there_are_told() -> None:
    old = what_is_wrong("0.1.0")
    assert old is not None
    assert old.startswith("the state kept for 0.1.0 is of other sources: it differs in lambda-rds-proxy:index:")
    missing = what_is_wrong("99.0.0")
    assert missing is not None
    assert missing == (
        "no state of 99.0.0 is kept; write it: .venv/bin/python -m tests.end_to_end.golden_state make 99.0.0"
    )


def test_the_state_of_the_version_that_is_next_is_of_these_sources() -> None:
    """So that a tag is not the first to find out."""
    assert what_is_wrong(version()) is None
