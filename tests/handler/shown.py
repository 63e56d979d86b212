"""All that a report of an error may show: messages, reprs, attributes, chained errors, and variables of its frames."""

import traceback
from pathlib import Path
from types import FrameType, TracebackType

_TESTS = str(Path(__file__).resolve().parents[1])


def everything_shown(error: BaseException) -> str:
    """What any tool could print of an error; of frames only those that are not the tests' own."""
    parts: list[str] = []
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        parts += [str(each), repr(each), repr(each.args), repr(vars(each))]
        # A decoder's error keeps the text, an encoder's the whole string.
        parts += [repr(getattr(each, name, "")) for name in ("doc", "object", "filename")]
        frames = traceback.StackSummary.extract(_frames(each.__traceback__), capture_locals=True)
        parts += [f"{frame.name} {frame.locals}" for frame in frames]
        left += [each.__cause__, each.__context__]
    return "\n".join(parts)


def _frames(trace: TracebackType | None) -> list[tuple[FrameType, int]]:
    found: list[tuple[FrameType, int]] = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_TESTS):
            found.append((trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    return found
