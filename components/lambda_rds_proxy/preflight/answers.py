"""A question's answer, or why there is none, and the rows that are told of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class NotSeen:
    """That a question has no answer, and why; `fix` is how it gets one."""

    why: str
    fix: str = ""


Answer: TypeAlias = T | NotSeen
NOT_ASKED = NotSeen(why="not asked")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What was found, with its value, and the fix: a command or a setting."""

    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.found}; {self.fix}"


class Verdict(StrEnum):
    """What can be said of a question."""

    OK = "ok"
    FINDING = "finding"
    NOT_SEEN = "not-seen"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A question, and what there is to say of it."""

    question: str
    verdict: Verdict
    found: str
    fix: str = ""


def rows(
    question: str, answer: Answer[T], problems: Callable[[T], Iterable[Problem]], fine: Callable[[T], str]
) -> list[Row]:
    """A row for each problem of an answer; one without a problem is told, too."""
    if isinstance(answer, NotSeen):
        return [Row(question=question, verdict=Verdict.NOT_SEEN, found=answer.why, fix=answer.fix)]
    found = [
        Row(question=question, verdict=Verdict.FINDING, found=each.found, fix=each.fix) for each in problems(answer)
    ]
    return found or [Row(question=question, verdict=Verdict.OK, found=fine(answer))]


def listed(names: Iterable[str], *, most: int = 5) -> str:
    """Names in a sentence; of many the first, and how many more."""
    all_of = list(names)
    more = f" and {len(all_of) - most} more" if len(all_of) > most else ""
    return ", ".join(all_of[:most]) + more
