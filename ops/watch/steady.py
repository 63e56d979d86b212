"""A verdict that does not flicker: another one has to be seen twice in a row before it is shown. Pure."""

from ops.doctor.verdict import Cause, Verdict


class Steady:
    """What is shown of the verdicts that looks have led to."""

    def __init__(self) -> None:
        self._shown: Verdict | None = None
        self._last: Cause | None = None

    def after(self, verdict: Verdict) -> Verdict:
        """What to show after one more look; the first is shown at once."""
        if self._shown is None or verdict.cause in (self._shown.cause, self._last):
            self._shown = verdict
        self._last = verdict.cause
        return self._shown
