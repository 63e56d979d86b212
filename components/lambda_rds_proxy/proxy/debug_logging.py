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
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('a time such as "2026-11-25T18:00Z"') from None
    return until if until.tzinfo else until.replace(tzinfo=UTC)


def is_wanted(until: str | None, *, now: datetime) -> bool:
    """Whether debug logging is on at `now`.

    Raises:
        ValueError: the time is none, or more than 24 hours ahead.
    """
    if until is None:
        return False
    end = parse_until(until)
    if end - now > LONGEST:
        latest = (now + LONGEST).strftime("%Y-%m-%dT%H:%MZ")
        raise ValueError(f"debugLoggingUntil is {until}; AWS ends it after 24 hours, so it must be before {latest}")
    return now < end
