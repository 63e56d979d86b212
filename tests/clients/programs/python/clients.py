"""What the clients in Python have in common: how many there are, when they go, and what they met."""

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

UTC = "UTC"
Numbers = Iterator[int]
"""The values of one session. At its end it waits, when clients are to stay, until every client has come to its own."""
See = Callable[[Any, Any], None]
"""Takes what was expected and what came."""
Kinds = dict[str, Callable[[Numbers, See], Coroutine[Any, Any, None] | None]]


class _Report:
    """What is printed at the end."""

    def __init__(self) -> None:
        self.done = 0
        self.errors: list[str] = []
        self.wrong: list[str] = []

    def see(self, expected: Any, got: Any) -> None:
        self.done += 1
        if expected != got:
            self.wrong.append(f"{expected!r} became {got!r}")

    def failed(self, error: BaseException) -> None:
        state, text = "", str(error)
        # asyncpg says that the connection is gone, because of what the server said; SQLAlchemy wraps either.
        cause: BaseException | None = error
        while cause is not None:
            if getattr(cause, "sqlstate", None):
                state, text = cause.sqlstate, str(cause)  # type: ignore[attr-defined]
            cause = getattr(cause, "orig", None) or cause.__cause__
        self.errors.append(" ".join(f"{state} {text}".split()))


def main(kinds: Kinds) -> None:
    """Run the kind that the command line names, and print what its clients met."""
    kind = kinds[sys.argv[1]]
    clients, sessions, statements = (int(os.environ[name]) for name in ("CLIENTS", "SESSIONS", "STATEMENTS"))
    all_done = threading.Barrier(clients if os.environ["MODE"] == "stay" else 1)
    report = _Report()

    def client(own: int) -> None:
        arrived = False

        def numbers(first: int) -> Numbers:
            """The values of one session, which stays until every client has come to its end."""
            nonlocal arrived
            yield from range(first, first + statements)
            arrived = True
            all_done.wait()

        for session in range(sessions):
            try:
                working = kind(numbers(own * 1000 + session * statements), report.see)
                if working is not None:
                    asyncio.run(working)
            except Exception as error:
                report.failed(error)
        if not arrived:
            all_done.wait()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(1, clients + 1)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    print(json.dumps(vars(report)))
