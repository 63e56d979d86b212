"""Every example of the pack's README is run through the pack, as a preview of a new stack would."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from rds_proxy_guard import mistakes
from rds_proxy_guard.configuration import configuration
from rds_proxy_guard.pack import RULES, build
from tests.policies.analyzed import SENTINEL, Resource, analyze, messages, policies

README = (Path(__file__).resolve().parents[2] / "policies" / "README.md").read_text()
POLICIES = [rule.name for rule in RULES]
_REFERENCE = re.compile(r"\$\{(\w+)\.\w+\}")


def section(policy: str) -> str:
    return README.split(f"\n## {policy}\n")[1].split("\n## ")[0]


def example(policy: str, verdict: str) -> list[Resource]:
    (program,) = re.findall(rf"^{verdict}:\n\n```yaml\n(.*?)^```$", section(policy), re.MULTILINE | re.DOTALL)
    declared = yaml.safe_load(program)["resources"]
    resources = {name: Resource(each["type"], name, {}) for name, each in declared.items()}
    for name, each in declared.items():
        properties = each["properties"]
        unknown = {key: _unknown(value) for key, value in properties.items()}
        resources[name].inputs = unknown
        # In a preview's outputs one unknown value makes a whole property unknown.
        resources[name].outputs = {
            key: SENTINEL if unknown[key] != properties[key] else unknown[key] for key in unknown
        }
        resources[name].feeds = {
            key: [resources[of] for of in _REFERENCE.findall(str(value))] for key, value in properties.items()
        }
    return list(resources.values())


def _unknown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _unknown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_unknown(item) for item in value]
    return SENTINEL if isinstance(value, str) and _REFERENCE.search(value) else value


@pytest.mark.parametrize("policy", POLICIES)
def test_the_rejected_example_is_rejected_by_its_policy_and_no_other(policy: str) -> None:
    stack = example(policy, "Rejected")
    judged = {"rds-proxy-max-connections-total"} if policy == "rds-proxy-settings" else set()  # it has no target group
    assert policies(analyze(stack)) == {policy} | judged
    assert not any("Undecided" in message for message in messages(policy, analyze(stack)))


@pytest.mark.parametrize("policy", POLICIES)
def test_the_accepted_example_is_accepted_by_its_policy(policy: str) -> None:
    assert policy not in policies(analyze(example(policy, "Accepted")))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_configuration_key_is_documented(policy: str) -> None:
    (found,) = (each for each in build()["policies"] if each.name == policy)
    for key in set(found.config_schema.properties) - {"exemptions"}:
        assert f"`{key}`" in section(policy)


def test_the_example_of_a_configuration_is_one() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    given = yaml.safe_load(text)
    assert given.pop("all") == "mandatory"
    stack = example("lambda-uses-rds-proxy", "Rejected")
    stack[0].name = "orders"
    found = analyze(stack, config=given)
    assert mistakes.NAME not in policies(found)
    read = configuration({"exemptions": given["lambda-uses-rds-proxy"]["exemptions"]}, ())
    assert read.problems() == []
    assert read.exemptions[0].matches("urn:pulumi:dev::orders::a:b:C$aws:lambda/function:Function::migrations")


def test_the_levels_of_the_table_are_the_packs() -> None:
    table = dict(re.findall(r"^\| \[([a-z-]+)\]\(#[a-z-]+\) \| (\w+) \|", README, re.MULTILINE))
    assert table == {
        policy.name: (policy.enforcement_level or build()["enforcement_level"]).value for policy in build()["policies"]
    }
