"""What an invocation's caller was told against what the database has: nothing lost, nothing twice. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Told(StrEnum):
    """What the caller of an invocation was told about its row."""

    WRITTEN = "written"
    """It is there: once, and for good."""
    FAILED = "failed"
    """An error that says that nothing was written."""
    UNKNOWN = "unknown"
    """An error that says that nobody knows."""
    UNCLEAR = "unclear"
    """An error that is neither of this package nor of the driver."""
    NOTHING = "nothing"
    """No answer before Lambda would have ended the invocation."""


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One invocation that was to write the row `number`; `seconds` until its answer, `limit` those it had."""

    number: int
    told: Told
    seconds: float
    limit: float
    error: str = ""
    """The class of the error."""
    text: str = ""
    """Its message."""
    runs: int = 1
    """How often the function ran."""
    environment: int = 0
    """The number of the environment that it ran in."""
    afterwards: bool = False
    """Whether it began when the fault was over."""


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What was found when the fault was over: copies of each row, and what was left behind."""

    rows: Mapping[int, int]
    met: int
    """How many invocations or connections the fault met at its moment."""
    in_transaction: int = 0
    """Database connections of the application that stay in a transaction though nobody works."""
    stuck: int = 0
    """Environments whose next invocation failed."""
    pinned: int = 0
    """Sessions that were pinned to a database connection: the handler's never are."""
    unnoticed: bool = False
    """Whether no caller may have noticed anything."""
    over: bool = False
    """Whether no function may have run twice."""
    repeated: bool = False
    """Whether some function must have."""
    waited_for: bool = False
    """Whether nobody may have given up to connect."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What no error may contain."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Counts of what callers were told, and what is wrong, each in words."""

    written: int
    failed: int
    unknown: int
    rerun: int
    slowest: float
    met: int
    errors: Mapping[str, int]
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def judge(attempts: Iterable[Attempt], aftermath: Aftermath) -> Verdict:
    """Compare what callers were told with what is in the table."""
    attempts = list(attempts)
    told = Counter(each.told for each in attempts)
    rows = aftermath.rows
    errors = Counter(each.error for each in attempts if each.error)
    # One each: whatever an environment was left with when the fault was over, it has to part with at its first error.
    late = Counter(each.environment for each in attempts if each.afterwards and each.told is not Told.WRITTEN)
    counts = {
        "lost": sum(each.told is Told.WRITTEN and not rows.get(each.number) for each in attempts),
        "written twice": sum(count > 1 for count in rows.values()),
        "written though told failed": sum(
            each.told is Told.FAILED and bool(rows.get(each.number)) for each in attempts
        ),
        "written by nobody": len(rows.keys() - {each.number for each in attempts}),
        "without an answer": told[Told.NOTHING],
        "answered too late": sum(each.told is not Told.NOTHING and each.seconds > each.limit for each in attempts),
        "with an unclear error": told[Told.UNCLEAR] + sum(bool(each.error) and not each.text for each in attempts),
        "with a secret in the error": sum(secret in each.text for each in attempts for secret in aftermath.secrets),
        "told of what nobody should notice": aftermath.unnoticed * (told[Told.FAILED] + told[Told.UNKNOWN]),
        "told once more by an environment though it was over": sum(late.values()) - len(late),
        "without a connection though there was time": aftermath.waited_for * errors["NoConnectionError"],
        "run twice for what was over": aftermath.over * sum(each.runs > 1 for each in attempts),
        "left in a transaction": aftermath.in_transaction,
        "still failing afterwards": aftermath.stuck,
        "pinned to a database connection": aftermath.pinned,
    }
    problems = [f"{count} {what}" for what, count in counts.items() if count]
    if not aftermath.met:
        problems.append("the fault met nobody")
    if aftermath.repeated and not any(each.runs > 1 for each in attempts):
        problems.append("no second attempt was made")
    if not told[Told.WRITTEN]:
        problems.append("nothing was written at all")
    return Verdict(
        written=told[Told.WRITTEN],
        failed=told[Told.FAILED],
        unknown=told[Told.UNKNOWN],
        rerun=sum(each.runs > 1 for each in attempts),
        slowest=max((each.seconds for each in attempts), default=0.0),
        met=aftermath.met,
        errors=errors,
        problems=tuple(problems),
    )
