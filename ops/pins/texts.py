"""What pins in files of SQL and of configuration. Pure."""

import re
from collections.abc import Callable

from ops.pinning import mysql, postgresql
from ops.pinning.digest import digest
from ops.pinning.postgresql import LONGEST_TEXT_BYTES, OVERSIZED
from ops.pinning.rule import Rule
from ops.pinning.words import MYSQL, POSTGRESQL, tokens

from . import connection_strings
from .finding import Finding, Read, allowances, judged

DIALECTS: dict[str, tuple[Callable[[str], Rule | None], re.Pattern[str]]] = {
    "postgresql": (postgresql.pins, POSTGRESQL),
    "mysql": (mysql.pins, MYSQL),
}
# What psql and mysql read themselves: a command, and the rows that follow COPY … FROM stdin.
_COPY_ROWS = re.compile(r"(?im)(^COPY\s[^;]*FROM\s+stdin[^;]*;[^\n]*\n)(?:.*\n)*?\\\.$")
_COMMAND = re.compile(r"(?m)^\\.*$")
_DELIMITER = re.compile(r"(?im)^[ \t]*DELIMITER[ \t]+(\S+)[ \t]*$")
_ROUTINE = re.compile(r"(?is)\s*CREATE\b.{0,200}?\b(?:PROCEDURE|FUNCTION|TRIGGER|EVENT)\b")


def rule_of(text: str, engine: str) -> Rule | None:
    """What a statement's text meets, its size too."""
    return OVERSIZED if len(text.encode(errors="replace")) > LONGEST_TEXT_BYTES else DIALECTS[engine][0](text)


def shown_of(text: str, engine: str) -> str:
    """A statement without its values."""
    shown = digest(text, DIALECTS[engine][1])
    return shown if len(shown) <= 100 else shown[:99] + "…"


def read_sql(text: str, engine: str) -> Read:
    """Each statement of a file by itself, as psql and mysql send them."""
    text = _COMMAND.sub("", _COPY_ROWS.sub(_blank_rows, text))
    if engine == "mysql":
        text = _without_routines(text)
    findings: list[Finding] = []
    comments: list[tuple[int, str, bool]] = []
    statement, first_line, line = "", 0, 1
    alone = True  # nothing but comments on this line so far
    for kind, part in [*tokens(text, DIALECTS[engine][1]), ("sign", ";")]:
        is_comment = kind == "comment" or (kind == "blank" and not part.isspace())
        if is_comment:
            comments.append((line, part, alone))
        if kind not in {"blank", "comment"}:
            first_line = first_line or line
            alone = False
        if (kind, part) == ("sign", ";"):
            if rule := rule_of(statement, engine):
                shown = shown_of(statement, engine)
                findings.append(Finding(rule=rule, line=first_line, last_line=line, shown=shown))
            statement, first_line = "", 0
        else:
            statement += part
        line += part.count("\n")
        alone = alone or (kind == "blank" and "\n" in part)
    return Read(findings=judged(findings, allowances(comments), {each for each, _, alone in comments if alone}))


def _blank_rows(copied: re.Match[str]) -> str:
    return copied[1] + "\n" * (copied[0].count("\n") - copied[1].count("\n"))


def _without_routines(text: str) -> str:
    """The text of a MySQL script without the routines that DELIMITER sets apart; its lines stay where they are."""
    kept, delimiter, at = [], ";", 0
    for found in [*_DELIMITER.finditer(text), None]:
        section = text[at : found.start() if found else len(text)]
        if delimiter != ";":
            parts = section.split(delimiter)
            section = ";".join("\n" * part.count("\n") if _ROUTINE.match(part) else part for part in parts)
        kept.append(section)
        if found:
            delimiter, at = found[1], found.end()
    return "".join(kept)


def read_configuration(text: str) -> Read:
    """Each line of a file of settings: connection strings, and options for the server."""
    findings, comments = [], []
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith(("#", ";", "//")):
            comments.append((number, bare, True))
            continue
        settings, sign, comment = line.partition(" #")
        if sign:
            comments.append((number, "#" + comment, False))
        findings += [
            Finding(rule=rule, line=number, shown=re.split(r"[\s:=]", bare, maxsplit=1)[0].strip("\"'"))
            for rule in connection_strings.rules(settings)
        ]
    return Read(findings=judged(findings, allowances(comments), {each for each, _, alone in comments if alone}))
