import re

from hypothesis import example, given
from hypothesis import strategies as st

from lambda_rds_proxy.names import DATABASE, MAX_LENGTH, ROLE, NameRule, name_if_needed, physical_name

# botocore's service model, CreateDBProxyRequest.DBProxyName; and what the provider takes of it.
PROXY_NAME = re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9]+)*")
PROVIDERS_NAME = re.compile(r"[a-z](?:-?[a-z0-9]+)*")
PARTS = st.lists(st.text(min_size=1, max_size=80), min_size=2, max_size=4)
# What stacks and components are mostly called, with all the ways to join alike.
WORDS = st.from_regex(r"(a|b)(-(a|b)){0,3}", fullmatch=True)


@given(PARTS)
@example(["a" * 62, "-", "b"])
@example(["-", "9"])
@example(["日本", "東京"])
@example(["Shop", "Dev", "Orders"])
def test_any_logical_name_becomes_a_name_that_aws_accepts(parts: list[str]) -> None:
    name, lower_case = physical_name(*parts), physical_name(*parts, lower_case=True)
    assert PROXY_NAME.fullmatch(name)
    assert PROVIDERS_NAME.fullmatch(lower_case)
    assert 1 <= len(name) <= MAX_LENGTH
    assert 1 <= len(lower_case) <= MAX_LENGTH


@given(PARTS, PARTS)
@example(["a_b", "c"], ["a-b", "c"])
@example(["a", "b", "c"], ["a", "B", "c"])
@example(["a", "b-c"], ["a", "b_c"])
def test_names_that_had_to_be_changed_stay_apart(one: list[str], other: list[str]) -> None:
    if "-".join(one) != "-".join(other):
        assert physical_name(*one) != physical_name(*other)
        assert physical_name(*one, lower_case=True) != physical_name(*other, lower_case=True)


@given(WORDS, WORDS, WORDS, WORDS)
@example("dev", "eu-orders", "dev-eu", "orders")
def test_two_stacks_of_a_project_never_share_a_name_however_theirs_join(
    stack: str, name: str, other_stack: str, other_name: str
) -> None:
    if (stack, name) != (other_stack, other_name):
        assert physical_name("shop", stack, name) != physical_name("shop", other_stack, other_name)


def test_a_name_that_fits_is_kept_as_it_is() -> None:
    assert physical_name("lambda-rds-proxy", "dev", "database") == "lambda-rds-proxy-dev-database"
    assert physical_name("lambda-rds-proxy", "dev", "database", lower_case=True) == "lambda-rds-proxy-dev-database"
    assert physical_name("lambda-rds-proxy", "Dev", "database") == "lambda-rds-proxy-Dev-database"


def test_the_same_parts_always_get_the_same_name() -> None:
    assert physical_name("orders", "dev", "x" * 100) == physical_name("orders", "dev", "x" * 100)


@given(st.from_regex(r"[a-z](-?[a-z0-9]){0,120}", fullmatch=True), st.sampled_from([DATABASE, ROLE]))
def test_pulumi_names_a_resource_itself_as_long_as_its_suffix_fits(name: str, rule: NameRule) -> None:
    longest = rule.longest
    given_name = name_if_needed(rule, "orders", "dev", name)
    assert (given_name is None) == (len(name) + 8 <= longest)
    assert given_name is None or len(given_name) <= longest
