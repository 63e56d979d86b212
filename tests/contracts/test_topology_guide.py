"""The guide to the topology names keys that exist; all of them are in docs/settings.md."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_every_key_that_the_guide_names_is_one() -> None:
    text = (ROOT / "docs" / "topology.md").read_text()
    keys = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"])
    named = set(re.findall(r"`([a-z]+(?:[A-Z][a-z]+)+)`", text))
    assert len(named) > 20
    assert named - keys <= {"adminSecretArn"}
