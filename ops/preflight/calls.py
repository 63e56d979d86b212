"""Calls of AWS that read: counted, at most so many, each with a reason where there is no answer."""

import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from lambda_rds_proxy.preflight.answers import Answer, NotSeen
from ops.aws.errors import AwsErrors, reason

MOST_CALLS = 60
_AT_ONCE = 8
# Seconds; with the retries of botocore's standard mode.
_CONFIG = Config(connect_timeout=5, read_timeout=15, retries={"mode": "standard", "max_attempts": 3})
# Client → what IAM calls the service.
_IAM_NAMES = {"service-quotas": "servicequotas"}
T = TypeVar("T")


class NotAskedError(Exception):
    """A question that was not asked, or not to its end; the message says why."""


class Calls:
    """The calls of one look. `made` has each as IAM calls its action."""

    def __init__(self, session: boto3.Session, *, most: int = MOST_CALLS) -> None:
        self.made: list[str] = []
        self._session, self._most = session, most
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - AWS's
        """One call's answer.

        Raises:
            NotAskedError: so many were made already.
        """
        with self._lock:  # a session makes one client at a time
            if len(self.made) >= self._most:
                raise NotAskedError(f"{self._most} calls were made, which is the most")
            if service not in self._clients:
                self._clients[service] = self._session.client(service, config=_CONFIG)
            client = self._clients[service]
            name = client.meta.method_to_api_mapping[operation]
            self.made.append(f"{_IAM_NAMES.get(service, service)}:{name}")
        answer: dict[str, Any] = getattr(client, operation)(**parameters)
        return answer

    def pages(self, service: str, operation: str, key: str, *, most: int, **parameters: Any) -> list[Any]:  # noqa: ANN401
        """What all pages have under a key; each page is a call.

        Raises:
            NotAskedError: there are more pages.
        """
        found: list[Any] = []
        for _ in range(most):
            answer = self(service, operation, **parameters)
            found += answer.get(key, [])
            said = next((each for each in ("Marker", "NextToken", "nextToken") if answer.get(each)), None)
            if said is None:
                return found
            parameters[said] = answer[said]
        raise NotAskedError(f"there are more than {len(found)}, and no more pages were asked for")


def answer_of(question: Callable[[], T]) -> Answer[T]:
    """What a question answers, or why it does not."""
    try:
        return question()
    except NotAskedError as error:
        return NotSeen(why=f"not asked: {error}")
    except ClientError as error:
        code = reason(error)
        denied = any(each in code for each in ("AccessDenied", "AuthorizationError", "UnauthorizedOperation"))
        fix = "docs/roles/preflight.json has what is asked" if denied else ""
        return NotSeen(why=f"{code} on {error.operation_name}", fix=fix)
    except AwsErrors as error:
        return NotSeen(why=reason(error))


def side_by_side(questions: Sequence[Callable[[], T]], *, each_done: Callable[[], None]) -> list[Answer[T]]:
    """The answer to each, several at a time. Ctrl-C ends it at once: threads that wait hold nothing."""
    waiting, answered = queue.SimpleQueue[int](), queue.SimpleQueue[tuple[int, Any]]()
    for index in range(len(questions)):
        waiting.put(index)

    def work() -> None:
        while not waiting.empty():
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answered.put((index, answer_of(questions[index])))
            except Exception as error:
                answered.put((index, error))

    for _ in range(min(_AT_ONCE, len(questions))):
        threading.Thread(target=work, daemon=True).start()
    found: dict[int, Answer[T]] = {}
    for _ in questions:
        index, answer = answered.get()
        if isinstance(answer, Exception):
            raise answer
        found[index] = answer
        each_done()
    return [found[index] for index in range(len(questions))]
