"""What the tests of one module share: starting servers takes seconds."""

from collections.abc import Iterator

import pytest

from tests.clients.stand import Stand, running_stand


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    with running_stand() as stand:
        yield stand
