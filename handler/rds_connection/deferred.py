"""What is still to run when a function has returned: a transaction that ends with the call would commit none of it."""

import contextlib
import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import BuiltinFunctionType, FunctionType, MethodType, TracebackType
from typing import Generic, NoReturn, TypeVar

from .errors import OutOfTimeError

_T = TypeVar("_T")
_BLOCKS = (contextlib._GeneratorContextManager, contextlib._AsyncGeneratorContextManager)
_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (Coroutine, "a coroutine"),
    (AsyncGenerator, "an async generator"),
    (Generator, "a generator"),
    (Awaitable, "an awaitable"),
    ((map, filter), "a lazy map or filter"),
    (_BLOCKS, "a context manager that has not been entered"),
)


def refuse_deferred(function: object) -> None:
    """Refuse a function whose body runs neither in its call nor where its call is awaited.

    Raises:
        TypeError: with the function's name and the way out.
    """
    if not callable(function) or isinstance(function, classmethod):
        raise TypeError(f"@transaction needs a function, not {_what(function)}; put it below @classmethod and the like")
    body = _body(function)
    if inspect.isasyncgenfunction(body):
        kind = "an async generator"
    elif inspect.isgeneratorfunction(body):
        kind = "a generator"
    elif isinstance(body, FunctionType) and body.__globals__ is vars(contextlib) and body.__code__.co_name == "helper":
        kind = "a context manager"  # made by `contextmanager` or `asynccontextmanager`
    else:
        return
    raise TypeError(
        f"@transaction cannot hold for {name_of(function)}: it is {kind}, so its body would run after the commit; make "
        "it a plain function, or an async one, that returns its result"
    )


def is_async(function: object) -> bool:
    """Whether the call of a function is awaited."""
    return inspect.iscoroutinefunction(_body(function))


def signature_without_connection(function: Callable[..., object]) -> inspect.Signature | None:
    """How a caller of the decorated function sees it; None if Python cannot tell."""
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    names = list(found.parameters.values())
    first = names[0] if names else None
    if first is None or first.kind not in (first.POSITIONAL_ONLY, first.POSITIONAL_OR_KEYWORD):
        return None
    return found.replace(parameters=names[1:])


def refuse_unfinished(result: object, function: object) -> None:
    """Refuse what a call returned if it is still to run, and end it.

    Raises:
        TypeError: with the function's name and the way out.
    """
    kind = _kind(type(result))  # type: ignore[arg-type] # every type is hashable
    if kind is None:
        return
    # Unended, a coroutine warns that nobody waited for it, and a task runs when nobody expects it any more.
    for end in (getattr(getattr(result, "gen", result), name, None) for name in ("close", "cancel")):
        if end is not None:
            with contextlib.suppress(Exception):
                end()
    raise TypeError(
        f"{name_of(function)} returned {kind}, which would run after the commit of its @transaction, so it was rolled "
        "back; return the result itself, such as a list"
    )


@functools.lru_cache(128)  # a look at abstract classes takes microseconds, and an environment returns few types
def _kind(result: type) -> str | None:
    return next((words for kinds, words in _KINDS if issubclass(result, kinds)), None)


def name_of(function: object) -> str:
    """How a function is called in a message; not its repr, which shows the arguments of a partial."""
    found = _body(function)
    return str(getattr(found, "__qualname__", type(found).__qualname__))


def _what(value: object) -> str:
    return f"the {type(value).__name__} {name_of(value)}" if isinstance(value, classmethod) else type(value).__name__


def _body(function: object) -> object:
    """The function that a call comes to: what `functools.wraps` names is not, for its wrapper decides what it does."""
    while True:
        if isinstance(function, functools.partial | functools.partialmethod):
            function = function.func
        elif isinstance(function, staticmethod | classmethod | MethodType):
            function = function.__func__
        elif isinstance(function, FunctionType | BuiltinFunctionType | type) or not callable(function):
            return function
        elif isinstance(call := type(function).__call__, FunctionType):
            function = call
        else:
            return function


class _Undecorating:
    """No decorator, as what `contextmanager` makes would be: it would decorate what is still to run as well."""

    __slots__ = ()

    def __call__(self, function: object) -> NoReturn:
        """Refuse to decorate.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"transaction() of a connection is for `with`; put @transaction above {name_of(function)}")


class Block(_Undecorating, Generic[_T]):
    """A context manager for `with` alone, which does not commit what the connection cannot.

    Args:
        block: of the driver.
        check: raises what keeps the transaction from being committed.
    """

    __slots__ = ("_block", "_check")

    def __init__(self, block: AbstractContextManager[_T], check: Callable[[], None]) -> None:
        self._block = block
        self._check = check

    def __enter__(self) -> _T:
        return self._block.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if error is None:
            try:
                self._check()
            except Exception as found:
                self._block.__exit__(type(found), found, found.__traceback__)
                raise
        try:
            return self._block.__exit__(kind, error, traceback)
        except OutOfTimeError:
            if error is None:
                raise
            return None  # what ended the block matters more


class AsyncBlock(_Undecorating, Generic[_T]):
    """`Block` for `async with`."""

    __slots__ = ("_block", "_check")

    def __init__(self, block: AbstractAsyncContextManager[_T], check: Callable[[], None]) -> None:
        self._block = block
        self._check = check

    async def __aenter__(self) -> _T:
        return await self._block.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if error is None:
            try:
                self._check()
            except Exception as found:
                await self._block.__aexit__(type(found), found, found.__traceback__)
                raise
        try:
            return await self._block.__aexit__(kind, error, traceback)
        except OutOfTimeError:
            if error is None:
                raise
            return None
