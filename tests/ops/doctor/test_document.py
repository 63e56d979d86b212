"""docs/doctor.md says what the doctor does."""

import json
import re
from pathlib import Path

from ops.doctor.verdict import Cause

_ROOT = Path(__file__).resolve().parents[3]
_DOCUMENT = (_ROOT / "docs" / "doctor.md").read_text()


def test_every_verdict_stands_in_the_table() -> None:
    rows = [line.split("|")[1] for line in _DOCUMENT.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`([a-z-]+)`", row)}
    assert {cause.value for cause in Cause} <= named


def test_the_policy_allows_exactly_what_is_called() -> None:
    sources = "".join((_ROOT / "ops" / "doctor" / f"{name}.py").read_text() for name in ("deployed", "surroundings"))
    called = {
        "".join(word.title() for word in call.split("_")).replace("Db", "DB")
        for call in re.findall(
            r"\b(?:describe|get|simulate)_(?:db|metric|function|subnets|security|principal)\w*", sources
        )
    }
    (text,) = re.findall(r"```json\n(.*?)```", _DOCUMENT, re.DOTALL)
    allowed = {action.split(":")[1] for statement in json.loads(text)["Statement"] for action in statement["Action"]}
    assert called == allowed
