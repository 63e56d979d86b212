"""What drivers send: each statement pins, and is told by its digest as the log and the gate write it."""

import pytest

from ops.pinning.digest import digest
from ops.pinning.drivers import RULES, SENT, Sent, sent_by
from ops.pinning.postgresql import pins


@pytest.mark.parametrize("sent", SENT, ids=lambda sent: sent.driver)
def test_what_a_driver_is_said_to_send_pins_and_begins_as_a_digest_does(sent: Sent) -> None:
    begins = sent.digest
    unclosed = begins + '"' * (begins.count('"') % 2)
    assert pins(unclosed + " = $1 cursor" if begins.startswith(("set", "declare")) else begins) is not None
    assert digest(unclosed).startswith(begins)


@pytest.mark.parametrize(
    ("text", "driver"),
    [
        ("DEALLOCATE ALL", "psycopg 3"),
        ("SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;", "asyncpg's pool"),
        ('DECLARE "_django_curs_1_sync_2" NO SCROLL CURSOR WITH HOLD FOR SELECT 1', "Django"),
        ("SET extra_float_digits = 3", "pgJDBC"),
        ("DISCARD ALL", "Npgsql"),
    ],
)
def test_the_driver_is_told_by_the_statement(text: str, driver: str) -> None:
    sent = sent_by(digest(text))
    assert sent is not None and sent.driver.startswith(driver) and sent.fix


def test_of_another_statement_no_driver_is_told() -> None:
    assert sent_by(digest("SET search_path = 'app'")) is None


def test_every_rule_says_its_source_and_fix_under_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.source.startswith("https://") and rule.fix and rule.reason for rule in RULES)
