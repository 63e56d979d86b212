"""What the linter finds in one file, and the comments that allow it. Pure."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from ops.pinning.rule import Rule

ALLOWANCE = Rule(
    name="allowance",
    reason="An allowance that gives no reason, or under which nothing pins.",
    source="docs/pinning.md",
    fix="write `pins: allowed because` and a reason, on the line that pins or the one above; or take it out",
)
_COMMENT = re.compile(r"(?:#|--|/\*|;|//)\s*pins:\s*allowed\b(?:\s+because\b)?[\s:]*(?P<why>.*?)\s*(?:\*/)?\s*$", re.I)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that pins, or that RDS Proxy refuses.

    Attributes:
        line: where it begins, counted from 1.
        last_line: where it ends.
        shown: the statement's digest, or what stands there; never a literal.
        because: the reason of the allowance; empty when it isn't allowed.
    """

    rule: Rule
    line: int
    last_line: int = 0
    shown: str = ""
    because: str = ""


@dataclass(kw_only=True)
class Read:
    """What was read of one file: findings, and how many statements are no constants, so that they can't be judged."""

    findings: list[Finding] = field(default_factory=list)
    unseen: int = 0


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """A comment: its line, its reason, and whether it stands alone, so that it speaks of what is below."""

    line: int
    why: str
    alone: bool


def allowances(comments: Iterable[tuple[int, str, bool]]) -> list[Allowance]:
    """Those among (line, comment with its sign, whether it stands alone)."""
    return [
        Allowance(line=line, why=found["why"], alone=alone)
        for line, text, alone in comments
        if (found := _COMMENT.match(text))
    ]


def judged(findings: Sequence[Finding], allowed: Sequence[Allowance], comment_lines: set[int]) -> list[Finding]:
    """The findings in order, with the reason of those that are allowed, and the allowances that are none."""
    reasons: dict[int, Allowance] = {}
    for each in allowed:
        line = each.line + 1 if each.alone else each.line
        while each.alone and line in comment_lines:  # the reason goes on
            line += 1
        reasons[line] = each
    used = set()
    result = []
    for finding in findings:
        lines = range(finding.line, max(finding.line, finding.last_line) + 1)
        reason = next((reasons[line] for line in lines if line in reasons), None)
        if reason:
            used.add(reason)
        result.append(replace(finding, because=reason.why) if reason and reason.why else finding)
    result += [Finding(rule=ALLOWANCE, line=each.line) for each in allowed if each not in used or not each.why]
    return sorted(result, key=lambda each: (each.line, each.rule.name))
