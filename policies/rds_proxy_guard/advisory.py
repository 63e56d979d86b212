"""Says "undecided" under a policy's own name without blocking, whatever the policy's own level is.

The SDK gives a policy one level for all it reports: its `report_violation` is a closure over `enforcement_level`. A
copy of that function with another value in that one cell reports at advisory level. The SDK is pinned and a test holds
this; with an SDK that is built otherwise nothing is said, which blocks nobody either.
"""

from types import CellType, FunctionType

from pulumi_policy import EnforcementLevel, ReportViolation


def at_advisory_level(report: ReportViolation) -> ReportViolation | None:
    """The same reporter at advisory level; None where the SDK does not allow it."""
    if not isinstance(report, FunctionType) or "enforcement_level" not in report.__code__.co_freevars:
        return None
    cells = [
        CellType(EnforcementLevel.ADVISORY) if name == "enforcement_level" else cell
        for name, cell in zip(report.__code__.co_freevars, report.__closure__ or (), strict=True)
    ]
    return FunctionType(report.__code__, report.__globals__, report.__name__, report.__defaults__, tuple(cells))
