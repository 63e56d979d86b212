"""A statement without its values, as RDS Proxy's log shows it: `set search_path = $1`. Pure."""

import re
from collections.abc import Iterator

from .words import POSTGRESQL, tokens

LONGEST = 1_000
_LITERALS = {"string", "number", "parameter"}
# Here what stands behind SET … = is an expression; elsewhere it is a value, though it may be a bare word.
_ASSIGNING = {"update", "insert", "merge", "with", "explain"}


def digest(text: str, dialect: re.Pattern[str] = POSTGRESQL) -> str:
    """The text in lower case, literals and parameters numbered $1, $2 …, comments gone, white space squeezed.

    Never a literal, which may be a password: one that is not closed counts to the text's end. Quoted names stay as they
    are. At most 1,000 characters, cut at a part; only so much of the text is read.
    """
    said: list[str] = []
    length = values = 0
    space = ""
    for part in _parts(text, dialect):
        if part == " ":
            space = " " if said else ""
            continue
        if not part:
            values += 1
        piece = space + (part or f"${values}")
        space = ""
        length += len(piece)
        if length > LONGEST:
            break
        said.append(piece)
    return "".join(said)


def _parts(text: str, dialect: re.Pattern[str]) -> Iterator[str]:
    """What a digest shows: words and signs, " " for what separates them, "" for a value."""
    first = ""  # word of this statement
    setting = ""  # "name" behind SET, "value" behind its = or TO, "end" behind the value
    for kind, part in tokens(text, dialect):
        shown = part.lower() if kind == "word" else part
        if kind in {"blank", "comment", "executable"}:
            yield " "
            continue
        if shown == ";":
            first = setting = ""
        elif kind == "word" and not first:
            first = shown
        if setting == "value":
            if shown not in {"default", "+", "-"}:
                setting, shown = "end", ""
        elif setting == "end" and shown == ",":
            setting = "value"
        elif setting == "end" and first == "set":
            continue  # the rest of one value
        elif setting == "name" and shown in {"=", "to"}:
            setting = "value"
        elif shown == "set" and first not in _ASSIGNING:
            setting = "name"
        elif kind not in {"word", "name"} and shown != ".":
            setting = ""
        if kind in _LITERALS:
            shown = ""
        yield shown
