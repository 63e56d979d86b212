"""What a stack's configuration wants of its proxy."""

from collections.abc import Callable
from typing import Any

import pytest

from ops import configured as configuration
from ops.doctor.configured import configured
from ops.doctor.drift import Settings
from ops.stack_outputs import StackError

Wanted = Callable[[dict[str, Any]], Settings]


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Wanted:
    def of(document: dict[str, Any]) -> Settings:
        monkeypatch.setattr(configuration, "stack_configuration", lambda _: document)
        return configured("dev")

    return of


def test_what_is_not_said_is_the_programs_default(wanted: Wanted) -> None:
    document = {
        "aws:region": {"value": "eu-west-1"},
        "lambda-rds-proxy:maxConnectionsPercent": {"value": "70"},
        "lambda-rds-proxy:auth": {"value": "secret"},
        "lambda-rds-proxy:tags": {"secret": True},
    }
    assert wanted(document) == Settings(
        max_connections_percent=70, borrow_timeout=5, idle_client_timeout=1800, require_tls=True, auth="secret"
    )


def test_the_auth_is_that_of_all_users_each_way_once(wanted: Wanted) -> None:
    users = '[{"name": "reporting", "auth": "secret"}, {"name": "batch", "auth": "iam"}]'
    document = {"lambda-rds-proxy:auth": {"value": "iam"}, "lambda-rds-proxy:users": {"value": users}}
    assert wanted(document).auth == "iam, secret"


def test_a_configuration_that_is_wrong_names_every_problem(wanted: Wanted) -> None:
    with pytest.raises(StackError, match=r"maxConnectionsPercent is .*; borrowTimeout is "):
        wanted(
            {
                "lambda-rds-proxy:maxConnectionsPercent": {"value": "0"},
                "lambda-rds-proxy:borrowTimeout": {"value": "soon"},
            }
        )


def test_without_an_engine_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(StackError, match="no `pulumi` on PATH"):
        configured("dev")


def test_a_program_of_ones_own_is_not_read_as_if_it_were_this_one(wanted: Wanted) -> None:
    with pytest.raises(StackError, match=r"^the program in /\S.* is one of its own, whose settings stand in its code$"):
        wanted({"aws:region": {"value": "eu-west-1"}, "shop:functions": {"value": "{}"}})
