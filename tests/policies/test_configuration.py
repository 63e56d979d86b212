"""What administrators configure: options, mistakes in them, and exemptions that end."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard import policies
from rds_proxy_guard.configuration import configuration, number_option, patterns_option
from rds_proxy_guard.pack import build
from tests.policies.analyzed import SENTINEL, Resource, Verdict, analyze, blocking, messages
from tests.policies.resources import DIRECT, database, function, group, proxy

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
        "*::fn",
        "urn:pulumi:*::shop::*Function::f*",
        r"^urn:pulumi:\w+::shop::.*::fn$",
    ],
)
def test_an_exempt_resource_is_left_alone(urn: str) -> None:
    assert exempted(urn) == []


@pytest.mark.parametrize("urn", ["fn", "*::f", "*::fnx", "urn:pulumi:prod::*", "^fn$"])
def test_a_pattern_matches_a_whole_urn_or_not_at_all(urn: str) -> None:
    assert blocking(exempted(urn)) == {VALUE}


def test_a_dot_in_an_exemption_is_a_dot() -> None:
    assert exempted("*::f.n", name="f.n") == []
    assert blocking(exempted("*::f.n", name="fun")) == {VALUE}


def test_an_exemption_holds_through_its_last_day_and_is_reported_after_it() -> None:
    assert exempted("*::fn", "2026-06-15") == []
    (verdict,) = exempted("*::fn", "2026-06-14")
    assert verdict.blocks
    assert "exemption (replica) expired on 2026-06-14" in verdict.message


def test_an_expired_exemption_is_reported_even_where_nothing_is_wrong_any_more() -> None:
    config = {VALUE: {"exemptions": [{"urn": "*::fn", "reason": "replica", "expires": "2026-01-01"}]}}
    (verdict,) = analyze([function({"STAGE": "dev"})], config=config)
    assert not verdict.blocks
    assert "renew or remove it" in verdict.message


def test_an_exemption_that_was_renewed_covers_the_expired_one() -> None:
    entries = [{"urn": "*::fn", "reason": "r", "expires": day} for day in ("2026-01-01", "2026-12-31")]
    assert blocking(analyze([function({"DB_HOST": DIRECT})], config={VALUE: {"exemptions": entries}})) == set()


def test_exemptions_are_each_policys_own() -> None:
    db = database()
    stack = [db, function({"DB_HOST": SENTINEL}, [db]), function({"DB_HOST": SENTINEL}, [db], "other")]
    config = {GRAPH: {"exemptions": [{"urn": "*::fn", "reason": "r", "expires": "2026-12-31"}]}}
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
        ({"exemptions": [{"urn": ".*::g", "reason": "r", "expires": "2026-12-31"}]}, "begin it with ^"),
        ({"exemptions": [{"urn": "*", "reason": "r", "expires": "2026-12-31", "why": "x"}]}, "has the key why"),
    ],
)
def test_a_mistake_is_reported_without_blocking_and_exempts_nothing(given_config: dict[str, Any], said: str) -> None:
    through = proxy()
    found = analyze([through, group(through, 95)], config={PERCENT: given_config})
    texts = messages(PERCENT, found)
    assert len(texts) == 2
    assert any(said in text for text in texts)
    assert [verdict.blocks for verdict in found].count(True) == 1


def test_a_mistake_is_reported_once_and_not_for_every_resource() -> None:
    stack = [function({"STAGE": "dev"}, name=f"fn{index}") for index in range(5)]
    assert len(analyze(stack, config={VALUE: {"colour": "red"}})) == 1


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
    for exemption in read.exemptions:
        exemption.matches("urn:pulumi:dev::shop::x::y")


# --- the schema -----------------------------------------------------------------------------------------------------


def test_every_option_has_a_default_that_its_own_schema_and_reader_accept() -> None:
    for policy in build()["policies"]:
        for name, schema in policy.config_schema.properties.items():
            assert schema["description"]
            value = schema["default"]
            types = {"number": float, "boolean": bool, "array": list}
            assert isinstance(value, types[schema["type"]]), (policy.name, name)
        assert policy.config_schema.required is None


def test_the_defaults_of_the_schemas_change_nothing() -> None:
    stack = [function({"DB_HOST": DIRECT, "DB_PASSWORD": "x", "DB_POOL_SIZE": "9"}), proxy(requireTls=False)]
    defaults = {
        policy.name: {name: schema["default"] for name, schema in policy.config_schema.properties.items()}
        for policy in build()["policies"]
    }
    plain = analyze(stack)
    assert {verdict.policy for verdict in plain} == {verdict.policy for verdict in analyze(stack, config=defaults)}
    assert len(plain) == len(analyze(stack, config=defaults))


def test_a_level_is_each_policys_own() -> None:
    levels = {policy.name: policy.enforcement_level for policy in build()["policies"]}
    advisory = {name for name, level in levels.items() if level is not None}
    assert advisory == {"lambda-connection-pool", "rds-proxy-network"}


def test_an_unknown_type_is_nothing_to_configure_for() -> None:
    assert analyze([Resource("aws:s3/bucket:Bucket", "b", {})], config={VALUE: {"colour": "red"}}) == []
