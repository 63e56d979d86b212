"""The picture of one look, and its line."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from ops.doctor.evidence import Evidence
from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from ops.gauge import sparkline
from ops.watch.view import Picture, as_line
from tests.ops.doctor.samples import CASES, WELL

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def drawn(seen: Evidence) -> str:
    console = Console(file=io.StringIO(), width=120)
    console.print(Picture("local").update(seen, diagnose(seen)))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_the_picture_has_connections_under_max_connections_and_who_waits() -> None:
    text = drawn(CASES[Cause.POOL_TOO_SMALL])
    for words in (
        "59 of 60 the proxy may open",
        "25 of 79 max_connections",
        "200",
        "900.0 ms",
        "pool-too-small",
        "pinned       0, held by prepared statements –",
        "120 failed",
    ):
        assert words in text


@pytest.mark.parametrize("cause", list(Cause))
def test_every_look_can_be_drawn_and_written(cause: Cause) -> None:
    assert cause.value in drawn(CASES[cause])
    assert json.loads(as_line(CASES[cause], diagnose(CASES[cause]), NOW))["cause"] == cause.value


def test_a_number_that_was_not_seen_is_a_dash_and_null() -> None:
    round_the_proxy = drawn(replace(WELL, connections=0, clients=0, database_sessions=73))
    assert "0 of 60 the proxy may open" in round_the_proxy and "73 of 79 max_connections" in round_the_proxy
    blind = Evidence(seconds=60)
    assert "–" in drawn(blind)
    line = json.loads(as_line(blind, diagnose(blind), NOW))
    assert line["connections"] is None and line["borrowLatencyMs"] is None


def test_a_line_names_its_moment_and_its_numbers() -> None:
    seen = replace(WELL, borrow_latency=0.41239)
    line = json.loads(as_line(seen, diagnose(seen), NOW))
    assert line["at"] == "2026-11-25T12:00:00.000+00:00"
    assert line["databaseSessions"] == 25
    assert (line["connections"], line["maxConnections"], line["borrowLatencyMs"]) == (20, 79, 0.412)
    assert (line["pinned"], line["heldByStatements"]) == (0, None)


@given(st.lists(st.integers(0, 10_000)), st.integers(0, 10_000))
def test_a_sparkline_is_as_long_as_it_may_be_and_full_at_the_top(values: list[int], most: int) -> None:
    line = sparkline(values, most)
    assert len(line) == min(60, len(values))
    assert all(sign == "█" for sign, value in zip(line, values[-60:], strict=True) if value > most)
