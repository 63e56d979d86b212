"""What the end-to-end tests share."""

from collections.abc import Iterator

import pytest

from tests.end_to_end.checkouts import Checkout, copied
from tests.end_to_end.local_stack import LocalStack


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy that a module's tests share; modules run side by side and in any order."""
    with copied(tmp_path_factory.mktemp("end to end") / "a checkout") as copy:
        yield copy


@pytest.fixture(scope="module")
def local_stack(checkout: Checkout) -> LocalStack:
    """The stack `local` of that copy."""
    return LocalStack(checkout)


@pytest.fixture
def up(local_stack: LocalStack) -> Checkout:
    """The copy with its stack `local` as `make up` makes it; a test may change anything of it."""
    local_stack.bring_to({})
    return local_stack.checkout
