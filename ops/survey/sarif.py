"""Findings as SARIF 2.1.0, for code scanning. Pure.

A stack's state has no source file: a result stands on the resource's URN in the export, with the URN as its logical
location, and its fingerprint is made of URN, policy and message, so that an alert survives a new export.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .analysis import Finding, Pack, Survey

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {"mandatory": "error", "remediate": "error", "advisory": "warning"}
# Code scanning shows a number as critical from 9.0, high from 7.0, medium from 4.0, low below.
_SECURITY_SEVERITY = {"critical": "9.5", "high": "8.0", "medium": "5.5", "low": "2.0"}


def sarif(surveys: Sequence[Survey], errors: Mapping[Path, str]) -> dict[str, Any]:
    """One run of one tool, the pack."""
    pack = next((each.pack for each in surveys if each.pack), Pack(name="rds-proxy-guard", version="0.0.0"))
    found = [(each.path, finding) for each in surveys for finding in each.findings]
    rules = sorted({finding.policy: finding for _, finding in reversed(found)}.values(), key=lambda each: each.policy)
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": pack.name,
                        "semanticVersion": pack.version,
                        "rules": [_rule(finding) for finding in rules],
                    }
                },
                "automationDetails": {"id": f"{pack.name}/"},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not errors,
                        "toolExecutionNotifications": [_notification(path, why) for path, why in errors.items()],
                    }
                ],
                "results": [
                    _result(path, finding, [rule.policy for rule in rules].index(finding.policy))
                    for path, finding in found
                ],
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.policy,
        "shortDescription": {"text": finding.summary},
        "defaultConfiguration": {"level": _LEVELS.get(finding.level, "note")},
        "properties": {
            "tags": ["security"],
            "security-severity": _SECURITY_SEVERITY.get(finding.severity, _SECURITY_SEVERITY["medium"]),
        },
    }


def _result(path: Path, finding: Finding, rule: int) -> dict[str, Any]:
    identity = "\n".join((finding.urn, finding.policy, finding.message))
    return {
        "ruleId": finding.policy,
        "ruleIndex": rule,
        "level": _LEVELS.get(finding.level, "note"),
        "message": {"text": finding.message},
        "locations": [
            {
                "physicalLocation": _place(path, finding.line),
                "logicalLocations": [{"fullyQualifiedName": finding.urn, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"urnPolicyMessage/v1": hashlib.sha256(identity.encode()).hexdigest()},
    }


def _notification(path: Path, why: str) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": f"{path.name}: {why}"},
        "locations": [{"physicalLocation": _place(path, 1)}],
    }


def _place(path: Path, line: int) -> dict[str, Any]:
    # Relative where it can be: code scanning takes what lies in the repository, and a report names no one's home.
    resolved, here = path.resolve(), Path.cwd()
    uri = quote(resolved.relative_to(here).as_posix()) if resolved.is_relative_to(here) else resolved.as_uri()
    return {"artifactLocation": {"uri": uri}, "region": {"startLine": line}}
