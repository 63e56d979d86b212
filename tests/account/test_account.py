"""The account's file: what is refused changes nothing, and several at once lose nothing of each other."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.account.account import Account, RefusedError
from tests.account.provider import FailedError, Provider
from tests.account.samples import INSTANCE, ROLE, instance
from tests.account.stacks import ROOT

_WRITER = """
import sys
from pathlib import Path
from tests.account.account import Account

account = Account(Path(sys.argv[1]))
for _ in range(50):
    with account.alone():
        account.set("count", account.setting("count", 0) + 1)
"""


def test_processes_and_threads_that_change_it_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "account"
    account = Account(file)
    writers = [subprocess.Popen([sys.executable, "-c", _WRITER, str(file)], cwd=ROOT) for _ in range(2)]

    def write(_: int) -> None:
        with account.alone():
            account.set("count", account.setting("count", 0) + 1)

    with ThreadPoolExecutor(max_workers=4) as threads:
        list(threads.map(write, range(50)))
    assert [each.wait() for each in writers] == [0, 0]
    assert account.setting("count", 0) == 150


def test_what_is_refused_half_way_changes_nothing(account: Account) -> None:
    with pytest.raises(RefusedError), account.alone():
        account.put("role", "half", {})
        raise RefusedError("Throttling", "Rate exceeded")
    assert account.left() == []


def test_another_provider_on_the_same_file_knows_what_the_first_one_made(account: Account, tmp_path: Path) -> None:
    made = Provider(account).make(INSTANCE, **instance())
    other = Provider(Account(tmp_path / "account"))
    assert other.refresh(made) is not None
    other.destroy(made)
    assert Provider(account).refresh(made) is None


def test_a_type_whose_service_is_not_modelled_keeps_its_names_apart_and_tells_what_is_gone(provider: Provider) -> None:
    given = {"name": "app", "assumeRolePolicy": '{"Version": "2012-10-17", "Statement": []}'}
    role = provider.make(ROLE, **given)
    with pytest.raises(FailedError, match="Role app already exists"):
        provider.make(ROLE, **given)
    provider.destroy(role)
    assert provider.refresh(role) is None
