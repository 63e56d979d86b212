"""Every name that the program states, or leaves to Pulumi, is one that the real provider takes."""

from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lambda_rds_proxy import ServerlessDatabase, names
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.names import NameRule, name_if_needed
from tests.components.declared import Declared, declare
from tests.components.provider_names import TAKEN, automatic, refused_names

# What Pulumi itself takes: apitype's validation of project and stack names. A logical name may be any text.
PROJECTS = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
STACKS = st.from_regex(r"[A-Za-z0-9_.-]{1,100}", fullmatch=True)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)
COMPONENTS = st.one_of(WORDS, st.from_regex(r"[A-Za-z0-9_.-]{1,120}", fullmatch=True))
# The rule that each type is named by, and its argument.
RULES: dict[str, tuple[NameRule, str]] = {
    "rds/instance:Instance": (names.DATABASE, "identifier"),
    "rds/subnetGroup:SubnetGroup": (names.SUBNET_GROUP, "name"),
    "rds/parameterGroup:ParameterGroup": (names.PARAMETER_GROUP, "name"),
    "rds/clusterParameterGroup:ClusterParameterGroup": (names.PARAMETER_GROUP, "name"),
    "iam/role:Role": (names.ROLE, "name"),
    "iam/rolePolicy:RolePolicy": (names.ROLE_POLICY, "name"),
    "secretsmanager/secret:Secret": (names.SECRET, "name"),
    "ec2/securityGroup:SecurityGroup": (names.SECURITY_GROUP, "name"),
}
# Between them every resource of the program is made.
VARIANTS: list[dict[str, Any]] = [
    {"database": {"kind": "instance"}, "user": {"auth": "secret", "rotation_days": 30}, "users": {"reporting": {}}},
    {"database": {"kind": "cluster", "instances": 2}, "proxy": {"reader_endpoint": True}},
    {"database": {"engine": "mysql"}, "user": {"auth": "iam-end-to-end"}, "users": {"reporting": {}}},
]
TOPIC = "arn:aws:sns:eu-west-1:123456789012:alarms"


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(vpc_function, "build_package", lambda *_, **__: archive)


def whole(project: str, stack: str, component: str, variant: int) -> Declared:
    args: Any = {
        "functions": {"Reports_daily": {"path": "handler"}},
        "monitor": {"alarm_topic_arn": TOPIC},
        **VARIANTS[variant],
    }

    def program() -> Any:
        return ServerlessDatabase(component, args).proxy_endpoint

    return declare(program, stack=stack, project=project)


@given(st.sampled_from(sorted(RULES)), PROJECTS, STACKS, COMPONENTS)
@example("rds/instance:Instance", "shop", "dev", "orders-")
@example("ec2/securityGroup:SecurityGroup", "sg-", "-", "sg-")
def test_what_a_rule_leaves_to_pulumi_or_states_is_taken_by_the_provider(
    type_suffix: str, project: str, stack: str, component: str
) -> None:
    rule, argument = RULES[type_suffix]
    stated = name_if_needed(rule, project, stack, component)
    taken = TAKEN[type_suffix, argument]
    assert taken.takes(automatic(component, taken) if stated is None else stated)


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(PROJECTS, STACKS, COMPONENTS, st.integers(0, len(VARIANTS) - 1))
@example("lambda-rds-proxy", "Dev", "database", 0)
@example("Shop", "dev", "Orders", 1)
@example("shop", "dev", "Orders_DB", 0)
@example("shop", "dev", "orders.db", 2)
@example("shop", "dev", "orders--db", 1)
@example("shop", "dev", "orders-", 0)
@example("shop", "dev", "9orders", 2)
@example("9", "-", "sg-orders", 0)
@example("sg-", "dev", "sg-orders", 0)
@example("shop", "dev", "o" * 250, 1)
@example("shop", "dev", "Bestellungen für Köln", 2)
@example("0", "0", "\n", 0)
@example("4", "0", "\r\u00c2\n", 2)
def test_every_name_is_taken_by_the_provider_whatever_stack_project_and_component_are_called(
    project: str, stack: str, component: str, variant: int
) -> None:
    assert list(refused_names(whole(project, stack, component, variant))) == []


@pytest.mark.parametrize("variant", range(len(VARIANTS)))
def test_a_logical_name_that_is_valid_leaves_automatic_names_to_pulumi(variant: int) -> None:
    declared = whole("lambda-rds-proxy", "dev", "database", variant)
    automatic = ("SecurityGroup", "RolePolicy", "Role", "Secret", "SubnetGroup", "ParameterGroup")
    stated = [each for kind in automatic for each in declared.all(f":{kind}") if "name" in each.inputs]
    assert [each.urn for each in stated] == []
    databases = declared.all("rds/instance:Instance")
    assert [each.inputs["identifier"] for each in databases] == [f"{each.name}-1a2b3c4" for each in databases]


def test_the_table_of_the_provider_refuses_what_the_provider_refuses() -> None:
    """The judge itself is tried: a capital letter, two hyphens, a hyphen at the end, an id of a group."""

    def program() -> None:
        role = "arn:aws:iam::123456789012:role/x"
        for name in ("Orders", "orders--db", "orders-", "9orders", "o" * 64):
            aws.rds.Proxy(
                name, name=name, role_arn=role, engine_family="POSTGRESQL", vpc_subnet_ids=["subnet-1", "subnet-2"]
            )
        aws.ec2.SecurityGroup("sg-orders", vpc_id="vpc-1")
        aws.rds.SubnetGroup("Orders", subnet_ids=["subnet-1"])

    assert len(list(refused_names(declare(program)))) == 7
