"""What the SDK and the engine do to a policy that does not expect it: each trap, through the SDK's own servicer."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from google.protobuf import struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st
from pulumi.runtime import proto
from pulumi_policy import EnforcementLevel
from pulumi_policy.policy import _PolicyAnalyzerServicer
from pulumi_policy.proxy import UnknownValueError, unknown_checking_proxy

from rds_proxy_guard import resources
from rds_proxy_guard.advisory import at_advisory_level
from rds_proxy_guard.assets import tolerate_incomplete_assets
from rds_proxy_guard.pack import build
from rds_proxy_guard.properties import plain
from rds_proxy_guard.values import UNKNOWN, number
from tests.policies.analyzed import SENTINEL, Resource, analyze, blocking, judging, messages, policies, secret
from tests.policies.resources import DIRECT, PROXIED, database, function, group, proxy, target
from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
NAMES = [
    "lambda-uses-rds-proxy",
    "lambda-uses-rds-proxy-graph",
    "rds-proxy-max-connections",
    "rds-proxy-max-connections-total",
    "rds-proxy-settings",
    "lambda-database-credentials",
    "lambda-connection-pool",
    "lambda-proxy-pinning",
    "rds-proxy-network",
    "rds-proxy-guard-configuration",
]
SIGNATURE = "4dabf18193072939515e22adb298388d"
ASSET, ARCHIVE = "c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7"


# --- what the SDK does, as far as the pack relies on it -------------------------------------------------------------


def test_the_sdks_proxies_raise_on_membership_and_are_neither_dict_nor_list() -> None:
    given_props: Any = unknown_checking_proxy({"a": SENTINEL, "b": [SENTINEL, 1.0]})
    with pytest.raises(UnknownValueError):
        "a" in given_props  # noqa: B015
    assert not isinstance(given_props, dict) and not isinstance(given_props["b"], list)
    assert given_props["b"][0:1] == [SENTINEL]  # a slice leaks the sentinel
    assert plain(given_props["b"][0:1]) == [UNKNOWN]
    assert plain(given_props) == {"a": UNKNOWN, "b": [UNKNOWN, 1.0]}


def test_a_copy_of_the_sdks_reporter_reports_at_advisory_level_and_the_original_does_not_change() -> None:
    pack = build()
    servicer = _PolicyAnalyzerServicer(pack["name"], "0", pack["policies"], EnforcementLevel.MANDATORY)
    response = proto.AnalyzeResponse()
    report = servicer._create_report_violation(response, "p", "description", EnforcementLevel.MANDATORY)
    advisory = at_advisory_level(report)
    assert advisory is not None
    advisory("undecided", None)
    report("decided", None)
    assert [(each.message.split("\n")[1], each.enforcementLevel) for each in response.diagnostics] == [
        ("undecided", proto.ADVISORY),
        ("decided", proto.MANDATORY),
    ]


def test_a_reporter_of_another_make_is_left_alone() -> None:
    assert at_advisory_level(print) is None

    def other(message: str, urn: str | None = None) -> None:
        raise AssertionError

    assert at_advisory_level(other) is None


def test_an_unknown_is_recognised_by_the_sdks_own_text() -> None:
    assert pulumi.runtime.rpc.UNKNOWN == SENTINEL
    assert plain(SENTINEL) is UNKNOWN


# --- values ---------------------------------------------------------------------------------------------------------


def test_numbers_arrive_as_floats_and_are_said_without_a_fraction() -> None:
    through = proxy()
    (message,) = messages("rds-proxy-max-connections", analyze([through, group(through, 95.0)]))
    assert "is 95." in message and "95.0" not in message
    assert number(10**400) is None


def test_a_secret_arrives_in_plain_text_and_never_leaves_in_a_message() -> None:
    hidden = f"postgresql://app:hunter2@{DIRECT}/orders"
    resource = function({"DB_DSN": "x", "DB_PASSWORD": "x"})
    resource.inputs = {"environment": {"variables": {"DB_DSN": secret(hidden), "DB_PASSWORD": secret("hunter3")}}}
    resource.outputs = resource.inputs
    found = analyze([resource])
    assert blocking(found) == {"lambda-uses-rds-proxy", "lambda-database-credentials"}
    assert not any(text in verdict.message for verdict in found for text in ("hunter2", "hunter3", DIRECT))


def test_a_secret_that_is_unknown_is_unknown() -> None:
    resource = function({"DB_HOST": "x"})
    resource.inputs = {"environment": {"variables": {"DB_HOST": secret(SENTINEL)}}}
    assert analyze([resource], stages="resource") == []


@pytest.mark.parametrize("environment", ["[secret]", {"variables": "[secret]"}, SENTINEL, None, 1.0, [], "text"])
def test_an_environment_of_any_other_shape_is_no_error(environment: Any) -> None:
    resource = Resource("aws:lambda/function:Function", "fn", {"environment": environment})
    assert analyze([resource]) == []


def test_a_whole_environment_that_analyze_could_not_decrypt_is_decided_by_the_graph() -> None:
    db = database()
    resource = Resource(
        "aws:lambda/function:Function", "fn", {"environment": {"variables": "[secret]"}}, feeds={"environment": [db]}
    )
    assert blocking(analyze([db, resource])) == {"lambda-uses-rds-proxy-graph"}


def test_properties_that_are_empty_while_a_provider_is_unknown_are_unknown() -> None:
    db, through = database(), proxy()
    stack = [db, through, group(through, SENTINEL), target(through, db), function({"DB_HOST": PROXIED})]
    for each in stack:
        each.outputs = {}
    assert analyze(stack) == []
    assert analyze(stack, stages="stack") == []


def test_an_absent_pool_is_told_from_an_unknown_one_by_the_inputs() -> None:
    through = proxy()
    assert policies(analyze([through, group(through, None)])) == {"rds-proxy-max-connections-total"}
    assert analyze([through, group(through, SENTINEL)]) == []


_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.floats(-1e6, 1e6)
    | st.text(max_size=8)
    | st.sampled_from([SENTINEL, DIRECT, "[secret]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_PROPERTY = st.sampled_from(sorted(resources.CLASSIC.properties | resources.NATIVE.properties | {"db_proxy_name"}))
_TOKENS = [
    *sorted(resources.INSPECTED),
    *("m:tf:aws_lambda_function", "m:tf:aws_db_instance", "m:tf:aws_db_proxy", "aws:index/dbProxyTarget:DbProxyTarget"),
    *("acme:index:Box", "random:index/randomPassword:RandomPassword", "aws:lb/loadBalancer:LoadBalancer"),
]


@settings(max_examples=150)
@given(st.data())
def test_whatever_the_types_properties_and_dependencies_are_no_policy_fails(data: st.DataObject) -> None:
    tokens = data.draw(st.lists(st.sampled_from(_TOKENS), min_size=1, max_size=8))
    stack: list[Resource] = []
    for index, token in enumerate(tokens):
        inputs = data.draw(st.dictionaries(_PROPERTY, _VALUE, max_size=5))
        outputs = data.draw(st.none() | st.dictionaries(_PROPERTY, _VALUE, max_size=5))
        feeds = {
            data.draw(_PROPERTY): data.draw(st.lists(st.sampled_from(stack), max_size=2))
            for _ in range(data.draw(st.integers(0, 3)) if stack else 0)
        }
        parent = data.draw(st.none() | st.sampled_from(stack)) if stack else None
        stack.append(Resource(token, str(index), inputs, outputs, feeds, parent, read=data.draw(st.booleans())))
    for verdict in analyze(stack):
        assert "failed inside" not in verdict.message
        assert "can't run policy" not in verdict.message


def test_dependencies_in_a_circle_end() -> None:
    one = Resource("aws:ssm/parameter:Parameter", "one", {"name": "/one", "value": SENTINEL})
    two = Resource("aws:ssm/parameter:Parameter", "two", {"name": "/two", "value": SENTINEL}, feeds={"value": [one]})
    one.feeds = {"value": [two]}
    first, second = group(proxy("a"), name="g1"), group(proxy("b"), name="g2")
    first.inputs = second.inputs = first.outputs = second.outputs = {"dbProxyName": SENTINEL}
    first.feeds, second.feeds = {"dbProxyName": [second]}, {"dbProxyName": [first]}
    component = Resource("shop:index:A", "a", {})
    component.parent = component
    stack = [one, two, first, second, component, proxy(), function({"DB_HOST": SENTINEL}, [one, component])]
    assert not any("failed inside" in verdict.message for verdict in analyze(stack))


# --- the graph ------------------------------------------------------------------------------------------------------


def test_depends_on_is_no_data() -> None:
    db = database()
    resource = function({"DB_HOST": PROXIED, "STAGE": SENTINEL})
    resource.feeds = {"environment": [], "role": [db]}
    assert analyze([db, resource]) == []


def test_dependencies_on_what_is_not_in_the_stack_are_dropped_by_the_sdk_and_end_undecided() -> None:
    elsewhere = database("elsewhere")
    (verdict,) = analyze([function({"DB_HOST": SENTINEL}, [elsewhere])])
    assert not verdict.blocks and "Undecided" in verdict.message


def test_a_function_that_is_only_read_is_judged_by_its_values() -> None:
    resource = function({"DB_HOST": DIRECT})
    resource.read = True
    assert not any("failed inside" in verdict.message for verdict in analyze([resource]))


def test_a_missing_parent_is_no_error() -> None:
    db = database()
    db.parent = Resource("shop:index:Gone", "gone", {})
    assert blocking(analyze([db, function({"DB_HOST": SENTINEL}, [db])])) == {"lambda-uses-rds-proxy-graph"}


def test_aws_native_outputs_are_mostly_unknown_and_that_is_no_verdict() -> None:
    inputs = {"dbProxyName": "p", "engineFamily": "POSTGRESQL", "requireTls": True, "auth": [{"secretArn": SENTINEL}]}
    through = Resource("aws-native:rds:DbProxy", "p", inputs, dict.fromkeys(inputs, SENTINEL))
    pool_inputs = {"dbProxyName": SENTINEL, "connectionPoolConfigurationInfo": {"maxConnectionsPercent": 80}}
    pool = Resource(
        "aws-native:rds:DbProxyTargetGroup",
        "g",
        pool_inputs,
        dict.fromkeys(pool_inputs, SENTINEL),
        {"dbProxyName": [through]},
    )
    assert analyze([through, pool]) == []
    assert analyze([through, pool], stages="stack") == []


# --- errors, limits, process ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "policy", ["lambda-uses-rds-proxy", "lambda-uses-rds-proxy-graph", "rds-proxy-max-connections-total"]
)
@pytest.mark.parametrize("error", [RuntimeError("hunter2"), UnknownValueError(SENTINEL, ["hunter2"]), RecursionError()])
def test_any_error_of_ours_is_a_finding_of_that_policy_by_type_only(
    monkeypatch: pytest.MonkeyPatch, policy: str, error: Exception
) -> None:
    def broken(*_: object) -> list[Any]:
        raise error

    judging(monkeypatch, policy, broken)
    through = proxy()
    (verdict,) = analyze([through, group(through), function({"DB_HOST": PROXIED})])
    assert (verdict.policy, verdict.blocks) == (policy, True)
    assert type(error).__name__ in verdict.message and "hunter2" not in verdict.message


def test_a_failing_policy_does_not_take_what_others_need(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[Any]:
        raise RuntimeError

    judging(monkeypatch, "lambda-uses-rds-proxy", broken)
    db = database()
    found = analyze([db, function({"DB_HOST": SENTINEL}, [db])])
    (message,) = messages("lambda-uses-rds-proxy-graph", found)
    assert "DB_HOST" in message  # by its name, which only the resource stage sees


@pytest.mark.parametrize("disabled", NAMES)
def test_every_policy_works_without_any_other(disabled: str) -> None:
    db, through = database(), proxy(requireTls=False)
    stack = [db, through, group(through, None), target(through, db), function({"DB_HOST": SENTINEL}, [db]), function(
        {"DB_DSN": f"postgresql://a:b@{DIRECT}/x?connection_limit=9"}, name="other"
    )]  # fmt: skip
    whole = policies(analyze(stack))
    pack = build()
    servicer = _PolicyAnalyzerServicer(pack["name"], "0", pack["policies"], pack["enforcement_level"])
    off = proto.ConfigureAnalyzerRequest(policyConfig={disabled: proto.PolicyConfig(enforcementLevel=proto.DISABLED)})
    servicer.Configure(off, None)  # type: ignore[no-untyped-call]
    assert policies(analyze(stack, servicer=servicer)) == whole - {disabled}


def test_an_answer_stays_far_below_the_4_mib_that_the_engine_takes() -> None:
    db = database()
    name = "a-name-of-a-function-that-is-longer-than-anyone-would-make-it-" * 3
    stack = [db, *(function({"DB_HOST": SENTINEL}, [db], f"{name}{index}") for index in range(3000))]
    pack = build()
    servicer = _PolicyAnalyzerServicer(pack["name"], "0", pack["policies"], pack["enforcement_level"])
    found = analyze(stack, stages="stack", servicer=servicer)
    assert sum(len(verdict.message) + 2 * len(name) for verdict in found) < 1024 * 1024
    assert any("and 2800 more findings" in verdict.message for verdict in found)


def test_a_config_of_a_policy_that_was_never_configured_is_empty_and_defaults_hold() -> None:
    through = proxy()
    assert analyze([through, group(through, 90)], config=None) == []


def test_nothing_passes_from_one_stack_to_another() -> None:
    pack = build()
    servicer = _PolicyAnalyzerServicer(pack["name"], "0", pack["policies"], pack["enforcement_level"])
    through = proxy()
    assert policies(analyze([through, group(through, None)], servicer=servicer)) == {"rds-proxy-max-connections-total"}
    assert analyze([through, group(through, 85)], servicer=servicer) == []
    db = database()
    assert blocking(analyze([db, function({"DB_HOST": SENTINEL}, [db])], servicer=servicer)) == {
        "lambda-uses-rds-proxy-graph"
    }
    assert analyze([db, function({"STAGE": "x"}, [db])], servicer=servicer) == []


@pytest.mark.parametrize(
    "code",
    [
        {SIGNATURE: ASSET, "hash": "abc"},
        {SIGNATURE: ARCHIVE, "hash": "abc"},
        {SIGNATURE: ARCHIVE, "assets": {"__init__.py": {SIGNATURE: ASSET, "hash": "abc"}}},
        {SIGNATURE: ARCHIVE, "assets": {"app.py": SENTINEL}},
        {SIGNATURE: ARCHIVE, "assets": {}},
        {SIGNATURE: ARCHIVE, "path": "./app.zip"},
    ],
)
def test_code_that_the_sdk_cannot_rebuild_does_not_end_the_preview(code: Any) -> None:
    assert blocking(analyze([function({"DB_HOST": DIRECT}, code=code)])) == {"lambda-uses-rds-proxy"}


def test_the_sdk_is_wrapped_once_only() -> None:
    from pulumi_policy import deserialize

    tolerate_incomplete_assets()
    wrapped = deserialize._deserialize_asset
    tolerate_incomplete_assets()
    assert deserialize._deserialize_asset is wrapped


def test_types_that_no_policy_inspects_are_not_applicable_and_others_are() -> None:
    pack = build()
    servicer = _PolicyAnalyzerServicer(pack["name"], "0", pack["policies"], pack["enforcement_level"])

    def skipped(token: str) -> set[str]:
        request = proto.AnalyzeRequest(type=token, urn=f"urn:pulumi:a::b::{token}::c", properties=struct_pb2.Struct())
        return {each.policy_name for each in servicer.Analyze(request, None).not_applicable}  # type: ignore[no-untyped-call]

    by_resource = {"lambda-uses-rds-proxy", "lambda-database-credentials", "lambda-connection-pool"}
    percent, proxies = {"rds-proxy-max-connections"}, {"rds-proxy-settings"}
    assert skipped("aws:s3/bucket:Bucket") == by_resource | percent | proxies
    assert skipped("aws:lambda/function:Function") == percent | proxies
    assert skipped("aws:rds/proxy:Proxy") == by_resource | percent
    empty = servicer.AnalyzeStack(proto.AnalyzeStackRequest(resources=[]), None)  # type: ignore[no-untyped-call]
    assert len(empty.not_applicable) == 4


# --- the pack itself ------------------------------------------------------------------------------------------------


def test_the_names_are_permanent() -> None:
    assert [policy.name for policy in build()["policies"]] == NAMES


def test_every_policy_says_what_it_is_why_it_matters_and_how_to_mend_it() -> None:
    for policy in build()["policies"]:
        assert all([policy.description, policy.display_name, policy.severity, policy.remediation_steps, policy.tags])
        assert policy.url.startswith(("https://docs.aws.amazon.com/", "https://www.pulumi.com/docs/"))


def test_the_description_stands_before_the_message_so_no_message_repeats_it() -> None:
    found = analyze([function({"DB_HOST": DIRECT, "DB_PASSWORD": "x", "DB_POOL_SIZE": "9"}), proxy(requireTls=False)])
    for verdict in found:
        description = verdict.message.split("\n")[0]
        assert verdict.message.count(description) == 1


def test_the_version_is_the_changelogs_newest() -> None:
    manifest = yaml.safe_load((ROOT / "policies" / "PulumiPolicy.yaml").read_text())
    changelog = (ROOT / "policies" / "CHANGELOG.md").read_text()
    newest = next(line.removeprefix("## ") for line in changelog.splitlines() if line.startswith("## "))
    assert manifest["version"] == newest


def test_the_pack_needs_no_tool_that_a_developer_may_not_have() -> None:
    manifest = yaml.safe_load((ROOT / "policies" / "PulumiPolicy.yaml").read_text())
    assert manifest["runtime"] == {"name": "python", "options": {"toolchain": "pip", "virtualenv": "venv"}}
    assert not (ROOT / "policies" / "pyproject.toml").exists()  # one that builds would be installed as a package


def test_the_pack_alone_in_an_empty_folder_starts_with_its_port_as_the_first_line(tmp_path: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "policies"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in listed.stdout.split():
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    pack = tmp_path / "policies"
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(pack)],
        cwd=pack, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert int(process.stdout.readline()) > 0
    finally:
        process.kill()
        process.communicate()


def test_what_is_published_from_a_copied_folder_is_the_pack_and_its_licence(tmp_path: Path) -> None:
    """`pulumi policy publish` packs what .gitignore lets it; a copy has none of the repository's."""
    pack = tmp_path / "policies"
    shutil.copytree(ROOT / "policies", pack, ignore=shutil.ignore_patterns("venv"))
    (pack / "venv").mkdir()
    (pack / "venv" / "pyvenv.cfg").touch()
    git = ["git", "-C", str(pack)]
    subprocess.run([*git, "init", "--quiet"], check=True)
    packed = subprocess.run(
        [*git, "ls-files", "--others", "--exclude-standard"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not [name for name in packed if name.startswith("venv/") or "__pycache__" in name]
    assert (pack / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


@pytest.mark.parametrize(("version", "said"), [((3, 10, 13), "needs Python 3.11 or later"), ((3, 11, 0), None)])
def test_a_python_that_is_too_old_is_told_so(version: tuple[int, ...], said: str | None) -> None:
    code = (
        f"import runpy, sys; sys.version_info = {version}; runpy.run_path({str(ROOT / 'policies' / '__main__.py')!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "policies")}, capture_output=True, text=True, timeout=LIMIT_SECONDS,
    )  # fmt: skip
    assert (done.returncode, said is None) in ((0, True), (1, False))
    assert said is None or said in done.stderr


def test_importing_the_pack_loads_no_provider() -> None:
    code = "import sys, json, rds_proxy_guard.pack; print(json.dumps([m for m in sys.modules if 'pulumi_aws' in m]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "policies")}, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS,
    )  # fmt: skip
    assert json.loads(done.stdout) == []
