"""docs/runbook.md has the table of the alarms, a section for each, and commands that there are."""

import re
import shlex
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from typer.main import get_command

from lambda_rds_proxy.engines import TargetKind
from lambda_rds_proxy.monitor.alarms import (
    BOTTLENECK,
    FUNCTION_ALARMS,
    PROXY_ALARMS,
    STACK_ALARMS,
    Alarm,
    Threshold,
    database_alarms,
)
from ops.__main__ import app

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs" / "runbook.md").read_text()
ALARMS = [*PROXY_ALARMS, *database_alarms(TargetKind.INSTANCE), *STACK_ALARMS, *FUNCTION_ALARMS]
SECTIONS = {
    title.strip(): text
    for title, text in re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", DOCUMENT, re.MULTILINE | re.DOTALL)
}
COMMANDS = sorted({each for text in SECTIONS.values() for each in re.findall(r"`((?:python|aws) .+?)`", text)})
PARTS = ("**Means:**", "**Does not mean:**", "**First:**", "**Next:**")
_SHARES = {
    "usable_connections": "of the connections that are not reserved",
    "timeout_milliseconds": "of the timeout",
    "reserved_concurrency": "of the reserved concurrency",
}


def row(alarm: Alarm) -> str:
    """The alarm as its line of the document's table."""
    metric = next(iter(alarm.metrics.values()))
    read = f"`{alarm.expression}`" if alarm.expression else f"`{metric.name}`, {metric.statistic}"
    read += " of the worst function" * alarm.of_each_function
    sign = {"GreaterThanThreshold": ">", "LessThanThreshold": "<"}[alarm.comparison]
    values = [f"{sign} {_shown(alarm.threshold, value)}" for value in (alarm.threshold.dev, alarm.threshold.prod)]
    cells = [f"[{alarm.name}](#{alarm.name})", read, *values, str(alarm.minutes), alarm.threshold.reason]
    return f"| {' | '.join(cells)} |"


def _shown(threshold: Threshold, value: float) -> str:
    return f"{100 * value:g} % {_SHARES[threshold.share_of]}" if threshold.share_of else f"{value:,}"


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_the_table_has_every_alarm_as_it_is(alarm: Alarm) -> None:
    assert row(alarm) in DOCUMENT.splitlines()


def test_every_alarm_has_a_section_and_every_section_an_alarm() -> None:
    assert list(SECTIONS) == [BOTTLENECK.name, *(alarm.name for alarm in ALARMS)]


@pytest.mark.parametrize("name", SECTIONS)
def test_every_section_tells_what_it_means_and_does_not_the_first_command_and_the_next_step(name: str) -> None:
    lines = [line for line in SECTIONS[name].splitlines() if line.startswith("- **")]
    assert [line[2:].split(":**")[0] + ":**" for line in lines] == list(PARTS)
    first = lines[PARTS.index("**First:**")]
    assert re.search(r"`(python -m ops|aws) ", first), f"{name} has no first command"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_one_that_there_is(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "python":
        assert words[:2] == ["-m", "ops"]
        get_command(app).commands[words[2]].make_context(words[2], words[3:])  # type: ignore[attr-defined]
        return
    service, operation, *options = words
    model = botocore.session.get_session().get_service_model(service)
    names = {xform_name(each, "-"): each for each in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    assert shape is not None
    assert {word[2:] for word in options if word.startswith("--")} <= {xform_name(each, "-") for each in shape.members}
