import re

from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rds_proxy.names import MAX_LENGTH, name_if_long, physical_name

# botocore's service model, CreateDBProxyRequest.DBProxyName.
PROXY_NAME = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9]+)*")
PARTS = st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=4)


@given(PARTS)
@example(["a" * 62, "-", "b"])
@example(["-", "9"])
@example(["日本"])
def test_any_logical_name_becomes_a_name_that_aws_accepts(parts: list[str]) -> None:
    name = physical_name(*parts)
    assert PROXY_NAME.fullmatch(name)
    assert 1 <= len(name) <= MAX_LENGTH


@given(PARTS, PARTS)
@example(["a_b"], ["a-b"])
@example(["a", "b-c"], ["a", "b_c"])
def test_names_that_had_to_be_changed_stay_apart(one: list[str], other: list[str]) -> None:
    if "-".join(one) != "-".join(other):
        assert physical_name(*one) != physical_name(*other)


def test_a_name_that_fits_is_kept_as_it_is() -> None:
    assert physical_name("lambda-rds-proxy", "dev", "database") == "lambda-rds-proxy-dev-database"


def test_the_same_parts_always_get_the_same_name() -> None:
    assert physical_name("orders", "dev", "x" * 100) == physical_name("orders", "dev", "x" * 100)


@given(st.from_regex(r"[a-z][a-z0-9-]{0,120}", fullmatch=True), st.sampled_from([63, 64]))
def test_pulumi_names_a_resource_itself_as_long_as_its_suffix_fits(name: str, limit: int) -> None:
    given_name = name_if_long("orders", "dev", name, max_length=limit)
    assert (given_name is None) == (len(name) + 8 <= limit)
    assert given_name is None or len(given_name) <= limit
