"""The pack through the SDK: what each policy says at preview (unknowns) and at up (values)."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rds_proxy_guard import mistakes
from rds_proxy_guard.pack import RULES, build
from rds_proxy_guard.rule import ResourceRule, Rule, StackRule
from tests.policies.analyzed import SENTINEL, Resource, analyze, judging, messages, policies, secret
from tests.policies.resources import DIRECT, PROXIED, database, function, group, proxy, target
from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "policies" / "rds_proxy_guard"

# --- a host that is known -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [DIRECT, f"{DIRECT}:5432", f"postgresql://app:pw@{DIRECT}/x", f'{{"host": "{DIRECT}"}}', DIRECT.upper()]
)
def test_a_literal_database_endpoint_is_rejected_under_any_name(value: str) -> None:
    (message,) = messages("lambda-uses-rds-proxy", analyze([function({"SOME_SETTING": value})]))
    assert "SOME_SETTING" in message


def test_the_message_never_holds_the_value() -> None:
    found = analyze([function({"DB_DSN": f"postgresql://app:hunter2@{DIRECT}/x"})])
    assert policies(found) == {"lambda-uses-rds-proxy", "lambda-database-credentials"}
    for verdict in found:
        assert "hunter2" not in verdict.message and DIRECT not in verdict.message


def test_a_secret_value_is_judged_like_any_other() -> None:
    resource = function({"DB_HOST": "x"})
    resource.inputs = {"environment": {"variables": {"DB_HOST": secret(DIRECT)}}}
    assert policies(analyze([resource], stages="resource")) == {"lambda-uses-rds-proxy"}


def test_a_proxys_endpoint_is_accepted() -> None:
    assert analyze([function({"DB_HOST": PROXIED, "DB_PORT": "5432"})]) == []


def test_no_other_compute_is_ever_looked_at() -> None:
    tokens = ["aws:ec2/instance:Instance", "aws:ecs/taskDefinition:TaskDefinition", "kubernetes:apps/v1:Deployment"]
    assert (
        analyze([Resource(token, "app", {"environment": {"variables": {"DB_HOST": DIRECT}}}) for token in tokens]) == []
    )


def test_aws_native_functions_are_judged_too() -> None:
    resource = Resource("aws-native:lambda:Function", "fn", {"environment": {"variables": {"DB_HOST": DIRECT}}})
    assert policies(analyze([resource])) == {"lambda-uses-rds-proxy"}


# --- a host that is not known yet -----------------------------------------------------------------------------------


def test_an_unknown_host_that_comes_from_a_database_is_rejected_at_preview() -> None:
    db = database()
    (verdict,) = analyze([db, function({"DB_HOST": SENTINEL}, [db])])
    assert verdict.policy == "lambda-uses-rds-proxy-graph"
    assert "DB_HOST" in verdict.message and "db" in verdict.message


def test_an_unknown_host_that_comes_from_a_proxy_is_accepted() -> None:
    db, through = database(), proxy()
    stack = [db, through, group(through), target(through, db), function({"DB_HOST": SENTINEL}, [through])]
    assert analyze(stack) == []


def test_taking_port_and_name_from_the_database_and_the_host_from_the_proxy_is_accepted() -> None:
    db, through = database(), proxy()
    variables = {"DB_HOST": SENTINEL, "DB_PORT": SENTINEL, "DB_NAME": SENTINEL}
    assert analyze([db, through, group(through), function(variables, [db, through])]) == []


def test_an_unknown_secret_arn_of_a_database_is_no_host() -> None:
    db = database()
    assert (
        analyze([db, function({"DB_SECRET_ARN": SENTINEL, "RESOURCE_ARN": SENTINEL, "DB_HOST": PROXIED}, [db])]) == []
    )


def test_an_environment_whose_names_are_unknown_is_decided_by_the_graph() -> None:
    db, through = database(), proxy()
    assert policies(analyze([db, function(SENTINEL, [db])])) == {"lambda-uses-rds-proxy-graph"}
    assert analyze([through, group(through), function(SENTINEL, [through])]) == []


def test_a_component_stands_for_the_database_inside_it() -> None:
    component = Resource("shop:index:Store", "store", {})
    db = database()
    db.parent = component
    assert policies(analyze([component, db, function({"DB_HOST": SENTINEL}, [component])])) == {
        "lambda-uses-rds-proxy-graph"
    }


def test_a_component_that_holds_a_proxy_as_well_is_left_to_the_value() -> None:
    component = Resource("shop:index:Store", "store", {})
    db, through = database(), proxy()
    db.parent = through.parent = component
    assert analyze([component, db, through, group(through), function({"DB_HOST": SENTINEL}, [component])]) == []


def test_a_function_without_environment_is_nobodys_business() -> None:
    db = database()
    assert analyze([db, Resource("aws:lambda/function:Function", "admin", {}, {}, {"vpcConfig": [db]})]) == []


def test_without_the_resource_stage_the_graph_still_decides() -> None:
    db = database()
    stack = [db, function({"DB_HOST": SENTINEL}, [db])]
    assert policies(analyze(stack, stages="stack")) == {"lambda-uses-rds-proxy-graph"}


def test_other_unknowns_of_a_function_are_no_finding() -> None:
    resource = function({"STAGE": "dev"})
    resource.inputs = {"environment": {"variables": {"STAGE": "dev"}}, "role": SENTINEL, "vpcConfig": SENTINEL}
    assert analyze([resource]) == []


# --- percent --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("percent", [91, 95, 100, 90.5, "95"])
def test_a_percent_above_90_is_rejected(percent: Any) -> None:
    through = proxy()
    (verdict,) = analyze([through, group(through, percent)])
    assert verdict.policy == "rds-proxy-max-connections"


@pytest.mark.parametrize("percent", [1, 85, 90, "90", 90.0])
def test_a_percent_up_to_90_is_accepted(percent: Any) -> None:
    through = proxy()
    assert analyze([through, group(through, percent)]) == []


def test_an_unknown_percent_is_no_verdict() -> None:
    through = proxy()
    assert analyze([through, group(through, SENTINEL)]) == []


def test_an_absent_percent_is_awss_default_of_100() -> None:
    through = proxy()
    (verdict,) = analyze([through, group(through, None)])
    assert verdict.policy == "rds-proxy-max-connections-total" and "100" in verdict.message


def test_a_proxy_without_target_group_takes_awss_default() -> None:
    assert policies(analyze([proxy()])) == {"rds-proxy-max-connections-total"}


def test_sql_server_has_a_default_of_10() -> None:
    assert analyze([proxy(family="SQLSERVER")]) == []


def test_a_target_group_that_cannot_be_matched_is_no_verdict() -> None:
    stray = group(proxy("elsewhere"))
    stray.inputs = stray.outputs = {"dbProxyName": SENTINEL, "connectionPoolConfig": {"maxConnectionsPercent": 85}}
    stray.feeds = {}
    assert analyze([proxy(), stray]) == []


def test_proxies_of_one_database_are_summed() -> None:
    db, one, two = database(), proxy("one"), proxy("two")
    stack = [db, one, two, group(one, 50, "g1"), group(two, 45, "g2"), target(one, db, "t1"), target(two, db, "t2")]
    (verdict,) = analyze(stack)
    assert verdict.policy == "rds-proxy-max-connections-total"
    assert "one 50 % + two 45 % = 95 %" in verdict.message


def test_proxies_of_two_databases_are_not_summed() -> None:
    a, b, one, two = database("a"), database("b"), proxy("one"), proxy("two")
    stack = [a, b, one, two, group(one, 80, "g1"), group(two, 80, "g2"), target(one, a, "t1"), target(two, b, "t2")]
    assert analyze(stack) == []


def test_the_limit_can_be_configured() -> None:
    through = proxy()
    config = {"rds-proxy-max-connections": {"maxPercent": 70.0}}
    assert policies(analyze([through, group(through, 80)], config=config)) == {"rds-proxy-max-connections"}


def test_aws_native_target_groups_are_judged_too() -> None:
    inputs = {"dbProxyName": "p", "connectionPoolConfigurationInfo": {"maxConnectionsPercent": 95}}
    resource = Resource("aws-native:rds:DbProxyTargetGroup", "g", inputs)
    assert "rds-proxy-max-connections" in policies(analyze([resource]))


# --- never an error -------------------------------------------------------------------------------------------------

_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(-1e6, 1e6)
    | st.text(max_size=8)
    | st.sampled_from([SENTINEL, DIRECT, "[secret]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["environment", "connectionPoolConfig", "dbProxyName", "name"]), _VALUE))
def test_whatever_the_properties_are_no_policy_fails(properties: dict[str, Any]) -> None:
    tokens = [
        "aws:lambda/function:Function",
        "aws:rds/proxy:Proxy",
        "aws:rds/proxyTarget:ProxyTarget",
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
    ]
    stack = [Resource(token, str(index), properties) for index, token in enumerate(tokens)]
    for verdict in analyze(stack):
        assert "failed inside" not in verdict.message
        assert "can't run policy" not in verdict.message


def test_outputs_that_are_empty_because_the_provider_is_unknown_are_no_verdict() -> None:
    through = proxy()
    pool = group(through, 85)
    through.outputs = pool.outputs = {}
    pool.feeds = {"dbProxyName": [through]}
    assert analyze([through, pool]) == []


def test_a_bug_in_a_rule_is_reported_under_its_policy_by_type_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Any]:
        raise RuntimeError("hunter2")

    judging(monkeypatch, "lambda-uses-rds-proxy", broken)
    (verdict,) = analyze([function({"DB_HOST": PROXIED})])
    assert verdict.policy == "lambda-uses-rds-proxy"
    assert "RuntimeError" in verdict.message and "hunter2" not in verdict.message


def test_findings_are_capped_below_the_engines_limit_of_4_mib() -> None:
    db = database()
    stack = [db, *(function({"DB_HOST": SENTINEL}, [db], f"fn{index}") for index in range(300))]
    found = analyze(stack, stages="stack")
    assert len(found) == 201
    assert any("100 more findings" in verdict.message for verdict in found)


# --- the pack itself ------------------------------------------------------------------------------------------------


def test_every_policy_has_a_description_a_severity_and_a_remedy() -> None:
    for policy in build()["policies"]:
        assert policy.description and policy.severity and policy.remediation_steps


def test_a_description_says_what_must_be_since_the_engine_prints_it_above_a_finding_that_says_what_is() -> None:
    assert [policy.name for policy in build()["policies"] if " must " not in (policy.description or "")] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_policys_name_and_metadata_stand_in_the_module_of_its_rule_only(rule: ResourceRule | StackRule) -> None:
    told = (rule.name, rule.display_name, rule.description, rule.remediation_steps)
    (home,) = {path for path in PACKAGE.rglob("*.py") if any(f'"{text}"' in path.read_text() for text in told)}
    assert home.parent.name == "rules" and home.stem == rule.judge.__module__.rpartition(".")[2]


def test_every_policy_that_a_module_of_rules_declares_is_in_the_pack() -> None:
    modules = [import_module(f"rds_proxy_guard.rules.{path.stem}") for path in (PACKAGE / "rules").glob("*.py")]
    declared = [value.name for module in modules for value in vars(module).values() if isinstance(value, Rule)]
    assert sorted(declared) == sorted(policy.name for policy in build()["policies"] if policy.name != mistakes.NAME)


def test_importing_the_pack_prints_nothing_and_starts_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import rds_proxy_guard.pack"],
        env={"PYTHONPATH": str(ROOT / "policies")},
        capture_output=True,
        text=True,
        check=True,
        timeout=LIMIT_SECONDS,
    )
    assert (done.stdout, done.stderr) == ("", "")
