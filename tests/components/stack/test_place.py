"""Python and architecture of functions follow from the place."""

from typing import Any

import pulumi
import pytest

from lambda_rds_proxy.function.package import this_machine
from lambda_rds_proxy.function.vpc_function import target_of
from lambda_rds_proxy.stack.place import is_laptop

LAPTOP = '["000000000000"]'


def test_only_account_zero_alone_is_the_laptop() -> None:
    assert is_laptop({"aws:allowedAccountIds": LAPTOP})
    assert not is_laptop({"aws:allowedAccountIds": '["000000000000", "123456789012"]'})
    assert not is_laptop({"aws:allowedAccountIds": "not json"})
    assert not is_laptop({})


def test_a_stack_that_allows_no_account_is_of_the_place_whose_shell_it_is_in() -> None:
    shell = {"LAMBDA_RDS_PROXY_ACCOUNT": "000000000000"}
    assert is_laptop({}, shell)
    assert not is_laptop({"aws:allowedAccountIds": '["123456789012"]'}, shell)
    assert not is_laptop({}, {"LAMBDA_RDS_PROXY_ACCOUNT": "123456789012"})


@pytest.mark.parametrize(
    ("accounts", "given", "expected"),
    [
        (LAPTOP, {}, (this_machine().python, this_machine().architecture)),
        (LAPTOP, {"python": "3.12", "architecture": "arm64"}, ("3.12", "arm64")),
        ('["123456789012"]', {}, ("3.13", "arm64")),
        (None, {}, ("3.13", "arm64")),
    ],
)
def test_functions_run_on_this_machine_only_where_it_is_the_place(
    monkeypatch: pytest.MonkeyPatch, accounts: str | None, given: Any, expected: tuple[str, str]
) -> None:
    monkeypatch.delenv("LAMBDA_RDS_PROXY_ACCOUNT", raising=False)
    pulumi.runtime.set_all_config({"aws:allowedAccountIds": accounts} if accounts else {})
    try:
        found = target_of(given)
    finally:
        pulumi.runtime.set_all_config({})
    assert (found.python, found.architecture) == expected
