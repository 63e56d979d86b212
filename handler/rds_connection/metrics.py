"""One line per use of the database, in CloudWatch's embedded metric format, written by hand.

Format: CloudWatch User Guide, "Specification: Embedded metric format". A custom metric is paid for each set of
dimensions and hour, so all but two are of the proxy, whose functions add up. Of a function itself are its failures,
whose sample count is its uses of the database, and those without any connection, published only where there was none.
"""

from .driver import Driver
from .errors import RdsConnectionError
from .failures import Failure
from .invocations import Invocation

NAMESPACE = "LambdaRdsProxy"
OUTCOMES = ("ok", "application", "configuration", "pool-exhausted", "out-of-time", *Failure)
_OF_PROXY = {
    "ConnectionsOpened": "Count",
    "Retries": "Count",
    "Failures": "Count",
    "ConnectTime": "Milliseconds",
    "QueryTime": "Milliseconds",
}


def _directive(dimension: str, units: dict[str, str]) -> str:
    defined = ",".join(f'{{"Name":"{name}","Unit":"{unit}"}}' for name, unit in units.items())
    return f'{{"Namespace":"{NAMESPACE}","Dimensions":[["{dimension}"]],"Metrics":[{defined}]}}'


_PROXYS = _directive("Proxy", _OF_PROXY)
_ALWAYS = f"[{_PROXYS},{_directive('FunctionName', {'Failures': 'Count'})}]}},"
_WITHOUT_CONNECTION = (
    f'[{_PROXYS},{_directive("FunctionName", {"Failures": "Count", "NoConnection": "Count"})}]}},"NoConnection":1,'
)


def proxy_of(host: str) -> str:
    """What metrics call the proxy: the first label of its endpoint's name, which is the proxy's own."""
    label = host.partition(".")[0].lower()
    # Compiling a pattern would cost a cold start more than all of this module.
    return label if label.isascii() and label.replace("-", "").isalnum() else "unknown"


def metrics_line(invocation: Invocation, *, outcome: str, function: str, proxy: str, milliseconds: int) -> str:
    """The line; `milliseconds` since 1970. Nothing in it needs a JSON escape: letters, digits, -_:."""
    had_none = outcome != "ok" and not invocation.opened and not invocation.reused
    return (
        f'{{"_aws":{{"Timestamp":{milliseconds},"CloudWatchMetrics":{_WITHOUT_CONNECTION if had_none else _ALWAYS}'
        f'"FunctionName":"{function}","Proxy":"{proxy}","RequestId":"{invocation.request_id}","Outcome":"{outcome}",'
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
