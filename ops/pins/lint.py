"""`python -m ops pins lint PATHS…`: what will pin, found in the sources before they run."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.errors import OpsError
from ops.pinning.rule import Rule

from .finding import Finding
from .sarif import sarif
from .sources import Report, read_all

_NOTHING_FOUND, _FOUND, _UNREADABLE = 0, 1, 2
NOT_SEEN = (
    "what functions, procedures, triggers and DO blocks do (RDS Proxy doesn't see it either)",
    "SQL that an ORM or a query builder makes, and SQL that is read from elsewhere at run time",
    "settings that arrive at run time: environment variables, secrets, arguments that are unpacked",
    "other languages than Python and SQL",
)


class Engine(StrEnum):
    """Whose conditions hold."""

    POSTGRESQL = "postgresql"
    MYSQL = "mysql"


class Format(StrEnum):
    """How findings are told."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


def lint(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATHS…", help="Files, or folders with Python, SQL and configuration.")
    ],
    engine: Annotated[
        Engine, typer.Option(help="Whose SQL it is, where a file doesn't show it by its driver.")
    ] = Engine.POSTGRESQL,
    output: Annotated[Format, typer.Option("--format", help="How it is told; JSON and SARIF and nothing else.")] = (
        Format.TEXT
    ),
) -> None:
    """Find what will pin sessions behind RDS Proxy: SQL, drivers' settings, connection strings. Nothing is run.

    A line is allowed by a comment on it or above it: `# pins: allowed because …`, in SQL `-- pins: allowed because …`.

    **Examples**

    - `python -m ops pins lint app migrations`: each finding with its line, reason and fix
    - `python -m ops pins lint --engine mysql dump.sql`: MySQL's conditions
    - `python -m ops pins lint --format sarif . > pins.sarif`: for code scanning

    Exit status: 0 nothing found, 1 findings, 2 a file could not be read (the others were).
    """
    report = read_all(paths, engine)
    if not report.files and not report.errors:
        raise OpsError("there is no file of Python, SQL or configuration at these paths; name others")
    if output is Format.SARIF:
        print(json.dumps(sarif(report), indent=2, ensure_ascii=False))
    elif output is Format.JSON:
        print(json.dumps(as_document(report), indent=2, ensure_ascii=False))
    else:
        print("\n".join(lines(report)))
    for path, why in report.errors.items():
        typer.echo(f"error: {path}: {why}", err=True)
    raise typer.Exit(exit_status(report))


def exit_status(report: Report) -> int:
    """0 nothing found, 1 findings, 2 a file could not be read; what is allowed is no finding."""
    if report.errors:
        return _UNREADABLE
    return _FOUND if _open(report) else _NOTHING_FOUND


def _open(report: Report) -> list[tuple[Path, Finding]]:
    return [(path, finding) for path, finding in report.found if not finding.because]


def lines(report: Report) -> list[str]:
    """What is printed."""
    said = []
    for path, finding in _open(report):
        said.append(f"{path}:{finding.line}: {finding.rule.name}: {finding.rule.reason}")
        said += [f"    {finding.shown}"] if finding.shown else []
        said += [f"    uncertain: {finding.rule.contested}"] if finding.rule.contested else []
        said += [f"    to avoid it: {finding.rule.fix}"]
    counts = ", ".join(f"{kind} {count}" for kind, count in sorted(report.files.items())) or "none"
    opened = _open(report)
    said += [
        f"findings: {len(opened)}; allowed: {len(report.found) - len(opened)}; files: {counts}; "
        f"passed over as too large or binary: {len(report.passed_over)}",
        f"statements that are no constants: {report.unseen}; of these only the constant part was judged",
        "not seen: " + "; ".join(NOT_SEEN),
    ]
    return said


def as_document(report: Report) -> dict[str, Any]:
    """What `--format json` prints."""
    return {
        "findings": [{"file": str(path), **_document(finding)} for path, finding in report.found],
        "files": dict(report.files),
        "passedOver": [str(path) for path in report.passed_over],
        "statementsNotConstant": report.unseen,
        "notSeen": list(NOT_SEEN),
        "errors": [{"file": str(path), "error": why} for path, why in report.errors.items()],
    }


def _document(finding: Finding) -> dict[str, Any]:
    rule: Rule = finding.rule
    return {
        "line": finding.line,
        "rule": rule.name,
        "reason": rule.reason,
        "contested": rule.contested,
        "statement": finding.shown,
        "fix": rule.fix,
        "source": rule.source,
        "allowedBecause": finding.because,
    }
