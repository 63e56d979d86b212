"""SARIF: valid by the official schema, placed on the resource, stable, and honest about what could not be read."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.survey.analysis import Finding, Pack, Survey
from ops.survey.sarif import SCHEMA, sarif

_OFFICIAL = json.loads((Path(__file__).parent / "sarif-schema-2.1.0.json").read_text())
_VALIDATOR = jsonschema.Draft4Validator(_OFFICIAL, format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


def finding(**changed: Any) -> Finding:
    values: dict[str, Any] = {
        "policy": "lambda-uses-rds-proxy",
        "level": "mandatory",
        "severity": "high",
        "urn": "urn:pulumi:dev::shop::aws:lambda/function:Function::api",
        "summary": "Functions connect through RDS Proxy.",
        "message": "Environment variable DB_HOST holds a database's instance endpoint.",
        "line": 7,
    }
    return Finding(**{**values, **changed})


def survey(*findings: Finding, path: Path = Path("exports/shop dev.json")) -> Survey:
    return Survey(
        path=path,
        stack="shop/dev",
        functions=1,
        databases=(),
        findings=findings,
        undecided=(),
        pack=Pack(name="rds-proxy-guard", version="0.2.0"),
    )


def valid(document: dict[str, Any]) -> dict[str, Any]:
    _VALIDATOR.validate(json.loads(json.dumps(document)))
    run: dict[str, Any] = document["runs"][0]
    return run


def test_the_schema_is_the_official_one_that_documents_name() -> None:
    assert _OFFICIAL["id"] == SCHEMA


def test_the_schema_refuses_what_is_wrong() -> None:
    document = sarif([survey(finding())], {})
    document["runs"][0]["results"][0]["level"] = "mandatory"
    with pytest.raises(jsonschema.ValidationError):
        valid(document)


def test_a_result_stands_on_the_resource_in_the_export_by_a_relative_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = valid(sarif([survey(finding())], {}))
    place = run["results"][0]["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == "exports/shop%20dev.json"
    assert place["physicalLocation"]["region"]["startLine"] == 7
    assert place["logicalLocations"][0]["fullyQualifiedName"].endswith("::api")


def test_levels_and_severities_are_those_of_the_pack() -> None:
    results = [
        finding(),
        finding(policy="lambda-connection-pool", level="advisory", severity="low"),
        finding(policy="rds-proxy-settings", level="mandatory", severity="critical"),
    ]
    run = valid(sarif([survey(*results)], {}))
    assert [each["level"] for each in run["results"]] == ["error", "warning", "error"]
    severities = {rule["id"]: rule["properties"]["security-severity"] for rule in run["tool"]["driver"]["rules"]}
    assert severities == {
        "lambda-connection-pool": "2.0",
        "lambda-uses-rds-proxy": "8.0",
        "rds-proxy-settings": "9.5",
    }


def test_a_policy_is_one_rule_whichever_stacks_it_was_found_in() -> None:
    run = valid(sarif([survey(finding()), survey(finding(), path=Path("other.json"))], {}))
    rules = run["tool"]["driver"]["rules"]
    assert len(rules) == 1
    assert [rules[each["ruleIndex"]]["id"] for each in run["results"]] == [each["ruleId"] for each in run["results"]]


def test_an_alert_survives_a_new_export_and_differs_from_every_other() -> None:
    def fingerprint(each: Finding, path: Path = Path("a.json")) -> str:
        found: str = valid(sarif([survey(each, path=path)], {}))["results"][0]["partialFingerprints"][
            "urnPolicyMessage/v1"
        ]
        return found

    assert fingerprint(finding(line=7)) == fingerprint(finding(line=900), Path("b.json"))
    others = {fingerprint(finding(**{name: "x"})) for name in ("urn", "policy", "message")}
    assert len(others | {fingerprint(finding())}) == 4


def test_a_file_that_could_not_be_read_makes_the_run_unsuccessful_and_is_named() -> None:
    run = valid(sarif([survey()], {Path("broken.json"): "it is no JSON"}))
    assert not run["invocations"][0]["executionSuccessful"]
    assert run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"] == "broken.json: it is no JSON"
    assert valid(sarif([survey()], {}))["invocations"][0]["executionSuccessful"]


_TEXT = st.text(min_size=1, max_size=30)


@given(
    findings=st.lists(
        st.builds(
            finding,
            policy=_TEXT,
            level=st.sampled_from(["mandatory", "advisory", "remediate", "disabled", "new"]),
            severity=_TEXT,
            urn=_TEXT,
            summary=_TEXT,
            message=_TEXT,
            line=st.integers(1, 10**6),
        ),
        max_size=5,
    ),
    name=st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=20),
)
def test_it_is_valid_whatever_was_found_in_whichever_file(findings: list[Finding], name: str) -> None:
    valid(sarif([survey(*findings, path=Path("exports") / name)], {Path(name): "why"}))
