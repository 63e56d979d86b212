"""The failures in a function's log on AWS, read in few pages."""

from typing import Any

import boto3

from ops.function_logs import TIMED_OUT, Event, failures, whole

# Whatever tells of a failed invocation, or that it was none; both log formats. Source: CloudWatch Logs User Guide,
# "Filter pattern syntax".
_FAILURES = '?"[ERROR]" ?"Task timed out" ?"Runtime exited" ?errorType ?timeout ?INIT_REPORT ?"platform.initReport"'
# A page holds 10,000 events or 1 MB, and may be empty while more follow (FilterLogEvents, API Reference).
_PAGES = 10
# Of so many time-outs it is asked how their invocations had used the database.
_TIME_OUTS = 5


def failed_events(group: str, start: float, end: float) -> tuple[list[Event], bool]:
    """The events of a group between two times that tell of failures, with the uses of the database of some time-outs.

    Returns:
        And whether these are all that there are.
    """
    client = boto3.client("logs")
    found, complete = filtered(client, group, start, end, _FAILURES, _PAGES)
    late = [event for event, told in failures(whole(found)) if told.kind == TIMED_OUT]
    for each in late[-_TIME_OUTS:]:
        if each.request_id:
            found += filtered(client, group, start, end, f'"{each.request_id}" CloudWatchMetrics', 1)[0]
    return found, complete


def filtered(
    client: Any,  # noqa: ANN401 - boto3's
    group: str,
    start: float,
    end: float,
    pattern: str,
    pages: int,
) -> tuple[list[Event], bool]:
    """The events of a group between two times that a pattern filters, and whether so many pages hold them all."""
    asked: dict[str, Any] = {"logGroupName": group, "filterPattern": pattern}
    asked |= {"startTime": round(start * 1000), "endTime": round(end * 1000)}
    found: list[Event] = []
    for _ in range(pages):
        answer = client.filter_log_events(**asked)
        found += [
            Event(text=str(each["message"]), at=each["timestamp"] / 1000, stream=str(each["logStreamName"]))
            for each in answer["events"]
        ]
        if "nextToken" not in answer:
            return found, True
        asked["nextToken"] = answer["nextToken"]
    return found, False
