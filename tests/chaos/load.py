"""The load of a cell: every environment is invoked again and again, and what its caller is told is kept."""

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from tests.chaos.environment import Environment
from tests.chaos.matrix import Moment
from tests.chaos.verdict import Attempt, Told

# Between two invocations of an environment: the load is to be there, not to fill the machine.
_PAUSE_SECONDS = 0.02
# How long a moment lasts in each invocation, so that faults meet most environments at it.
_MOMENT_SECONDS = 0.4
_WARM_SECONDS = 20.0


class Load:
    """Invocations of environments that are at a moment most of their time, in a `with` block.

    Attributes:
        old_tokens: whether the first token of each new connection is too old.
        shared: whether all transactions write to one row.
        over: whether the fault is.
    """

    def __init__(self, environments: Sequence[Environment], moment: Moment, *, seconds: float) -> None:
        """Each invocation has so many seconds."""
        self.attempts: list[Attempt] = []
        self.old_tokens = False
        self.shared = False
        self.over = False
        self._seconds = seconds
        self._ends: list[float] = []
        self._environments = environments
        self._moment = moment
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()
        self._going = threading.Event()
        self._going.set()
        self._turns = list(range(len(environments)))  # not all in the same way at once
        self._locks = [threading.Lock() for _ in environments]
        self._threads = [threading.Thread(target=self._drive, args=(turn,)) for turn in range(len(environments))]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._going.set()
        for thread in self._threads:
            thread.join()

    def warm(self) -> None:
        """Wait until rows are written at this pace by as many invocations as there are environments."""
        deadline = time.monotonic() + _WARM_SECONDS
        while sum(each.told is Told.WRITTEN for each in self.attempts) < 2 * len(self._environments):
            if time.monotonic() > deadline:
                return  # the verdict tells what was wrong
            time.sleep(0.01)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Freeze every environment between two invocations, for the length of a block; then both ways meet the thaw."""
        with ExitStack() as stack:
            self._going.clear()
            stack.callback(self._going.set)
            for environment, lock in zip(self._environments, self._locks, strict=True):
                stack.enter_context(lock)
                environment.freeze()
                stack.callback(environment.thaw)
            self._turns = list(range(len(self._environments)))
            yield

    @contextmanager
    def without_one(self) -> Iterator[tuple[Environment, dict[str, Any]]]:
        """An environment that is not invoked by us for the length of a block, and an event of a transaction for it."""
        with self._locks[0]:
            yield self._environments[0], self._event(in_transaction=True)

    def answered(self, seconds: float) -> int:
        """How many invocations have ended since then, in seconds of the monotonic clock."""
        return sum(ended > seconds for ended in self._ends)

    def since(self, seconds: float) -> int:
        """How many invocations were under way or began since then, in seconds of the monotonic clock."""
        return self.answered(seconds) + sum(lock.locked() for lock in self._locks)

    def probe(self) -> int:
        """Invoke every environment once more, in both ways and without delay: how many environments failed."""
        self._moment = Moment.FROZEN
        stuck = 0
        for number in range(len(self._environments)):
            answers = [self._invoke(number, in_transaction=way) for way in (True, False)]
            stuck += not all(answers)
        return stuck

    def _drive(self, number: int) -> None:
        lock = self._locks[number]
        while True:
            self._going.wait()
            with lock:
                if self._stopping.is_set():
                    return
                if self._going.is_set():
                    self._turns[number] += 1
                    way = self._turns[number] % 2 == 0
                    self._invoke(number, in_transaction=self._always_in_transaction or way)
            time.sleep(_PAUSE_SECONDS)

    @property
    def _always_in_transaction(self) -> bool:
        return self._moment in (Moment.TRANSACTION, Moment.COMMIT, Moment.ANSWER)

    def _invoke(self, number: int, *, in_transaction: bool) -> bool:
        afterwards = self.over
        attempt = self._environments[number].invoke(self._event(in_transaction=in_transaction))
        self._ends.append(time.monotonic())
        self.attempts.append(replace(attempt, environment=number, afterwards=afterwards))
        return attempt.told is Told.WRITTEN

    def _event(self, *, in_transaction: bool) -> dict[str, Any]:
        lasting = {Moment.QUERY: "querySeconds", Moment.TRANSACTION: "thinkSeconds", Moment.COMMIT: "commitSeconds"}
        return {
            "number": next(self._numbers),
            "transaction": in_transaction,
            "seconds": self._seconds,
            "oldToken": self.old_tokens,
            "shared": self.shared,
            # Who wants what all want does not keep it: they would wait for each other, and longer than for the fault.
            **{
                name: _MOMENT_SECONDS if moment is self._moment and not self.shared else 0
                for moment, name in lasting.items()
            },
        }
