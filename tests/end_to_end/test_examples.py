"""The examples, run as their README says."""

import pytest

from tests.end_to_end.checkouts import Checkout

pytestmark = pytest.mark.engine


def test_a_team_tests_the_pack_against_its_own_programs(checkout: Checkout) -> None:
    done = checkout.run("pytest", "-q", "-p", "no:cacheprovider", "examples/test-the-pack")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout
    assert not list(checkout.root.glob("examples/**/Pulumi.test.yaml"))
