"""The events of a function's log on the laptop since some time, as CloudWatch would have them."""

import bisect
from pathlib import Path

from ops.function_logs import Event

from ..supervisor.log_events import LogEvents

# An error can be told only of the last so many events: a load that went on for hours is not read whole.
_MOST = 200_000


def events_since(log: Path, start: float) -> list[Event]:
    """The events since a time in seconds since 1970, oldest first."""
    logged = LogEvents(log)
    every = range(len(logged))
    first = max(bisect.bisect_left(every, round(start * 1000), key=logged.milliseconds), len(logged) - _MOST)
    return [
        Event(text=each.message.rstrip("\n"), at=each.milliseconds / 1000, stream=each.stream)
        for each in logged.read(every[first:])
    ]
