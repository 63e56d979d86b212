"""A load of real invocations that grows in three steps, while the stack is looked at."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

import boto3
import botocore.config
from botocore.exceptions import BotoCoreError, ClientError

_STEPS = 3
# So much later a client of a later step begins, as a share of the whole time.
_PAUSE_SECONDS = 0.05


@contextlib.contextmanager
def invocations(functions: Sequence[str], *, clients: int, seconds: float) -> Iterator[None]:
    """Invoke the functions in turn from so many clients, a third of them from each third of the time on."""
    over = threading.Event()
    threads = [
        threading.Thread(
            target=_client,
            args=(functions[number % len(functions)], number * _STEPS // clients * seconds / _STEPS, over),
            daemon=True,
        )
        for number in range(clients if functions else 0)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _client(function: str, begins: float, over: threading.Event) -> None:
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    client = boto3.session.Session().client("lambda", config=config)
    over.wait(begins)
    while not over.is_set():
        # A failure, or a throttled invocation, is what the picture is to show: it is in the numbers.
        with contextlib.suppress(ClientError, BotoCoreError):
            client.invoke(FunctionName=function, Payload=b"{}")["Payload"].read()
        over.wait(_PAUSE_SECONDS)
