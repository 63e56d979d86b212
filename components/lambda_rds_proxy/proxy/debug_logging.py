"""Debug logging of a proxy, as a time until which it is wanted: AWS ends it after 24 hours by itself.

A program that says `true` for ever would see a difference at every refresh from the second day on, and switch it on
again with every update. A time says when both, AWS and the program, go back to `false`.
"""

from datetime import UTC, datetime, timedelta

# RDS User Guide, "Creating a proxy": enhanced logging ends 24 hours after it was switched on.
LONGEST = timedelta(hours=24)


def parse_until(text: str) -> datetime:
    """The time of an ISO 8601 text; without an offset it is UTC.

    Raises:
        ValueError: it is none.
    """
    until = datetime.fromisoformat(text)
    return until if until.tzinfo else until.replace(tzinfo=UTC)


def latest(now: datetime) -> datetime:
    """The latest time that debug logging can last to."""
    return now + LONGEST


def is_wanted(until: str | None, *, now: datetime) -> bool:
    """Whether debug logging is on at `now`.

    Raises:
        ValueError: `until` is no time.
    """
    return until is not None and now < parse_until(until)
