"""`ops pins lint`: what is read and what isn't, exit status, text, JSON, SARIF."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from ops.__main__ import app
from ops.pins.sarif import RULES, SCHEMA
from ops.pins.sources import LARGEST_BYTES

_OFFICIAL = json.loads((Path(__file__).parents[1] / "survey/sarif-schema-2.1.0.json").read_text())
_PINS = "cursor.execute('SET x = 1')\n"
_ALLOWED = "cursor.execute('SET y = 1')  # pins: allowed because it is a script\n"


@pytest.fixture
def lint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["pins", "lint", *arguments], env={"COLUMNS": "200"})

    return run


def test_nothing_found_is_status_0_and_says_what_isn_t_seen(lint: Callable[..., Result]) -> None:
    Path("app.py").write_text("import psycopg\ncursor.execute('SELECT 1')\ncursor.execute(build())\n")
    done = lint(".")
    assert done.exit_code == 0, done.output
    assert "findings: 0; allowed: 0; files: python 1" in done.stdout
    assert "statements that are no constants: 1;" in done.stdout
    assert done.stdout.count("not seen: ") == 1


def test_findings_are_status_1_with_line_reason_and_fix(lint: Callable[..., Result]) -> None:
    Path("app.py").write_text("\n" + _PINS + _ALLOWED)
    done = lint("app.py")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("app.py:2: set: SQL changed session settings that the proxy doesn't track.")
    assert lines[1:2] == ["    set x = $1"]
    assert lines[2].startswith("    to avoid it: set it for the user")
    assert "findings: 1; allowed: 1;" in done.stdout


def test_what_is_allowed_is_status_0(lint: Callable[..., Result]) -> None:
    Path("app.py").write_text(_ALLOWED)
    assert lint(".").exit_code == 0


def test_what_is_contested_says_so(lint: Callable[..., Result]) -> None:
    Path("a.sql").write_text("SET LOCAL x = 1;")
    assert "    uncertain: it ends with the transaction" in lint(".").stdout


def test_a_file_that_can_t_be_read_is_status_2_and_the_others_are_read(lint: Callable[..., Result]) -> None:
    Path("bad.py").write_text("def f(:\n")
    Path("latin.sql").write_bytes(b"SELECT '\xe9'")
    Path("good.py").write_text(_PINS)
    done = lint(".", "gone.py")
    assert done.exit_code == 2
    assert "good.py:1: set" in done.stdout
    assert {line.split(": ")[1] for line in done.stderr.splitlines()} == {"bad.py", "latin.sql", "gone.py"}


def test_a_path_without_a_file_to_read_is_status_2(lint: Callable[..., Result]) -> None:
    Path("empty").mkdir()
    assert lint("empty").exit_code == 2


def test_no_link_is_followed_out_of_the_path(lint: Callable[..., Result], tmp_path: Path) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}-outside"
    outside.mkdir()
    (outside / "app.py").write_text(_PINS)
    Path("inside").mkdir()
    Path("inside/good.py").write_text("")
    Path("inside/folder").symlink_to(outside)
    Path("inside/file.py").symlink_to(outside / "app.py")
    Path("inside/loop").symlink_to("loop")
    done = lint("inside")
    assert done.exit_code == 0, done.output
    assert "files: python 1;" in done.stdout


def test_environments_large_files_binaries_and_pipes_are_not_read(lint: Callable[..., Result]) -> None:
    for folder in (".venv/lib", "node_modules/x", ".git"):
        Path(folder).mkdir(parents=True)
        Path(folder, "app.py").write_text(_PINS)
    Path("large.sql").write_text("SET x = 1;\n" + "-" * LARGEST_BYTES)
    Path("binary.py").write_bytes(b"\0" + _PINS.encode())
    os.mkfifo("pipe.py")
    Path("good.py").write_text("")
    done = lint(".")
    assert done.exit_code == 0, done.output
    assert "files: python 1; passed over as too large or binary: 2" in done.stdout


def test_a_file_of_another_encoding_says_so_and_is_read(lint: Callable[..., Result]) -> None:
    Path("latin.py").write_bytes(b"# coding: latin-1\nx = '\xe9'\r\n" + _PINS.encode())
    done = lint(".")
    assert done.exit_code == 1 and "latin.py:3: set" in done.stdout


def test_mysql_s_conditions_are_asked_for(lint: Callable[..., Result]) -> None:
    Path("a.sql").write_text("SET NAMES utf8;\nSELECT GET_LOCK('a', 1);\n")
    assert "a.sql:1: set" in lint(".").stdout
    assert "a.sql:2: get-lock" in lint("--engine", "mysql", ".").stdout


def test_json_is_printed_and_nothing_else(lint: Callable[..., Result]) -> None:
    Path("app.py").write_text(_PINS + _ALLOWED)
    document = json.loads(lint("--format", "json", ".").stdout)
    assert [(each["file"], each["line"], each["allowedBecause"]) for each in document["findings"]] == [
        ("app.py", 1, ""),
        ("app.py", 2, "it is a script"),
    ]
    assert document["notSeen"] and document["files"] == {"python": 1}


def test_sarif_is_valid_with_rules_places_and_what_is_suppressed(lint: Callable[..., Result]) -> None:
    assert _OFFICIAL["id"] == SCHEMA
    Path("my app.py").write_text("\n" + _PINS + _ALLOWED)
    Path("bad.py").write_text("def f(:\n")
    document = json.loads(lint("--format", "sarif", ".").stdout)
    jsonschema.Draft4Validator(_OFFICIAL, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER).validate(document)
    run = document["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [each["id"] for each in rules] == list(RULES)
    assert all(each["help"]["text"] and each["shortDescription"]["text"] for each in rules)
    first, second = run["results"]
    assert rules[first["ruleIndex"]]["id"] == first["ruleId"] == "set"
    place = first["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]["startLine"]) == ("my%20app.py", 2)
    assert (first["suppressions"], second["suppressions"][0]["justification"]) == ([], "it is a script")
    assert run["invocations"][0]["executionSuccessful"] is False
    assert "bad.py" in str(run["invocations"][0]["toolExecutionNotifications"])
