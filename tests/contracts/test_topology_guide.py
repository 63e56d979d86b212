"""The guide to the topology names keys that exist, and none of the optional ones is left out."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
# Described elsewhere: what every stack sets, and what the alarms bring.
ELSEWHERE = {"engineVersion", "storageGib", "databaseName", "databaseUser", "backupRetentionDays"} | {
    *("borrowTimeout", "idleClientTimeout", "functions", "bootstrap", "alarmTopicArn", "tags"),
}


def test_every_key_that_the_guide_names_is_one_and_every_choice_is_in_it() -> None:
    text = (ROOT / "docs" / "topology.md").read_text()
    keys = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"])
    named = set(re.findall(r"`([a-z]+(?:[A-Z][a-z]+)+)`", text))
    assert named - keys <= {"adminSecretArn", "monthlyCost"}
    assert keys - ELSEWHERE - set(re.findall(r"`(\w+)`", text)) == set()
