"""An account in a file of the test's own, and the provider on it through its own protocol, without an engine."""

import zipfile
from pathlib import Path

import pytest

from .account import Account
from .provider import Provider


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An empty account."""
    return Account(tmp_path / "account")


@pytest.fixture
def provider(account: Account) -> Provider:
    """The provider on that account."""
    return Provider(account)


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A function's package."""
    file = tmp_path / "app.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", "def handler(event, context): ...\n")
    return str(file)
