"""One line per use of the database, in CloudWatch's embedded metric format, written by hand.

Format: CloudWatch User Guide, "Specification: Embedded metric format".
"""

from .driver import Driver
from .errors import RdsConnectionError
from .failures import Failure
from .invocation import Invocation

NAMESPACE = "LambdaRdsProxy"
OUTCOMES = ("ok", "application", "configuration", "pool-exhausted", "out-of-time", *Failure)
_COUNTS = ("ConnectionsOpened", "ConnectionsReused", "Retries", "Failures")
_TIMES = ("ConnectTime", "QueryTime")
_DEFINITION = ",".join(
    [f'{{"Name":"{name}","Unit":"Count"}}' for name in _COUNTS]
    + [f'{{"Name":"{name}","Unit":"Milliseconds"}}' for name in _TIMES]
)


def metrics_line(invocation: Invocation, *, outcome: str, function: str, milliseconds: int) -> str:
    """The line; `milliseconds` since 1970. Function names and request ids need no JSON escape: letters, digits, -_:."""
    return (
        f'{{"_aws":{{"Timestamp":{milliseconds},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}",'
        f'"Dimensions":[["FunctionName"]],"Metrics":[{_DEFINITION}]}}]}},"FunctionName":"{function}",'
        f'"RequestId":"{invocation.request_id}","Outcome":"{outcome}",'
        f'"ConnectionsOpened":{invocation.opened},"ConnectionsReused":{invocation.reused},'
        f'"Retries":{invocation.retries},"Failures":{int(outcome != "ok")},'
        f'"ConnectTime":{invocation.connect_seconds * 1000:.3f},"QueryTime":{invocation.query_seconds * 1000:.3f}}}'
    )


def outcome(error: BaseException | None, driver: Driver | None = None) -> str:
    """One of `OUTCOMES`: how a block ended, with the driver if there is one yet."""
    if error is None:
        return "ok"
    if driver is not None and isinstance(error, driver.Error):
        return driver.statement_failure(error)
    return error.outcome if isinstance(error, RdsConnectionError) else "application"
