"""GetMetricData's answers, one file for each row of the table, five minutes long.

Composed from AWS's documentation (no account to record from): the answer's shape, microseconds, Sum over all nodes at
60 s, and no value in minutes without an event for counters and latencies.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ops.doctor.verdict import Cause

_FOLDER = Path(__file__).with_name("get_metric_data")


def answer(cause: Cause) -> dict[str, Any]:
    """A row's answer as botocore hands it on."""
    document: dict[str, Any] = json.loads((_FOLDER / f"{cause.value}.json").read_text())
    for result in document["MetricDataResults"]:
        result["Timestamps"] = [datetime.fromisoformat(each) for each in result["Timestamps"]]
    return document


SERIES: Mapping[Cause, Mapping[str, Sequence[float]]] = {
    cause: {each["Id"]: each["Values"] for each in answer(cause)["MetricDataResults"] if each["Values"]}
    for cause in Cause
    if (_FOLDER / f"{cause.value}.json").exists()
}
