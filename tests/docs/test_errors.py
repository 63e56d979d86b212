"""docs/errors.md has whatever a user may read when something is wrong, by its text."""

from functools import cache
from typing import Any

import pytest

from lambda_rds_proxy.settings.spelling import CONFIG
from ops.doctor.verdict import Cause
from rds_connection import postgresql
from rds_connection.errors import ConfigurationError
from rds_connection.settings import Settings
from rds_proxy_guard.pack import RULES
from tests.components.test_sentences import CONTRADICTIONS
from tests.components.test_sentences import sentences as said_of
from tests.docs.pages import ROOT, text_of
from tests.generated_errors import OF_THE_DATABASE, ROOMS, Room, error_classes, sentences

_PAGE = text_of("docs/errors.md")
_ROOMS = (
    "handler/rds_connection",
    "components/lambda_rds_proxy",
    "policies/rds_proxy_guard",
    "local",
    "ops",
    "toolchain",
)
# What others are made of, and nobody raises.
_BASES = {"RdsConnectionError"}


@cache
def _collected() -> list[list[str]]:
    return [" ".join(text.split()).split("…") for room in ROOMS for text in sentences(room)]


def _is_found(said: str) -> bool:
    """Whether a sentence of the page has the same words in the same order, whatever its values are."""
    one = " ".join(said.split())
    for words in _collected():
        at = 0
        for word in words:
            at = one.find(word, at) + len(word) if at >= 0 and one.find(word, at) >= 0 else -1
        if at >= 0:
            return True
    return False


@pytest.mark.parametrize(
    "text",
    [
        "remaining connection slots are reserved",
        "Timed-out waiting to acquire database connection",
        "PENDING_PROXY_CAPACITY",
        *(cause.value for cause in Cause),
        *(rule.name for rule in RULES),
    ],
)
def test_what_people_search_for_is_there(text: str) -> None:
    assert text in _PAGE


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: room.title)
def test_every_room_has_its_sentences_and_its_errors_there(room: Room) -> None:
    found = sentences(room)
    assert len(found) > 10
    assert [text for text in found if " ".join(text.split()) not in _PAGE] == []
    assert [kind for kind in room.kinds if not kind.startswith("_") and f"`{kind}`" not in _PAGE] == []


def test_every_error_that_is_declared_is_one_whose_sentences_are_collected() -> None:
    kinds = {kind for room in ROOMS for kind in room.kinds}
    declared = {name for room in _ROOMS for path in sorted((ROOT / room).rglob("*.py")) for name in error_classes(path)}
    assert len(declared) > 15
    assert declared - kinds == _BASES


@pytest.mark.parametrize("choices", CONTRADICTIONS, ids=str)
def test_what_a_preview_refuses_is_found_by_its_sentence(choices: dict[str, Any]) -> None:
    told = said_of(choices, CONFIG)
    assert told
    assert [said for said in told if not _is_found(said)] == []


def test_what_the_handler_says_of_its_environment_is_found_by_its_sentence() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment({})
    assert _is_found(str(raised.value))


def test_the_words_by_which_the_handler_knows_an_error_are_there() -> None:
    words = (*postgresql._UNAVAILABLE, *postgresql._AUTHENTICATION)
    assert [word for word in words if word not in _PAGE] == []
    assert "9501" in _PAGE and "1040" in _PAGE


def test_every_text_of_the_database_leads_on() -> None:
    for texts, what, where in OF_THE_DATABASE:
        assert texts and what and "](" in where
