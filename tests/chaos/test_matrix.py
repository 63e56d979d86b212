import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.faults import _BREAKS, _MADE, _making
from tests.chaos.matrix import Auth, Cell, Fault, Moment, cells
from toolchain.checkout import checkout_root

EVERYTHING = cells()
# A token is what only `iam` has, and what only a proxy takes here.
TRIED = {Fault.TOKEN_EXPIRED: {Auth.IAM}, Fault.DATABASE_RESTART: {Auth.SECRET, Auth.PASSWORD}}


def test_every_fault_and_every_moment_is_tried_with_every_login_that_can_meet_it() -> None:
    assert {cell.fault for cell in EVERYTHING} == set(Fault)
    assert {cell.moment for cell in EVERYTHING} == set(Moment)
    for fault in Fault:
        auths = {cell.auth for cell in EVERYTHING if cell.fault is fault}
        assert auths == TRIED.get(fault, set(Auth))


def test_no_cell_is_tried_twice() -> None:
    assert len(set(EVERYTHING)) == len(EVERYTHING)


@given(st.sets(st.sampled_from(Fault)), st.sets(st.sampled_from(Moment)), st.sets(st.sampled_from(Auth)))
def test_filters_leave_exactly_what_passes_them_all(faults: set[Fault], moments: set[Moment], auths: set[Auth]) -> None:
    def passes(cell: Cell) -> bool:
        return cell.fault in (faults or Fault) and cell.moment in (moments or Moment) and cell.auth in (auths or Auth)

    assert cells(faults=faults, moments=moments, auths=auths) == [cell for cell in EVERYTHING if passes(cell)]


@pytest.mark.parametrize("cell", EVERYTHING, ids=str)
def test_every_cell_can_be_made_and_described(cell: Cell) -> None:
    assert callable(_making(cell))
    assert cell.fault.meaning
    assert cell.moment.meaning


def test_what_was_over_before_anybody_asked_is_noticed_by_nobody_but_for_a_connection_that_only_seems_good() -> None:
    frozen = {cell.fault: cell.is_unnoticed for cell in EVERYTHING if cell.moment is Moment.FROZEN}
    assert {fault for fault, unnoticed in frozen.items() if not unnoticed} == {
        Fault.NETWORK_CUT,
        Fault.DEMOTED,
        Fault.REPLACED,
    }


def test_each_fault_is_made_in_one_way() -> None:
    assert not _BREAKS.keys() & _MADE.keys()


def test_the_document_describes_every_fault_and_moment_and_has_a_row_for_both() -> None:
    text = (checkout_root() / "docs" / "faults.md").read_text()
    matrix = text[text.index("|---|---|---|") :]
    rows = set(re.findall(r"^\| ([a-z0-9-]+) \| ([a-z]+) \|", matrix, re.MULTILINE))
    assert rows == {(cell.fault.value, cell.moment.value) for cell in EVERYTHING}
    for described in (*Fault, *Moment):
        assert f"| {described.value} | {described.meaning} |" in text
