"""The linter's findings as SARIF 2.1.0, for code scanning. Pure.

A finding that is allowed is a suppressed result with its reason.
"""

import hashlib
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ops.pinning import drivers, mysql, postgresql
from ops.pinning.rule import Rule

from .finding import ALLOWANCE, Finding
from .sources import Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# Two engines have a rule of one name now and then; PostgreSQL's words stand for both.
RULES = {rule.name: rule for rule in (*mysql.RULES, *postgresql.RULES, *drivers.RULES, ALLOWANCE)}


def sarif(report: Report) -> dict[str, Any]:
    """One run of one tool."""
    index = {name: at for at, name in enumerate(RULES)}
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "ops pins lint", "rules": [_rule(rule) for rule in RULES.values()]}},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not report.errors,
                        "toolExecutionNotifications": [
                            {"level": "error", "message": {"text": why}, "locations": [_place(path, 1, 1)]}
                            for path, why in report.errors.items()
                        ],
                    }
                ],
                "results": [_result(path, finding, index[finding.rule.name]) for path, finding in report.found],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.reason},
        "fullDescription": {"text": f"{rule.reason} {rule.contested}".strip()},
        "help": {"text": f"To avoid it: {rule.fix}. Source: {rule.source}"},
        "defaultConfiguration": {"level": level(rule)},
        "properties": {"tags": ["rds-proxy", "pinning"], "source": rule.source},
    }


def level(rule: Rule) -> str:
    """What is contested is a note."""
    return "note" if rule.contested else "warning"


def _result(path: Path, finding: Finding, rule: int) -> dict[str, Any]:
    identity = "\n".join((_address(path), finding.rule.name, finding.shown))
    suppressed = [{"kind": "inSource", "justification": finding.because}] if finding.because else []
    return {
        "ruleId": finding.rule.name,
        "ruleIndex": rule,
        "level": level(finding.rule),
        "message": {"text": f"{finding.rule.reason} {finding.shown}".strip() + f"\nTo avoid it: {finding.rule.fix}."},
        "locations": [_place(path, finding.line, max(finding.line, finding.last_line))],
        "partialFingerprints": {"fileRuleStatement/v1": hashlib.sha256(identity.encode()).hexdigest()},
        "suppressions": suppressed,
    }


def _place(path: Path, line: int, last_line: int) -> dict[str, Any]:
    region = {"startLine": line, "endLine": last_line}
    return {"physicalLocation": {"artifactLocation": {"uri": _address(path)}, "region": region}}


def _address(path: Path) -> str:
    # Relative where it can be: code scanning takes what lies in the repository, and a report names no one's home.
    absolute, here = path.absolute(), Path.cwd()
    return quote(absolute.relative_to(here).as_posix()) if absolute.is_relative_to(here) else absolute.as_uri()
