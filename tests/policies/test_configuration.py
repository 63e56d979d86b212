"""What administrators configure: options, mistakes in them, and exemptions that end."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard import patterns, policies
from rds_proxy_guard.configuration import configuration, number_option, patterns_option
from rds_proxy_guard.pack import RULES, build
from tests.policies.analyzed import SENTINEL, Resource, Verdict, analyze, blocking, messages
from tests.policies.resources import DIRECT, database, function, group, proxy

CONFIGURATION = "rds-proxy-guard-configuration"
VALUE, GRAPH, PERCENT = "lambda-uses-rds-proxy", "lambda-uses-rds-proxy-graph", "rds-proxy-max-connections"
OPTIONS = (
    number_option("maxPercent", 90.0, minimum=1, maximum=100, description="x"),
    patterns_option("ignoreKeyPatterns", description="x"),
)


@pytest.fixture(autouse=True)
def one_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "today", lambda: date(2026, 6, 15))


def exempted(urn: str, expires: str = "2026-12-31", *, name: str = "fn", reason: str = "replica") -> list[Verdict]:
    config = {VALUE: {"exemptions": [{"urn": urn, "reason": reason, "expires": expires}]}}
    return analyze([function({"DB_HOST": DIRECT}, name=name)], config=config)


# --- exemptions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "urn",
    [
        "urn:pulumi:dev::shop::aws:lambda/function:Function::fn",
        "*::*::*::fn",
        "urn:pulumi:*::shop::*Function::f*",
        "urn:pulumi:d*v::s*o*::aws:*:Func*::*",
    ],
)
def test_an_exempt_resource_is_left_alone(urn: str) -> None:
    assert exempted(urn) == []


@pytest.mark.parametrize(
    "urn", ["*::*::*::f", "*::*::*::fnx", "*::*::*::*fn*fn", "urn:pulumi:prod::*::*::*", "*::shop::*", "*"]
)
def test_each_part_of_an_exemption_matches_a_whole_part_of_a_urn_or_nothing(urn: str) -> None:
    assert blocking(exempted(urn)) == (set() if urn in ("*::shop::*", "*") else {VALUE})


@pytest.mark.parametrize(
    ("name", "urn"),
    [
        ("orders::migrations", "urn:pulumi:*::shop::*::migrations"),
        ("x::shop::aws:lambda/function:Function::migrations", "urn:pulumi:*::shop::*::migrations"),
        ("a$aws:lambda/function:Function::fn", "urn:pulumi:*::*::*::*fn"),
    ],
)
def test_no_name_reaches_into_anothers_exemption(name: str, urn: str) -> None:
    assert blocking(exempted(urn, name=name)) == {VALUE}


def test_a_name_with_colons_is_exempted_by_its_own_name() -> None:
    assert exempted("urn:pulumi:*::shop::*::orders::migrations", name="orders::migrations") == []


@pytest.mark.parametrize("urn", ["*::fn", r"^urn:pulumi:\w+::shop::.*::fn$", "urn:pulumi:*::shop::*"])
def test_a_form_of_version_0_2_still_exempts_and_is_reported(urn: str) -> None:
    (verdict,) = exempted(urn)
    assert (verdict.policy, verdict.blocks) == (CONFIGURATION, False)
    assert f'has the urn "{urn}", a form that version 0.4.0 no longer reads; write urn:pulumi:STACK' in verdict.message


def test_a_form_of_version_0_2_matches_a_whole_urn_or_not_at_all() -> None:
    for urn in ("fn", "*::f", "*::fnx", "urn:pulumi:prod::*", "^fn$"):
        assert blocking(exempted(urn)) == {VALUE}


def test_an_exemption_that_matches_nothing_in_its_stack_is_reported() -> None:
    (verdict,) = [each for each in exempted("urn:pulumi:dev::shop::*::gone") if each.policy == CONFIGURATION]
    assert "matches no resource of this stack: urn:pulumi:dev::shop::*::gone (replica)" in verdict.message
    assert not verdict.blocks
    for elsewhere in ("urn:pulumi:prod::shop::*::gone", "urn:pulumi:*::billing::*::gone", "urn:pulumi:*::*::*::gone"):
        assert [each.policy for each in exempted(elsewhere)] == [VALUE]


@pytest.mark.parametrize("pattern", ["^.*.*.*.*.*[^a]$", "*a*a*a*a*a*a*a*a*a*a*b"])
def test_a_pattern_that_does_not_end_is_given_up_and_reported(pattern: str) -> None:
    found = exempted(pattern, name="a" * 3000)
    assert blocking(found) == {VALUE}
    assert any("did not end within 0.1 s" in text for text in messages(CONFIGURATION, found)) == (pattern[0] == "^")


def test_a_pattern_of_an_option_that_does_not_end_is_given_up_and_reported() -> None:
    slow = "^.*.*.*.*.*[^a-zA-Z_]$"
    config = {VALUE: {"ignoreKeyPatterns": [slow], "directHostPatterns": [slow]}}
    found = analyze([function({"A" * 3000: "a" * 3000, "DB_HOST": DIRECT})], config=config)
    assert blocking(found) == {VALUE}
    assert [text.count("did not end within") for text in messages(CONFIGURATION, found)] == [1, 1]


def test_a_pattern_that_is_just_fast_enough_for_each_text_is_given_up_after_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = [function({"A" * 1000: "x", "DB_HOST": DIRECT}, name=f"fn{index}") for index in range(3)]
    for in_all, given_up in ((1000.0, False), (0.0, True)):
        monkeypatch.setattr(patterns, "_LONGEST_IN_ALL", in_all)
        found = analyze(stack, config={VALUE: {"ignoreKeyPatterns": ["^.*.*[^a-zA-Z_]$"]}})
        assert any("in all, and is not used" in text for text in messages(CONFIGURATION, found)) is given_up


@pytest.mark.parametrize(
    "pattern",
    ["(" * 5000, "(?i:" * 2000, "(?:a{65535}){65535}", "(?:(?:a{1000}){1000}){1000}", "a{1000000}", "x" * 1_000_000],
    ids=lambda pattern: pattern[:20],
)
def test_a_pattern_that_takes_all_memory_or_depth_is_a_mistake_like_another(pattern: str) -> None:
    found = analyze([function({"DB_HOST": DIRECT})], config={VALUE: {"directHostPatterns": [pattern]}})
    assert blocking(found) == {VALUE}
    assert len(messages(CONFIGURATION, found)) == 1
    assert blocking(exempted(f"^{pattern}")) == {VALUE}


@pytest.mark.parametrize(
    "pattern", [r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", r"^DB_.{0,200}$", r"\.corp\.(internal|example)$"]
)
def test_a_pattern_with_counts_as_people_write_them_is_read(pattern: str) -> None:
    assert patterns_option("x", "x").parse([pattern])


def test_what_is_said_of_a_configuration_is_short_however_long_it_is() -> None:
    given_config = {"x" * 100_000: 1.0, "exemptions": [{"urn": "y" * 10_000}] * 1000}
    said = messages(CONFIGURATION, analyze([function({"STAGE": "dev"})], config={VALUE: given_config}))
    assert len(said) == 201 and max(map(len, said)) < 1100


def test_a_dot_in_an_exemption_is_a_dot() -> None:
    assert exempted("*::*::*::f.n", name="f.n") == []
    assert blocking(exempted("*::*::*::f.n", name="fun")) == {VALUE}


def test_an_exemption_holds_through_its_last_day_and_is_reported_after_it() -> None:
    assert exempted("*::*::*::fn", "2026-06-15") == []
    (verdict,) = exempted("*::*::*::fn", "2026-06-14")
    assert verdict.blocks
    assert "exemption (replica) expired on 2026-06-14" in verdict.message


def test_an_expired_exemption_is_reported_even_where_nothing_is_wrong_any_more() -> None:
    config = {VALUE: {"exemptions": [{"urn": "*::*::*::fn", "reason": "replica", "expires": "2026-01-01"}]}}
    (verdict,) = analyze([function({"STAGE": "dev"})], config=config)
    assert not verdict.blocks
    assert "renew or remove it" in verdict.message


def test_an_exemption_that_was_renewed_covers_the_expired_one() -> None:
    entries = [{"urn": "*::*::*::fn", "reason": "r", "expires": day} for day in ("2026-01-01", "2026-12-31")]
    assert blocking(analyze([function({"DB_HOST": DIRECT})], config={VALUE: {"exemptions": entries}})) == set()


def test_exemptions_are_each_policys_own() -> None:
    db = database()
    stack = [db, function({"DB_HOST": SENTINEL}, [db]), function({"DB_HOST": SENTINEL}, [db], "other")]
    config = {GRAPH: {"exemptions": [{"urn": "*::*::*::fn", "reason": "r", "expires": "2026-12-31"}]}}
    assert [verdict.name for verdict in analyze(stack, config=config)] == ["other"]


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_config", "said"),
    [
        ({"maxpercent": 80.0}, "The key maxpercent means nothing; this policy knows maxPercent, exemptions."),
        ({"maxPercent": "lots"}, "maxPercent must be a number from 1 to 100; its default is used."),
        ({"maxPercent": 0.0}, "maxPercent must be a number from 1 to 100"),
        ({"exemptions": "all"}, "exemptions must be a list"),
        ({"exemptions": ["*"]}, "exemptions[0] must have urn, reason and expires"),
        ({"exemptions": [{"urn": "*", "expires": "2026-12-31"}]}, "exemptions[0] must state reason"),
        ({"exemptions": [{"urn": "*", "reason": " ", "expires": "2026-12-31"}]}, "exemptions[0] must state reason"),
        ({"exemptions": [{"urn": "*", "reason": "r"}]}, "exemptions[0] must state expires"),
        ({"exemptions": [{"urn": "*", "reason": "r", "expires": "soon"}]}, "must state expires as YYYY-MM-DD"),
        ({"exemptions": [{"urn": "^(", "reason": "r", "expires": "2026-12-31"}]}, "is no regular expression"),
        ({"exemptions": [{"urn": ".*::g", "reason": "r", "expires": "2026-12-31"}]}, "write * alone for any text"),
        ({"exemptions": {}}, "exemptions must be a list"),
        ({"exemptions": [{"urn": "*", "reason": "r", "expires": "2026-12-31", "why": "x"}]}, "has the key why"),
    ],
)
def test_a_mistake_is_reported_without_blocking_and_exempts_nothing(given_config: dict[str, Any], said: str) -> None:
    through = proxy()
    found = analyze([through, group(through, 95)], config={PERCENT: given_config})
    (text,) = messages(CONFIGURATION, found)
    assert f"The configuration of {PERCENT} is wrong: " in text
    assert said in text
    assert [verdict.policy for verdict in found if verdict.blocks] == [PERCENT]


def test_a_mistake_is_reported_once_and_not_for_every_resource() -> None:
    stack = [function({"STAGE": "dev"}, name=f"fn{index}") for index in range(5)]
    (verdict,) = analyze(stack, config={VALUE: {"colour": "red"}})
    assert (verdict.policy, verdict.name) == (CONFIGURATION, "")


def test_a_mistake_blocks_nobody_where_every_policy_is_mandatory() -> None:
    found = analyze(
        [function({"STAGE": "dev"})], config={VALUE: {"colour": "red"}, CONFIGURATION: {}}, level="mandatory"
    )
    assert [(verdict.policy, verdict.blocks) for verdict in found] == [(CONFIGURATION, False)]


def test_a_mistake_is_reported_where_nothing_is_judged() -> None:
    for policy in (VALUE, GRAPH):
        (verdict,) = analyze([Resource("aws:s3/bucket:Bucket", "b", {})], config={policy: {"colour": "red"}})
        assert f"The configuration of {policy} is wrong: The key colour means nothing" in verdict.message


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_ENTRY = st.fixed_dictionaries({}, optional={"urn": st.text(), "reason": _ANYTHING, "expires": st.text(max_size=12)})


@given(
    st.dictionaries(st.sampled_from(["maxPercent", "ignoreKeyPatterns", "x"]), _ANYTHING),
    _ANYTHING | st.lists(_ENTRY, max_size=3),
)
def test_any_configuration_is_read_without_an_error(given_config: dict[str, Any], exemptions: Any) -> None:
    read = configuration({**given_config, "exemptions": exemptions}, OPTIONS)
    assert 1 <= read["maxPercent"] <= 100
    assert isinstance(read.problems(), list)
    for exemption in read.exemptions:
        exemption.matches("urn:pulumi:dev::shop::x::y")


# --- the schema -----------------------------------------------------------------------------------------------------


def test_every_option_has_a_default_that_its_own_reader_accepts() -> None:
    for policy in build()["policies"]:
        if policy.name != CONFIGURATION:
            assert policy.config_schema.required is None
            assert all(schema["description"] for schema in policy.config_schema.properties.values())
    for rule in RULES:
        read = configuration({option.name: option.schema["default"] for option in rule.options}, rule.options)
        assert read.problems() == []
        assert dict(read.values) == {option.name: option.default for option in rule.options}


def test_a_schema_has_no_type_for_the_engine_to_end_a_preview_over() -> None:
    for policy in build()["policies"]:
        for schema in policy.config_schema.properties.values() if policy.config_schema else ():
            assert set(schema) == {"default", "description"}


def test_the_defaults_of_the_schemas_change_nothing() -> None:
    stack = [function({"DB_HOST": DIRECT, "DB_PASSWORD": "x", "DB_POOL_SIZE": "9"}), proxy(requireTls=False)]
    defaults = {
        policy.name: {name: schema["default"] for name, schema in policy.config_schema.properties.items()}
        for policy in build()["policies"]
        if policy.config_schema
    }
    plain = analyze(stack)
    assert {verdict.policy for verdict in plain} == {verdict.policy for verdict in analyze(stack, config=defaults)}
    assert len(plain) == len(analyze(stack, config=defaults))


def test_a_level_is_each_policys_own() -> None:
    levels = {policy.name: policy.enforcement_level for policy in build()["policies"]}
    advisory = {name for name, level in levels.items() if level is not None}
    assert advisory == {"lambda-connection-pool", "lambda-proxy-pinning", "rds-proxy-network", CONFIGURATION}
