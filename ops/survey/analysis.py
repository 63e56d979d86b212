"""One stack's state through the real pack: `pulumi policy analyze`, and what is counted beside its findings."""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rds_proxy_guard.resources import Kind, kind_of, provider_of
from rds_proxy_guard.values import UNKNOWN, dig

from .exports import Export, Resource, UnreadableError, read_export
from .percents import DatabasePercent, database_percents

DIRECT_POLICIES = frozenset({"lambda-uses-rds-proxy", "lambda-uses-rds-proxy-graph"})
CREDENTIALS_POLICY = "lambda-database-credentials"
# 50,000 resources take the engine about two minutes; nothing real takes a quarter of an hour.
_SECONDS = 900.0


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding of the pack; `line` is that of the resource's URN in the file."""

    policy: str
    level: str
    severity: str
    urn: str
    summary: str
    message: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Pack:
    """Which pack judged."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class Survey:
    """One stack: what was counted and what was found."""

    path: Path
    stack: str
    functions: int
    databases: tuple[DatabasePercent, ...]
    findings: tuple[Finding, ...]
    # URNs that nothing can be said of: a secret stands where a value is needed, or the pack says so itself.
    undecided: tuple[str, ...]
    pack: Pack | None

    @property
    def direct(self) -> list[str]:
        """URNs of the functions that go round the proxy."""
        return sorted({each.urn for each in self.findings if each.policy in DIRECT_POLICIES})

    def count(self, policy: str) -> int:
        """Findings of one policy."""
        return sum(each.policy == policy for each in self.findings)


def survey_file(path: Path, *, pack: Path, config: Path | None, environment: Mapping[str, str]) -> Survey:
    """Read one file and judge it.

    Raises:
        UnreadableError: it is no stack's state, or the engine could not analyze it.
    """
    export = read_export(path)
    events = _analyze(export, pack=pack, config=config, environment=environment) if export.resources else []
    reported = [_finding(export, event["policyEvent"]) for event in events if "policyEvent" in event]
    undecided = {each.urn for each in reported if _is_undecided(each)}
    # What is seen to go round the proxy by its dependencies is decided, whatever its environment hides.
    direct = {each.urn for each in reported if each.policy in DIRECT_POLICIES and not _is_undecided(each)}
    undecided |= {each.urn for each in export.resources if _is_hidden(each)} - direct
    percents = tuple(database_percents(export.resources))
    undecided |= {each.urn for database in percents for each in database.proxies if each.unknown}
    return Survey(
        path=path,
        stack=export.stack,
        functions=sum(kind_of(each.token) is Kind.FUNCTION for each in export.resources),
        databases=percents,
        findings=tuple(each for each in reported if not _is_undecided(each)),
        undecided=tuple(sorted(undecided)),
        pack=_pack(events),
    )


def _analyze(
    export: Export, *, pack: Path, config: Path | None, environment: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The events of `pulumi policy analyze --json`; exit status 1 of a mandatory finding is no failure."""
    with tempfile.TemporaryDirectory(prefix="survey-") as folder:  # 0700: a state may hold what nobody else may read
        state = Path(folder) / "state.json"
        state.write_text(json.dumps(export.document))
        command = ["pulumi", "policy", "analyze", "--file", str(state), "--policy-pack", str(pack), "--json"]
        command += ["--policy-pack-config", str(config)] if config else []
        try:
            done = subprocess.run(  # noqa: S603 - a list of words, no shell
                [*command, "--non-interactive", "--color", "never"],
                cwd=folder,
                env=dict(environment),
                capture_output=True,
                text=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise UnreadableError(f"pulumi policy analyze did not end within {_SECONDS:.0f} s") from None
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if not any("summaryEvent" in event for event in events):
            said = [line for line in done.stderr.splitlines() if line.startswith("error:")] or [
                f"error: exit status {done.returncode}"
            ]
            raise UnreadableError(
                f"pulumi policy analyze: {said[-1].removeprefix('error: ').replace(str(state), 'it')}"
            )
    return events


def _finding(export: Export, event: Mapping[str, Any]) -> Finding:
    # The SDK puts the policy's description before its own message, on a line of its own.
    summary, _, message = str(event["message"]).partition("\n")
    urn = str(event.get("resourceUrn", ""))
    return Finding(
        policy=str(event["policyName"]),
        level=str(event["enforcementLevel"]),
        severity=str(event.get("severity") or "medium"),
        urn=urn,
        summary=summary,
        message=message or summary,
        line=export.line_of(urn),
    )


def _is_undecided(finding: Finding) -> bool:
    return finding.message.startswith("Undecided: ")


def _is_hidden(resource: Resource) -> bool:
    """Whether a function's environment, or a variable of it, is an encrypted secret."""
    if kind_of(resource.token) is not Kind.FUNCTION:
        return False
    variables = dig(resource.inputs, *provider_of(resource.token).environment)
    if isinstance(variables, dict):
        return any(value is UNKNOWN for value in variables.values())
    return variables is UNKNOWN


def _pack(events: list[dict[str, Any]]) -> Pack | None:
    for event in events:
        for name, version in event.get("summaryEvent", {}).get("PolicyPacks", {}).items():
            return Pack(name=name, version=version)
    return None


def analysis_environment(laptop: Mapping[str, str]) -> dict[str, str]:
    """The variables for the engine: this checkout's own, so that no login, profile or home of the user takes part."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PULUMI_", "AWS_"))}
    return {**inherited, **laptop}
