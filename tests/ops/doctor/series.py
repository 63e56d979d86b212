"""Series by minute as CloudWatch returns them, one set for each row: units, gaps and sums as it publishes them.

Composed by the documented units and statistics (no account to record from): microseconds, Sum over all nodes at 60 s,
counters and latencies without a value in minutes without an event.
"""

from collections.abc import Mapping, Sequence

from ops.doctor.verdict import Cause

_Series = Mapping[str, Sequence[float]]
_WELL: _Series = {
    "clients": [380, 400, 410, 395, 400],
    "received": [12, 30, 5],
    "connections": [18, 20, 20, 19, 20],
    "borrowed": [4, 5, 4, 4, 4],
    "inTransaction": [2, 2, 2, 1, 2],
    "pinned": [0, 0, 0, 0, 0],
    "allowed": [60, 60, 60, 60, 60],
    "requests": [30_000, 31_000, 30_500, 30_000, 30_000],
    "borrowLatency": [420, 400, 390, 410, 400],
    "answer": [3_900, 4_000, 4_100, 4_000, 4_000],
    "availability": [100, 100, 100, 100, 100],
    "sessions": [24, 26, 26, 25, 26],
    "invocations0": [30_000, 31_000, 30_500, 30_000, 30_000],
    "duration0": [90, 110, 100, 95, 90],
    "opened0": [12, 30, 5, 0, 0],
    "reused0": [29_988, 30_970, 30_495, 30_000, 30_000],
}
_FAILING: _Series = {"errors0": [900, 1000, 950, 980, 1000]}
# The function's timeout is 15 s: its longest invocations end there, or half a second earlier by its own.
_LATE: _Series = {**_FAILING, "duration0": [14_600, 15_000, 15_000, 14_900, 15_000]}
_FULL: _Series = {
    "connections": [60, 60, 60, 60, 60],
    "borrowed": [60, 59, 60, 60, 60],
    "borrowLatency": [4_100_000, 4_400_000, 4_300_000, 4_500_000, 4_400_000],
}
_SILENT: _Series = {
    name: values for name, values in _WELL.items() if name in ("allowed", "availability", "sessions", "invocations0")
}

SERIES: dict[Cause, _Series] = {
    Cause.HEALTHY: _WELL,
    Cause.IDLE: {name: values for name, values in _SILENT.items() if name != "invocations0"},
    Cause.PROXY_WORKS: {**_WELL, **_LATE},
    Cause.POOL_TOO_SMALL: {**_WELL, **_FULL, **_FAILING, "requests": [80_000] * 5, "answer": [38_000] * 5},
    Cause.TRANSACTIONS_TOO_LONG: {**_WELL, **_FULL, **_LATE, "requests": [1_800] * 5, "answer": [30_000] * 5},
    Cause.PINNED: {**_WELL, **_FULL, **_LATE, "pinned": [50, 55, 58, 58, 59]},
    Cause.SLOW_QUERIES: {
        **_WELL,
        **_LATE,
        "borrowed": [30] * 5,
        "requests": [200] * 5,
        "answer": [8_800_000, 9_100_000, 8_900_000, 9_000_000, 8_800_000],
    },
    Cause.IDLE_IN_TRANSACTION: {
        **_WELL,
        "borrowed": [12] * 5,
        "inTransaction": [12] * 5,
        "requests": [6, 8],
        "answer": [3_000],
    },
    Cause.NEVER_REACHED: {
        **_SILENT,
        "invocations0": [50] * 5,
        "errors0": [50] * 5,
        "duration0": [5_300] * 5,
        "opened0": [0] * 5,
        "reused0": [0] * 5,
    },
    Cause.LOGIN_REFUSED: {**_WELL, **_FAILING, "failedLogins": [900, 1000]},
    Cause.DATABASE_DOWN: {**_WELL, **_FAILING, "availability": [100, 50, 0, 0, 0]},
    Cause.DATABASE_FULL: {**_WELL, **_FAILING, "sessions": [60, 70, 75, 76, 76]},
}
