"""The function of a chaos run: the handler's real code writes one numbered row for each invocation.

Runs as the process of one execution environment. Reads one JSON line for each invocation, prints one with its answer.
What the caller is told about its row follows from the error alone, as any caller has to decide it.
"""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from rds_connection import (
    Connection,
    OutOfTimeError,
    RdsConnectionError,
    aconnection,
    connection,
    iam_token,
    transaction,
)
from rds_connection.failures import Failure
from rds_connection.postgresql import AsyncConnection, statement_failure

_OLD = timedelta(minutes=16)
_SHARED = "UPDATE shared SET times = times + 1"
_INSERT = "INSERT INTO numbered (number, seconds_to_commit) SELECT %s, %s FROM pg_sleep(%s)"


class Context:
    """Lambda's context."""

    aws_request_id = "00000000-0000-4000-8000-000000000000"

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda would end the invocation."""
        return max(0, int((self._ends - time.monotonic()) * 1000))


class Function:
    """Writes rows; `runs` is how often the last invocation did so."""

    def __init__(self) -> None:
        self.runs = 0
        self._in_transaction = transaction(self._write_and_think)

    def invoke(self, event: dict[str, Any], context: Context) -> None:
        """Write the event's row, in a transaction or in a block of its own."""
        self.runs = 0
        if event["transaction"]:
            self._in_transaction(event, context)
        else:
            with connection(context) as conn:
                self._write(conn, event)

    def _write(self, conn: Connection, event: dict[str, Any]) -> None:
        self.runs += 1
        conn.execute(_INSERT, [event["number"], event["commitSeconds"], event["querySeconds"]])

    def _write_and_think(self, conn: Connection, event: dict[str, Any], _: Context) -> None:
        if event["shared"]:
            conn.execute(_SHARED)
        self._write(conn, event)
        time.sleep(event["thinkSeconds"])
        conn.execute("SELECT 1")


class AsyncFunction(Function):
    """The same in coroutines, with an event loop for each invocation."""

    def __init__(self) -> None:
        super().__init__()
        self._in_async_transaction = transaction(self._await_and_think)

    def invoke(self, event: dict[str, Any], context: Context) -> None:
        """Write the event's row, in a transaction or in a block of its own."""
        self.runs = 0
        asyncio.run(self._invoke(event, context))

    async def _invoke(self, event: dict[str, Any], context: Context) -> None:
        if event["transaction"]:
            await self._in_async_transaction(event, context)
        else:
            async with aconnection(context) as conn:
                await self._await(conn, event)

    async def _await(self, conn: AsyncConnection, event: dict[str, Any]) -> None:
        self.runs += 1
        await conn.execute(_INSERT, [event["number"], event["commitSeconds"], event["querySeconds"]])

    async def _await_and_think(self, conn: AsyncConnection, event: dict[str, Any], _: Context) -> None:
        if event["shared"]:
            await conn.execute(_SHARED)
        await self._await(conn, event)
        await asyncio.sleep(event["thinkSeconds"])
        await conn.execute("SELECT 1")


def told(error: Exception, *, in_transaction: bool) -> str:
    """What an error tells about the row: that it is not written (failed), or that nobody knows (unknown)."""
    if isinstance(error, OutOfTimeError | psycopg.errors.TransactionResolutionUnknown):
        return "unknown"
    if isinstance(error, RdsConnectionError):
        return "failed"
    if not isinstance(error, psycopg.Error):
        return "unclear"
    # A statement by itself commits itself, so a lost connection leaves it open whether it did.
    lost = statement_failure(error) is Failure.UNAVAILABLE
    return "unknown" if lost and not in_transaction else "failed"


class OldTokens:
    """Signs the first token after `on` was set with a clock that is behind."""

    def __init__(self) -> None:
        self.on = False
        self.used = 0
        self._fresh: Callable[..., str] = iam_token.auth_token

    def sign(self, **request: Any) -> str:
        """A token; too old, once."""
        if not self.on:
            return self._fresh(**request)
        self.on = False
        self.used += 1
        return self._fresh(**request, now=datetime.now(UTC) - _OLD)


def main() -> None:
    """Serve invocations until standard input ends."""
    logging.disable()
    function = AsyncFunction() if os.environ.get("CHAOS_STYLE") == "async" else Function()
    tokens = OldTokens()
    iam_token.auth_token = tokens.sign
    if os.environ.get("DB_AUTH") == "secret":
        import boto3  # noqa: F401 - as a function does that wants it loaded before its first invocation
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        event = json.loads(line)
        answer: dict[str, Any] = {"number": event["number"], "told": "written"}
        tokens.on, tokens.used = event["oldToken"], 0
        try:
            function.invoke(event, Context(event["seconds"]))
        except Exception as error:  # every error is an answer here
            kind = told(error, in_transaction=event["transaction"])
            answer |= {"told": kind, "error": type(error).__name__, "text": " ".join(str(error).split())}
        print(json.dumps({**answer, "runs": function.runs, "oldTokens": tokens.used}), flush=True)


if __name__ == "__main__":
    main()
