import pytest

from ops.storm.cost import MOST_REQUESTS_PER_SECOND, at_most


def test_the_bound_counts_memory_by_time_and_the_most_requests() -> None:
    cost = at_most(environments=500, seconds=60, megabytes=256, architecture="arm64")
    assert cost.gb_seconds == 7_500
    assert cost.requests == 500 * 60 * MOST_REQUESTS_PER_SECOND
    # 7,500 GB-s × $0.0000133334 + 3 million requests × $0.20, a third more for dearer regions.
    assert cost.dollars == pytest.approx((0.1000005 + 0.6) * 4 / 3)
    assert str(cost) == (
        "at most 7,500 GB-seconds and 3,000,000 requests of Lambda, about $0.93 with a third added for dearer regions"
    )


def test_an_unknown_architecture_is_taken_for_the_dearest() -> None:
    bounds = [
        at_most(environments=1, seconds=1, megabytes=1024, architecture=name).dollars for name in ("x86_64", "riscv")
    ]
    assert bounds[0] == bounds[1]
