"""What the engine says of a run, on one screen. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

_STEP = re.compile(
    r"^ *(?P<sign>[-+~]+|>>?|<=?) +(?P<type>\S+) (?P<name>\S+) (?:created|updated|deleted|replaced|imported)"
)
# The program's own progress, which is over when this is told (components/lambda_rds_proxy/function/package.py).
_OVER = re.compile(r"^ +info: (downloading the wheels of|packaging) ")
_HEADING = re.compile(r"^(Policies|Diagnostics|Outputs|Resources|Duration):")
_STACK = "pulumi:pulumi:Stack"
_LISTED = 12


def step(line: str) -> tuple[str, str, str] | None:
    """What was done with a resource: sign, type and name."""
    found = _STEP.match(line)
    return None if found is None or found["type"] == _STACK else (found["sign"], found["type"], found["name"])


def summary(lines: Sequence[str]) -> list[str]:
    """What was done, what the pack says, warnings and errors, how many resources; all where there is no such end.

    Few resources are listed by name, many counted by their service. Outputs are what the caller shows.
    """
    if not any(_HEADING.match(line) for line in lines):
        return list(lines)
    return _counted([*_done([found for found in map(step, lines) if found]), *_told(lines)])


def _counted(told: Sequence[str]) -> list[str]:
    """How many resources and how long, which the engine says on lines of their own, on one."""
    lines: list[str] = []
    for line in told:
        if lines and lines[-1].startswith("Resources:") and line.startswith(("    ", "Duration:")):
            mark = " " if lines[-1].endswith(":") else ", "
            lines[-1] += mark + line.strip().replace("Duration: ", "in ")
        else:
            lines.append(line)
    return lines


def _done(found: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    if len(found) <= _LISTED:
        yield from (f" {sign} {kind} {name}" for sign, kind, name in found)
        return
    for sign in sorted({sign for sign, _, _ in found}):
        services = Counter(":".join(kind.split(":")[:2]) for each, kind, _ in found if each == sign)
        told = (f"{name.removeprefix('aws:')} {count}" for name, count in services.most_common())
        yield f" {sign} {', '.join(told)}"


def _told(lines: Sequence[str]) -> Iterator[str]:
    heading, waiting = "", ""
    for line in lines:
        found = _HEADING.match(line)
        heading = found[1] if found else heading
        waiting = "" if found else waiting
        advice = heading == "Duration" and not found and not line.startswith("error:")
        over = _OVER.match(line) or (found and heading == "Diagnostics")
        if heading in ("", "Outputs") or not line.strip() or advice or over:
            continue
        # Of a resource of which nothing is left to tell, nothing is told.
        if heading == "Diagnostics" and re.match(r"^  \S.*:$", line):
            waiting = line
            continue
        if waiting:
            yield waiting
            waiting = ""
        yield line
