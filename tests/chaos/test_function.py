from datetime import UTC, datetime

import psycopg
import pytest

from rds_connection import NoConnectionError, OutOfTimeError, PoolExhaustedError
from tests.chaos.function import OldTokens, told


@pytest.mark.parametrize(
    ("error", "in_transaction", "by_itself"),
    [
        (NoConnectionError("none"), "failed", "failed"),
        (PoolExhaustedError("one in use"), "failed", "failed"),
        (OutOfTimeError("no answer"), "unknown", "unknown"),
        (psycopg.errors.TransactionResolutionUnknown("lost at COMMIT"), "unknown", "unknown"),
        (psycopg.OperationalError("the connection is lost"), "failed", "unknown"),
        (psycopg.errors.AdminShutdown("terminating"), "failed", "unknown"),
        (psycopg.errors.UniqueViolation("twice"), "failed", "failed"),
        (ValueError("whatever"), "unclear", "unclear"),
    ],
)
def test_what_a_caller_can_tell_from_an_error_alone(error: Exception, in_transaction: str, by_itself: str) -> None:
    assert told(error, in_transaction=True) == in_transaction
    assert told(error, in_transaction=False) == by_itself


def test_only_the_first_token_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = []

    def sign(*, now: datetime | None = None) -> str:
        ages.append(None if now is None else round((datetime.now(UTC) - now).total_seconds() / 60))
        return "token"

    monkeypatch.setattr("rds_connection.iam_token.auth_token", sign)
    tokens = OldTokens()
    tokens.on = True
    assert [tokens.sign(), tokens.sign()] == ["token", "token"]
    assert ages == [16, None]
    assert tokens.used == 1
