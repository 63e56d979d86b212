from itertools import pairwise

import pytest

from local.storm.load import Board, describe, starts_after
from local.storm.run import groups
from ops.storm.results import StormSettings


@pytest.mark.parametrize(("environments", "connections"), [(500, 2), (1000, 5), (1, 1), (51, 1), (7, 3)])
def test_every_client_has_a_process_and_none_has_too_many(environments: int, connections: int) -> None:
    found = groups(StormSettings(environments=environments, connections=connections))
    assert sum(found) == environments * connections
    assert max(found) <= 50


def test_a_thousand_start_at_once_and_more_than_that_one_after_the_other() -> None:
    starts = [starts_after(number) for number in range(5_000)]
    assert starts[:1000] == [0.0] * 1000
    assert all(earlier < later for earlier, later in pairwise(starts[999:]))
    assert starts[-1] == 10.0


def test_failures_at_a_limit_are_counted_under_their_own_words() -> None:
    assert describe(RuntimeError("FATAL:  sorry, too many clients already")) == "too many clients already"
    assert describe(RuntimeError("127.0.0.1 did not answer within 4.9 s")) == "did not answer within"
    assert describe(ValueError("no connection to host: because")) == "ValueError: because"
    assert describe(ValueError(f"x: {'because ' * 20}")) == f"ValueError: {'because ' * 20}".strip()


def test_the_board_tells_who_has_had_an_answer_and_nobody_writes_where_another_does() -> None:
    board = Board(3)
    assert board.times.start == board.times.sustain == board.times.end == float("inf")
    board.served[0] += 2
    board.failed[2] += 1
    board.times.end = 7.5
    assert board.begun() == 2
    assert (board.times.end, list(board.served), list(board.failed), list(board.loaded)) == (
        7.5, [2, 0, 0], [0, 0, 1], [0, 0, 0],
    )  # fmt: skip
