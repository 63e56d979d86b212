"""The pools of this execution environment, made at their first use, and the invocations that use them."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from .credentials import Credentials
from .errors import ConfigurationError
from .invocations import Invocation, current, under_way
from .metrics import metrics_line, outcome, proxy_of
from .pool import Room, Slots
from .settings import Settings

_P = TypeVar("_P", bound=Slots[Any])
_log = logging.getLogger(__package__)
_pools: dict[type[Slots[Any]], Slots[Any]] = {}
_readers: dict[type[Slots[Any]], Slots[Any]] = {}
_rooms: dict[str, Room] = {}
_lock = threading.Lock()
_inherited: list[Slots[Any]] = []


def writer(kind: type[_P]) -> _P:
    """The pool of a style, `Pool` or `AsyncPool`, that connects to DB_HOST.

    Raises:
        ConfigurationError: the `DB_*` environment is wrong.
    """
    found = _pools.get(kind)
    return found or _made(_pools, kind, Settings.from_environment(os.environ))  # type: ignore[return-value]


def reader(kind: type[_P]) -> _P | None:
    """The pool of a style that connects to DB_READER_HOST; None if there is no reader and the writer may stand in.

    Raises:
        ConfigurationError: there is no reader, or the `DB_*` environment is wrong.
    """
    found = _readers.get(kind)
    if found is not None:
        return found  # type: ignore[return-value]
    settings = writer(kind).settings
    if settings.reader_host:
        return _made(_readers, kind, settings.reader, has_stand_in=settings.reader_fallback == "true")
    if settings.reader_fallback == "true":
        return None
    raise ConfigurationError(
        "read_only needs a reader: DB_READER_HOST is not set; give the proxy a reader endpoint, or set "
        "DB_READER_FALLBACK to true (the component's readerFallback), so that the writer is used where there is none"
    )


def acquired() -> int:
    """How often a connection that may write was handed out, whatever its pool."""
    return sum(pool.acquired for pool in _pools.values())


def close() -> None:
    """Close every connection and forget what was read from the environment: for tests and before a snapshot."""
    with _lock:
        found = [*_pools.values(), *_readers.values()]
        _pools.clear()
        _readers.clear()
        _rooms.clear()
    for pool in found:
        pool.close()


def _forget_in_child() -> None:
    """After a fork: two processes on one connection would break it for both, and closing it ends the parent's."""
    global _lock
    _lock = threading.Lock()
    for pool in (*_pools.values(), *_readers.values()):
        pool.inherit()
        _inherited.append(pool)  # nor is anything closed by being collected
    for each in (_pools, _readers, _rooms):
        each.clear()
    current.set(None)


os.register_at_fork(after_in_child=_forget_in_child)


def close_before_snapshot() -> None:
    """With SnapStart, leave no connection and no secret in the snapshot that thousands of environments start from."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from snapshot_restore_py import register_before_snapshot  # part of Lambda's runtime

        register_before_snapshot(close)


@contextmanager
def invocation(context: object = None) -> Iterator[Invocation]:
    """One invocation of the function: what is in the block shares its time, and has one line of metrics.

    For a framework that opens connections by itself, as SQLAlchemy does with `connect`, or that does without the
    database in some requests: nothing is opened here.

    Args:
        context: Lambda's context. A block inside another is a part of it, unless it has another context.
    """
    found = under_way(context)
    its, outermost = found or begin(context), found is None
    try:
        yield its
    except BaseException as error:
        leave(its, error, outermost=outermost)
        raise
    leave(its, None, outermost=outermost, failed=its.failed)


def begin(context: object) -> Invocation:
    """Begin an invocation: whatever is nested in it finds it in `current`."""
    found = Invocation(context)
    found.begin()
    return found


def leave(invocation: Invocation, error: BaseException | None, *, outermost: bool, failed: str = "") -> None:
    """Leave a block of an invocation, and the invocation with the outermost; in Lambda tell how it went.

    Args:
        error: what the block ended in.
        failed: without an error, how the last block in this one failed, if that is to count: a framework that answers
            with status 500 lets no error through.
    """
    # Looking into os.environ costs more than all the rest of this.
    pool = next(iter(_pools.values()), None)
    if error is not None:
        failed = outcome(error, pool.driver if pool is not None else None)
    invocation.failed = "" if failed == "application" else failed
    if not outermost:
        return
    function = pool.function_name if pool is not None else os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    if function:
        line = metrics_line(
            invocation,
            outcome=failed or "ok",
            function=function,
            proxy=pool.proxy if pool is not None else proxy_of(os.environ.get("DB_HOST", "")),
            milliseconds=int(time.time() * 1000),
        )
        _write(line)
    invocation.end()


def _write(line: str) -> None:
    try:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except Exception as broken:  # what was committed stays committed, whether or not somebody counts it
        _log.warning("the line of metrics was not written: %s", type(broken).__name__)


def _made(
    pools: dict[type[Slots[Any]], Slots[Any]], kind: type[_P], settings: Settings, *, has_stand_in: bool = False
) -> _P:
    with _lock:
        if kind not in pools:
            credentials = Credentials(settings, os.environ)
            room = _rooms.setdefault("writer" if pools is _pools else "reader", Room())
            pools[kind] = kind(settings, credentials, room, has_stand_in=has_stand_in)
        return pools[kind]  # type: ignore[return-value]
