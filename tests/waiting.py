"""Waiting for conditions: as short as they take, and so long at most that only a fault reaches the limit."""

import inspect
import time
from collections.abc import Callable

# A machine whose processors others have takes many times as long. Nobody waits this long for what is right.
LIMIT_SECONDS = 300.0
_PAUSE_SECONDS = 0.02


def until(
    met: Callable[[], object],
    *,
    or_else: Callable[[], object] = lambda: False,
    not_yet: type[Exception] | tuple[type[Exception], ...] = AssertionError,
    seconds: float = LIMIT_SECONDS,
) -> None:
    """Wait until a condition is true; errors of the kinds `not_yet` count as not yet.

    Raises:
        AssertionError: it is not true after so many seconds, or `or_else`, after which it cannot come true any more,
            is; names the condition.
    """
    deadline = time.monotonic() + seconds
    while True:
        # Asked first: what came true before the end counts.
        is_lost = bool(or_else())
        is_over = is_lost or time.monotonic() > deadline
        last: Exception | None = None
        try:
            if met():
                return
        except not_yet as error:
            last = error
        if is_over:
            why = "cannot come true any more" if is_lost else f"not true within {seconds:.0f} s"
            raise AssertionError(f"{why}: {_text(met)}") from last
        time.sleep(_PAUSE_SECONDS)


def _text(met: Callable[[], object]) -> str:
    """What stands in the source: the lines of the condition."""
    try:
        return " ".join(inspect.getsource(met).split())
    except (OSError, TypeError):
        return repr(met)
