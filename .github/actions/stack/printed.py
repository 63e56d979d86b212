"""What a command printed, as the inside of a fence of 12 tildes that nothing in it closes, without account ids.

`python3 -I printed.py FILE` reads what may have been written by anybody, and imports nothing that could be.
"""

import re
import sys
import unicodedata
from pathlib import Path

# A comment takes 65,536 characters, and a summary more; the end has the policies and the outcome.
_CHARACTERS = 60_000
_READ_BYTES = 600_000
_UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs")
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
# An account's number, as the console writes it too, and ids of keys, roles and users, from which it can be computed.
_ACCOUNT = re.compile(r"\d{12,}|(?<!\d)\d{4}-\d{4}-\d{4}(?!\d)|(?:AKIA|ASIA|AROA|AIDA)[A-Z2-7]{16}")


def harmless(text: str) -> str:
    """The end of it, without control and direction characters, accounts and fences."""
    text = _TERMINAL.sub("", re.sub(r"\r\n?", "\n", text))
    text = "".join(each for each in text if each in "\n\t" or unicodedata.category(each) not in _UNSEEN)
    text = re.sub("~{12,}", "~" * 11, _ACCOUNT.sub("************", text)).strip("\n")
    if len(text) > _CHARACTERS:
        text = "…\n" + text[-_CHARACTERS:].partition("\n")[2]
    return (text or "nothing was printed") + "\n"


def end_of(file: Path) -> str:
    """What the file ends with; nothing if there is none, or a link or a folder in its place."""
    if file.is_symlink() or not file.is_file():
        return ""
    with file.open("rb") as opened:
        skipped = opened.seek(max(0, file.stat().st_size - _READ_BYTES))
        text = opened.read(_READ_BYTES).decode(errors="replace")
    return text.partition("\n")[2] if skipped else text


if __name__ == "__main__":
    sys.stdout.buffer.write(harmless(end_of(Path(sys.argv[1]))).encode())
