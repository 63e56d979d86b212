"""What is read out of a function's log."""

import json

from hypothesis import given
from hypothesis import strategies as st

from local.tools import function_log
from local.tools.function_log import LoggedInvocations
from ops.doctor.evidence import LoginProblem
from ops.function_logs import Event
from rds_connection.invocations import Invocation
from rds_connection.metrics import metrics_line


def read_log(text: str) -> LoggedInvocations:
    return function_log.read_log(Event(text=each) for each in text.split("\n"))


def line(outcome: str, *, opened: int = 0, reused: int = 0) -> str:
    invocation = Invocation(None)
    invocation.opened, invocation.reused = opened, reused
    return metrics_line(invocation, outcome=outcome, function="app", proxy="orders", milliseconds=1)


def test_lambdas_own_lines_are_counted() -> None:
    log = (
        "START RequestId: 1 Version: $LATEST\n"
        "[ERROR] ValueError: no\rTraceback (most recent call last):\r  File ...\n"
        "[ERROR]\t2026-11-25T00:00:00Z\t1\tthe handler logged this\n"
        "END RequestId: 1\nREPORT RequestId: 1\tDuration: 1.00 ms\n"
        "2026-11-25T00:00:00.000Z 2 Task timed out after 2.00 seconds\n\nREPORT RequestId: 2\tDuration: 2000.00 ms\n"
        "RequestId: 3 Error: Runtime exited with error: signal: SIGKILL\nREPORT RequestId: 3\tDuration: 9.00 ms\n"
    )
    assert read_log(log) == LoggedInvocations(invocations=3, errors=3, timeouts=1)


def test_an_init_that_fails_is_one_failed_invocation() -> None:
    error = "[ERROR] Runtime.ImportModuleError: Unable to import module 'app'\rTraceback (most recent call last):\r"
    report = "REPORT RequestId: 1\tDuration: 9.00 ms\tStatus: error\tError Type: Runtime.ImportModuleError\n"
    second = "INIT_REPORT Init Duration: 9.00 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.ImportModuleError"
    laptop = f"{error}\n{second}\nSTART RequestId: 1 Version: $LATEST\nEND RequestId: 1\n{report}"
    assert read_log(laptop) == LoggedInvocations(invocations=1, errors=1)
    lambdas = f"{error}\n{second.replace('invoke', 'init')}\n{laptop}"
    assert read_log(lambdas) == LoggedInvocations(invocations=1, errors=1)


def test_the_handlers_metrics_are_added_up() -> None:
    log = "\n".join([line("ok", opened=1), line("ok", reused=1), line("out-of-time", reused=1), line("authentication")])
    assert read_log(log) == LoggedInvocations(connections=3, timeouts=1)


def test_the_reason_of_a_refused_login_is_read_out_of_the_error() -> None:
    expired = "[ERROR] NoConnectionError: … IAM authentication failed for the role app: the token is expired."
    wrong = '[ERROR] NoConnectionError: … password authentication failed for user "app"'
    assert read_log(expired).login_problem is LoginProblem.EXPIRED_TOKEN
    both = f"{expired}\n{wrong}\n[ERROR] ValueError: no"
    assert read_log(both).login_problem is read_log(wrong).login_problem is LoginProblem.WRONG_PASSWORD
    assert read_log("[ERROR] ValueError: no").login_problem is None


@given(
    st.text() | st.lists(st.sampled_from(['{"_aws"', '{"_aws":1}', "REPORT RequestId: ", "[ERROR] x"])).map("\n".join)
)
def test_any_text_can_be_read(text: str) -> None:
    found = read_log(text)
    assert found.invocations >= 0
    assert found.connections is None


@given(st.integers(0, 200))
def test_a_line_that_is_cut_counts_for_nothing(length: int) -> None:
    whole = line("ok", opened=1)
    assert read_log(whole[:length]) == LoggedInvocations()
    assert json.loads(whole)["ConnectionsOpened"] == 1
