"""The command through the real engine and the real pack: rows, JSON, SARIF, exit status, bad files among good ones."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner, Result

from ops.__main__ import app
from ops.survey.analysis import analysis_environment
from ops.survey.exports import read_export
from ops.survey.percents import database_percents
from tests.ops.survey.states import (
    DIRECT,
    FUNCTION,
    PROXIED,
    encrypted,
    export,
    function,
    proxy,
    resource,
    shown,
    urn,
    written,
)

pytestmark = pytest.mark.engine

_SCHEMA = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text())


@pytest.fixture
def survey(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["survey", *map(str, arguments)], env={"COLUMNS": "200"})

    return run


def clean(name: str = "api") -> dict[str, Any]:
    return export(function(name, {"DB_HOST": PROXIED}), *proxy("p", 85))


def test_a_stack_that_keeps_the_rules_is_status_0_and_one_row(survey: Callable[..., Result], tmp_path: Path) -> None:
    done = survey(written(tmp_path, clean()))
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if "shop/dev" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["shop/dev", "1", "0", "85", "0", "0", "0"]


def test_findings_are_status_1_and_counted_by_stack(survey: Callable[..., Result], tmp_path: Path) -> None:
    first = written(tmp_path, clean(), "a.json")
    second = written(tmp_path, export(function("api", {"DB_HOST": DIRECT}), *proxy("p", 60), *proxy("q", 60)), "b.json")
    done = survey("--json", first, second)
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)
    assert found["pack"]["name"] == "rds-proxy-guard"
    assert [(each["file"], len(each["findings"])) for each in found["stacks"]] == [(str(first), 0), (str(second), 2)]
    assert found["stacks"][1]["directFunctions"] == [urn(FUNCTION, "api")]
    assert found["stacks"][1]["databases"][0]["maxConnectionsPercent"] == 120
    assert {each["policy"] for each in found["stacks"][1]["findings"]} == {
        "lambda-uses-rds-proxy",
        "rds-proxy-max-connections-total",
    }
    assert DIRECT not in done.stdout


def test_a_bad_file_is_named_with_status_2_and_the_others_are_judged(
    survey: Callable[..., Result], tmp_path: Path
) -> None:
    bad = written(tmp_path, b"{", "bad.json")
    broken = written(tmp_path, {**clean(), "version": 99}, "broken.json")
    good = written(tmp_path, export(function("api", {"DB_HOST": DIRECT})), "good.json")
    done = survey("--json", bad, good, broken, tmp_path / "absent.json")
    assert done.exit_code == 2
    found = json.loads(done.stdout)
    assert [each["file"] for each in found["stacks"]] == [str(good)]
    assert found["stacks"][0]["directFunctions"]
    assert [Path(each["file"]).name for each in found["errors"]] == ["bad.json", "broken.json", "absent.json"]
    assert f"error: {bad}: it is no JSON" in done.stderr
    assert "survey-" not in done.stderr  # the copy that the engine read is nobody's business


def test_an_encrypted_environment_is_undecided_and_no_finding(survey: Callable[..., Result], tmp_path: Path) -> None:
    whole = function("whole", encrypted())
    one = function("one", {"DB_HOST": encrypted()})
    done = survey("--json", written(tmp_path, export(whole, one, function("open", {"DB_HOST": PROXIED}))))
    found = json.loads(done.stdout)["stacks"][0]
    assert set(found["undecided"]) == {urn(FUNCTION, "one"), urn(FUNCTION, "whole")}
    assert found["directFunctions"] == []
    assert done.exit_code == 0


def test_what_the_pack_calls_undecided_is_no_finding_and_what_it_decides_from_the_graph_is_not_undecided(
    survey: Callable[..., Result], tmp_path: Path
) -> None:
    database = resource("aws:rds/instance:Instance", "database", identifier="orders", engine="postgres")
    version = resource("aws:secretsmanager/secretVersion:SecretVersion", "login", secretString=encrypted())
    version["propertyDependencies"] = {"secretString": [database["urn"]]}
    reader, direct = function("reader", {"LOGIN": "login"}), function("direct", encrypted())
    reader["propertyDependencies"] = {"environment": [version["urn"]]}
    direct["propertyDependencies"] = {"environment": [database["urn"]]}
    found = json.loads(survey("--json", written(tmp_path, export(database, version, reader, direct))).stdout)["stacks"][
        0
    ]
    assert found["undecided"] == [reader["urn"]]
    assert found["directFunctions"] == [direct["urn"]]


def test_a_shown_secret_is_judged_and_printed_nowhere(survey: Callable[..., Result], tmp_path: Path) -> None:
    path = written(tmp_path, export(function("api", {"DB_HOST": shown(json.dumps(DIRECT))})))
    for arguments in ([path], ["--json", path], ["--sarif", "-", path]):
        done = survey(*arguments)
        assert done.exit_code == 1
        assert DIRECT not in done.output


def test_the_packs_configuration_is_taken(survey: Callable[..., Result], tmp_path: Path) -> None:
    config = written(tmp_path, {"rds-proxy-max-connections": {"maxPercent": 80}}, "config.json")
    path = written(tmp_path, clean())
    assert survey(path).exit_code == 0
    assert survey("--policy-pack-config", config, path).exit_code == 1


def test_sarif_is_valid_and_points_at_the_line_of_the_resource(survey: Callable[..., Result], tmp_path: Path) -> None:
    path = written(tmp_path, export(function("api", {"DB_HOST": DIRECT})))
    done = survey("--sarif", "found.sarif", path)
    assert done.exit_code == 1
    document = json.loads((tmp_path / "found.sarif").read_text())
    jsonschema.Draft4Validator(_SCHEMA).validate(document)
    place = document["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == path.name
    assert urn(FUNCTION, "api") in path.read_text().splitlines()[place["region"]["startLine"] - 1]
    assert json.loads(survey("--sarif", "-", path).stdout) == document


def test_two_formats_on_one_terminal_are_refused(survey: Callable[..., Result], tmp_path: Path) -> None:
    done = survey("--json", "--sarif", "-", written(tmp_path, clean()))
    assert done.exit_code == 2
    assert "write one of them to a file" in done.stderr


def test_an_empty_stack_is_a_row_of_nothing(survey: Callable[..., Result], tmp_path: Path) -> None:
    done = survey(written(tmp_path, {"version": 3, "checkpoint": {"stack": "dev"}}, "empty.json"))
    assert done.exit_code == 0
    assert "empty.json" in done.stdout


def test_nothing_of_the_users_own_pulumi_or_aws_takes_part(
    survey: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"PULUMI_ACCESS_TOKEN", "PULUMI_CONFIG_PASSPHRASE_FILE", "AWS_PROFILE", "AWS_SESSION_TOKEN"}
    for name in own:
        monkeypatch.setenv(name, "the users own")
    assert not own & set(analysis_environment({"PULUMI_HOME": "ours"}))
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser()))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    done = survey(written(tmp_path, clean()))
    assert done.exit_code == 0, done.output
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(("first", "second"), [(45, 45), (45, 46), (90, None), (91, None)])
def test_the_sum_that_is_shown_is_the_sum_that_the_pack_judges(
    survey: Callable[..., Result], tmp_path: Path, first: int, second: int | None
) -> None:
    path = written(tmp_path, export(*proxy("p", first), *(proxy("q", second) if second else [])))
    total = database_percents(read_export(path).resources)[0].total
    assert total is not None
    found = json.loads(survey("--json", path).stdout)["stacks"][0]["findings"]
    judged = [each for each in found if each["policy"].startswith("rds-proxy-max-connections")]
    assert bool(judged) == (total > 90)


def test_a_folder_that_does_not_exist_is_told_before_the_work(survey: Callable[..., Result], tmp_path: Path) -> None:
    done = survey("--sarif", "gone/found.sarif", written(tmp_path, clean()))
    assert done.exit_code == 2
    assert "in a folder that does not exist" in " ".join(done.output.split())
    assert "with findings" not in done.output
