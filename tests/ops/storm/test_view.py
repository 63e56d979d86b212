import io

import pytest
from rich.console import Console

from ops.storm.results import Progress
from ops.storm.view import Picture, efficiency, rows, table
from tests.ops.storm.samples import result


def text_of(renderable: object) -> str:
    console = Console(width=120, file=io.StringIO())
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def test_the_table_counts_each_kind_of_failure_and_who_was_never_served() -> None:
    storm = result()
    found = {label: values for label, *values in rows(storm)}
    assert found["failed"] == ["7", "0"]
    assert found["  refused"] == ["7", "0"]
    assert found["clients never served"] == ["925 of 1,000", "0 of 1,000"]
    assert found["  p50"] == ["–", "3.0 ms"]
    assert found["what the client in the middle waits"] == ["never served", "3.0 ms"]
    assert found["the times below are of"] == ["75 clients", "1,000 clients"]
    assert "gate → PgBouncer" in text_of(table(storm))


def test_the_efficiency_names_the_path_and_is_left_out_without_pgbench() -> None:
    storm = result()
    assert "(gate → PgBouncer)" in (efficiency(storm) or "")
    storm.pgbench_requests_per_second = 0.0
    assert (efficiency(storm) or "").endswith("path 0/s, as it was refused")
    storm.pgbench_requests_per_second = None
    assert efficiency(storm) is None


def test_the_live_picture_shows_connections_under_the_line() -> None:
    picture = Picture(result())
    look = {"phase": "proxy", "path": "PgBouncer", "begun": 1000, "served": 12_345, "failed": 6}
    text = text_of(picture.update(Progress(stage="sustained", seconds=3.25, connections=67, **look)))  # type: ignore[arg-type]
    assert "67 of 79 max_connections" in text
    assert "12,345 served, 6 failed" in text
    assert "3.2 s" in text


@pytest.mark.parametrize("stage", ["loading", "cold", "sustained", "metrics"])
def test_the_live_picture_knows_every_stage(stage: str) -> None:
    now = Progress(
        phase="proxy", path="PgBouncer", stage=stage, seconds=1.0, begun=3, served=1, failed=0, connections=None
    )
    assert "PgBouncer" in text_of(Picture(result()).update(now))


def test_the_live_picture_does_without_a_database_that_nobody_can_look_into() -> None:
    look = {"phase": "proxy", "path": "deployed functions", "begun": 3, "served": 1, "failed": 0}
    text = text_of(Picture(result()).update(Progress(stage="cold", seconds=1.0, connections=None, **look)))  # type: ignore[arg-type]
    assert "max_connections" not in text
