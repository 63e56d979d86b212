import pytest

from lambda_rds_proxy.settings.checks import NO_DEFAULT, default, matching, number, one_of, passes


def test_a_number_is_within_a_range_whose_ends_are_included() -> None:
    check = number(1, 100, default=85)
    assert [value for value in (0, 1, 100, 101) if check.accepts(value)] == [1, 100]
    assert (check.allowed, check.default) == ("a whole number from 1 to 100", 85)


def test_a_number_in_steps_is_a_multiple_of_them() -> None:
    check = number(0.5, 256, step=0.5, why="never zero")
    assert [value for value in (0, 0.5, 0.7, 256, 256.5) if check.accepts(value)] == [0.5, 256]
    assert check.allowed == "a number from 0.5 to 256 in steps of 0.5 (never zero)"


def test_a_text_matches_as_a_whole() -> None:
    check = matching(r"sg-[0-9a-f]+", "a group")
    assert [text for text in ("sg-0a", "sg-0a\n", "xsg-0a", "") if check.accepts(text)] == ["sg-0a"]


def test_every_text_of_a_list_matches_and_what_is_not_known_yet_is_not_looked_at() -> None:
    check = matching(r"sg-[0-9a-f]+", "groups")
    assert check.accepts(["sg-0a", object()])
    assert not check.accepts(["sg-0a", "group"])


def test_one_of_says_its_members() -> None:
    check = one_of([1, 3, 5])
    assert [value for value in (1, 2, 3) if check.accepts(value)] == [1, 3]
    assert check.allowed == "one of 1, 3, 5"


def test_a_function_refuses_by_its_answer_or_by_a_value_error() -> None:
    check = passes(lambda text: int(text) > 0, "a number above zero")
    assert [text for text in ("1", "0", "one") if check.accepts(text)] == ["1"]


@pytest.mark.parametrize(
    "check", [number(1, 2), matching("", ""), one_of([]), passes(lambda _: True, "")], ids=lambda check: check.allowed
)
def test_without_a_default_the_component_chooses(check: object) -> None:
    assert check.default is NO_DEFAULT  # type: ignore[attr-defined]


def test_a_mere_default_takes_anything_of_its_type() -> None:
    assert default(True).accepts(False)
    assert default(True).default is True
