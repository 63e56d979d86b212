"""An account in a file of the test's own, and the provider on it through its own protocol, without an engine."""

from pathlib import Path

import pytest

from .account import Account


@pytest.fixture
def account(tmp_path: Path) -> Account:
    """An empty account."""
    return Account(tmp_path / "account")
