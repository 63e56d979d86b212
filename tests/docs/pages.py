"""The pages of the documentation, and what they tell to type."""

import re
from functools import cache
from pathlib import Path

from docs.site_files import site_files

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(name for name in site_files() if name.endswith(".md"))
# Written by the program itself, or about programs that are gone.
_NOT_TYPED = ("docs/ops.md", "docs/errors.md", "CHANGELOG.md")


@cache
def text_of(page: str) -> str:
    return (ROOT / page).read_text()


def typed(page: str) -> list[str]:
    """What follows a prompt, with the lines that a backslash goes on to."""
    found: list[str] = []
    for block in blocks("console", page):
        goes_on = False
        for line in map(str.strip, block.splitlines()):
            if goes_on:
                found[-1] = f"{found[-1].removesuffix(chr(92)).rstrip()} {line}"
            elif line.startswith("$ "):
                found.append(line[2:])
            else:
                continue
            goes_on = line.endswith("\\")
    return found


def blocks(language: str, page: str) -> list[str]:
    """The code of each block of a language."""
    found = re.compile(rf"^( *)```{language}\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
    return [match[2] for match in found.finditer(text_of(page))]


def quoted(page: str) -> list[str]:
    """What stands in a line of text as code."""
    prose = re.sub(r"^ *```.*?^ *```$", "", text_of(page), flags=re.MULTILINE | re.DOTALL)
    return [" ".join(each.split()) for each in re.findall(r"(?<!`)`([^`]+)`(?!`)", prose)]


def commands(program: str) -> list[tuple[str, str]]:
    """Page and command, for each command of a program that is typed or quoted; loops and `&&` taken apart."""
    found = {
        (page, part.strip().removeprefix("do "))
        for page in PAGES
        if page not in _NOT_TYPED
        for line in [*typed(page), *quoted(page)]
        for part in re.split(r" && | \|\s|; (?:do )?|\$\((?=aws|pulumi|python)", line)
        if part.strip().removeprefix("do ").startswith(f"{program} ")
    }
    return sorted((page, command.partition(" # ")[0].partition("    #")[0].strip()) for page, command in found)


def anchors(text: str) -> set[str]:
    """As GitHub makes them of headings."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", re.sub(r"\]\([^)]*\)", "", title).lower()).replace(" ", "-") for title in titles}
