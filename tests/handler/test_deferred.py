"""What is refused as the body of a transaction: all whose body would run after COMMIT, and nothing else."""

import asyncio
import contextlib
import functools
import types
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from rds_connection import transaction
from rds_connection.deferred import refuse_unfinished


async def later(conn: object) -> None:
    pass


def one_by_one(conn: object) -> Iterator[int]:
    yield 1


async def one_by_one_later(conn: object) -> AsyncIterator[int]:
    yield 1


def at_once(conn: object, *more: object) -> int:
    return 1


@types.coroutine
def in_steps(conn: object) -> Iterator[None]:
    yield


class Later:
    async def __call__(self, conn: object) -> None:
        pass

    async def method(self, conn: object) -> None:
        pass

    @staticmethod
    def steps(conn: object) -> Iterator[object]:
        yield conn

    @classmethod
    async def of_all(cls, conn: object) -> None:
        pass


class AtOnce:
    def __call__(self, conn: object) -> int:
        return 1


DEFERRED: list[tuple[Any, str]] = [
    (one_by_one, "one_by_one: it is a generator"),
    (one_by_one_later, "one_by_one_later: it is an async generator"),
    (in_steps, "in_steps: it is a generator"),
    (functools.partial(functools.partial(one_by_one), conn=1), "one_by_one: it is a generator"),
    (functools.partial(one_by_one_later), "one_by_one_later: it is an async generator"),
    (Later.steps, r"Later\.steps: it is a generator"),
    (staticmethod(one_by_one_later), "one_by_one_later: it is an async generator"),
    (contextlib.contextmanager(one_by_one), "one_by_one: it is a context manager"),
    (contextlib.asynccontextmanager(one_by_one_later), "one_by_one_later: it is a context manager"),
    (lambda conn: (yield conn), "<lambda>: it is a generator"),
]
AWAITED: list[Any] = [
    later,
    functools.partial(later),
    Later(),
    functools.partial(Later()),
    Later().method,
    Later.of_all,
    staticmethod(later),
    staticmethod(functools.partial(later)),
]


@pytest.mark.parametrize(("function", "words"), DEFERRED)
def test_a_function_whose_body_runs_later_is_refused_at_once_by_name(function: Any, words: str) -> None:
    with pytest.raises(TypeError, match=rf"@transaction cannot hold for .*{words}.*a plain function"):
        transaction(function)


@pytest.mark.parametrize("function", AWAITED)
def test_a_function_whose_call_is_awaited_is_awaited_in_its_transaction(function: Any) -> None:
    assert asyncio.iscoroutinefunction(transaction(function))


@pytest.mark.parametrize("function", [None, 5, classmethod(at_once), functools.partialmethod(at_once), "text"])
def test_what_is_no_function_is_refused(function: Any) -> None:
    with pytest.raises(TypeError, match="@transaction needs a function"):
        transaction(function)


def test_no_message_shows_the_arguments_of_a_partial() -> None:
    with pytest.raises(TypeError) as raised:
        transaction(functools.partial(one_by_one, "hidden-word"))
    assert "hidden" not in str(raised.value)


@functools.wraps(later)
def run_now(conn: object) -> None:
    asyncio.run(later(conn))


@functools.wraps(one_by_one)
def list_now(conn: object) -> list[int]:
    return list(one_by_one(conn))


@pytest.mark.parametrize(
    "function",
    [
        at_once,
        functools.partial(at_once),
        AtOnce(),
        AtOnce,
        staticmethod(at_once),
        run_now,
        list_now,
        print,
        functools.cache(at_once),
    ],
)
def test_what_runs_at_once_is_taken_whatever_it_wraps(function: Any) -> None:
    assert callable(transaction(function))


def lines(closed: list[str]) -> Iterator[int]:
    try:
        yield 1
        yield 2
    finally:
        closed.append("generator")


class Waited:
    def __await__(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda: later(1), "a coroutine"),
        (lambda: one_by_one(1), "a generator"),
        (lambda: (x for x in [1]), "a generator"),
        (lambda: one_by_one_later(1), "an async generator"),
        (lambda: in_steps(1), "a generator"),
        (Waited, "an awaitable"),
        (lambda: map(str, [1]), "a lazy map or filter"),
        (lambda: contextlib.contextmanager(one_by_one)(1), "a context manager"),
        (lambda: contextlib.asynccontextmanager(one_by_one_later)(1), "a context manager"),
    ],
)
@pytest.mark.filterwarnings("error")
def test_what_is_still_to_run_is_refused_by_the_functions_name(made: Callable[[], Any], words: str) -> None:
    with pytest.raises(TypeError, match=f"^at_once returned {words}.*rolled back; return the result itself"):
        refuse_unfinished(made(), at_once)


def test_what_was_begun_is_ended() -> None:
    closed: list[str] = []
    begun = lines(closed)
    next(begun)
    with pytest.raises(TypeError):
        refuse_unfinished(begun, at_once)
    assert closed == ["generator"]


def test_a_task_is_cancelled() -> None:
    async def main() -> bool:
        task = asyncio.ensure_future(later(1))
        with pytest.raises(TypeError, match="an awaitable"):
            refuse_unfinished(task, at_once)
        await asyncio.wait([task])
        return task.cancelled()

    assert asyncio.run(main())


@pytest.mark.parametrize("result", [None, 1, "text", [1], iter([1]), {"a": 1}, object(), at_once, later, range(3)])
def test_a_result_that_has_nothing_to_run_is_taken(result: object) -> None:
    refuse_unfinished(result, at_once)
