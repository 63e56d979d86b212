"""The way to a database is through its proxy: every form of rule, with ids and with unknowns."""

from typing import Any

import pytest

from tests.policies.analyzed import SENTINEL, Resource, analyze, blocking, messages
from tests.policies.resources import database, function, group, ingress_rule, proxy, security_group, target

POLICY = "rds-proxy-network"


def said(stack: list[Resource]) -> list[str]:
    found = analyze(stack)
    assert POLICY not in blocking(found)
    return messages(POLICY, found)


class Shop:
    """A database behind a proxy, with a group each; whatever lets something in is added by the test."""

    def __init__(self, ingress: list[dict[str, Any]] | None = None, feeds: Any = ()) -> None:
        self.db_group = security_group("db-group", ingress, feeds)
        self.proxy_group = security_group("proxy-group")
        self.client_group = security_group("client-group")
        self.db = database(vpcSecurityGroupIds=[SENTINEL])
        self.db.feeds = {"vpcSecurityGroupIds": [self.db_group]}
        self.through = proxy(vpcSecurityGroupIds=[SENTINEL])
        self.through.feeds = {"vpcSecurityGroupIds": [self.proxy_group]}
        self.fn = function({"DB_HOST": SENTINEL}, [self.through])
        self.fn.inputs = {**self.fn.inputs, "vpcConfig": {"securityGroupIds": [SENTINEL], "subnetIds": [SENTINEL]}}
        self.fn.feeds = {**self.fn.feeds, "vpcConfig": [self.client_group]}

    def stack(self, *more: Resource) -> list[Resource]:
        groups = [self.db_group, self.proxy_group, self.client_group]
        return [*groups, self.db, self.through, group(self.through), target(self.through, self.db), self.fn, *more]


def test_a_database_that_admits_its_proxy_only_is_accepted() -> None:
    shop = Shop()
    assert analyze(shop.stack(ingress_rule(shop.db_group, source=shop.proxy_group))) == []


def test_a_database_that_does_not_admit_its_proxy_is_reported() -> None:
    (message,) = said(Shop().stack())
    assert "does not admit the group proxy-group of its proxy proxy" in message


def test_a_rule_for_another_port_does_not_admit_the_proxy() -> None:
    shop = Shop()
    assert len(said(shop.stack(ingress_rule(shop.db_group, source=shop.proxy_group, fromPort=22, toPort=22)))) == 1


def test_a_rule_for_the_proxys_group_in_the_other_direction_does_not_admit_it() -> None:
    shop = Shop()
    rule = Resource(
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        "out",
        {"type": "egress", "securityGroupId": SENTINEL, "sourceSecurityGroupId": SENTINEL, "protocol": "-1"},
        feeds={"securityGroupId": [shop.db_group], "sourceSecurityGroupId": [shop.proxy_group]},
    )
    assert len(said(shop.stack(rule))) == 1


@pytest.mark.parametrize("protocol", ["udp", "17", "icmp", "1", "icmpv6", 17])
def test_a_rule_for_another_protocol_opens_no_database_and_admits_no_proxy(protocol: Any) -> None:
    shop = Shop()
    ports = {"ipProtocol": protocol, "fromPort": 0, "toPort": 65535}
    around = [
        ingress_rule(shop.db_group, cidr="0.0.0.0/0", **ports),
        ingress_rule(shop.db_group, source=shop.client_group, **ports),
    ]
    assert said(shop.stack(ingress_rule(shop.db_group, source=shop.proxy_group), *around)) == []
    (message,) = said(shop.stack(ingress_rule(shop.db_group, source=shop.proxy_group, **ports)))
    assert "does not admit the group proxy-group" in message


@pytest.mark.parametrize("protocol", ["-1", "all"])
def test_a_rule_for_all_ports_admits_the_proxy(protocol: str) -> None:
    shop = Shop()
    rule = ingress_rule(shop.db_group, source=shop.proxy_group, ipProtocol=protocol, fromPort=None, toPort=None)
    assert said(shop.stack(rule)) == []


def test_an_inline_rule_admits_the_proxy() -> None:
    shop = Shop()
    shop.db_group.inputs = {
        "ingress": [{"protocol": "tcp", "fromPort": 5432, "toPort": 5432, "securityGroups": [SENTINEL]}]
    }
    shop.db_group.outputs = {"id": SENTINEL, "ingress": SENTINEL}
    shop.db_group.feeds = {"ingress": [shop.proxy_group]}
    assert said(shop.stack()) == []


def test_one_group_for_all_that_admits_itself_admits_the_proxy() -> None:
    shop = Shop([{"protocol": "tcp", "fromPort": 0, "toPort": 65535, "self": True}])
    shop.through.feeds = {"vpcSecurityGroupIds": [shop.db_group]}
    assert said(shop.stack()) == []


def test_addresses_may_hold_the_proxy_so_nothing_is_said() -> None:
    shop = Shop()
    assert said(shop.stack(ingress_rule(shop.db_group, cidr="10.0.0.0/16"))) == []


def test_groups_that_others_own_or_that_are_not_known_are_no_verdict() -> None:
    shop = Shop()
    shop.db.inputs = {**shop.db.inputs, "vpcSecurityGroupIds": ["sg-0abc"]}
    shop.db.outputs = None
    shop.db.feeds = {}
    assert said(shop.stack()) == []
    shop = Shop()
    shop.db.feeds = {}
    assert said(shop.stack()) == []
    shop = Shop()
    shop.through.feeds = {}
    assert said(shop.stack()) == []


def test_a_rule_whose_group_is_not_known_may_be_the_missing_one() -> None:
    shop = Shop()
    rule = ingress_rule(shop.db_group, source=shop.proxy_group)
    rule.feeds = {"referencedSecurityGroupId": [shop.proxy_group]}
    assert said(shop.stack(rule)) == []


def test_a_proxy_whose_groups_are_known_in_part_is_no_verdict() -> None:
    shop = Shop()
    shop.through.inputs = {**shop.through.inputs, "vpcSecurityGroupIds": ["sg-9", SENTINEL]}
    shop.through.feeds = {}
    assert said(shop.stack()) == []


def test_of_inline_rules_for_several_ports_it_is_not_known_whom_each_admits() -> None:
    entries = [
        {"protocol": "tcp", "fromPort": port, "toPort": port, "securityGroups": [SENTINEL]} for port in (22, 5432)
    ]
    shop = Shop(entries)
    shop.db_group.feeds = {"ingress": [shop.proxy_group, shop.client_group]}
    assert said(shop.stack()) == []
    shop.db_group.inputs = {"ingress": entries[1:]}
    assert len(said(shop.stack())) == 1


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0"])
def test_a_database_open_to_the_world_is_reported(cidr: str) -> None:
    shop = Shop()
    admitted = ingress_rule(shop.db_group, source=shop.proxy_group)
    (message,) = said(shop.stack(admitted, ingress_rule(shop.db_group, cidr=cidr)))
    assert "every address" in message
    assert said(shop.stack(admitted, ingress_rule(shop.db_group, cidr=cidr, fromPort=22, toPort=22))) == []


def test_a_database_that_admits_a_functions_group_is_reported() -> None:
    shop = Shop()
    admitted = ingress_rule(shop.db_group, source=shop.proxy_group)
    (message,) = said(shop.stack(admitted, ingress_rule(shop.db_group, source=shop.client_group)))
    assert "Lambda function fn" in message


def test_a_bastion_is_nobodys_business() -> None:
    shop = Shop()
    bastion = security_group("bastion-group")
    host = Resource("aws:ec2/instance:Instance", "bastion", {}, feeds={"vpcSecurityGroupIds": [bastion]})
    rules = [ingress_rule(shop.db_group, source=each) for each in (shop.proxy_group, bastion)]
    assert said(shop.stack(bastion, host, *rules)) == []


def admin_shop(*triggers: str) -> list[Resource]:
    shop = Shop()
    rules = [ingress_rule(shop.db_group, source=each) for each in (shop.proxy_group, shop.client_group)]
    shop.fn.inputs, shop.fn.outputs = {"vpcConfig": shop.fn.inputs["vpcConfig"]}, None
    shop.fn.feeds = {"vpcConfig": [shop.client_group]}
    call = Resource("aws:lambda/invocation:Invocation", "setup", {}, feeds={"functionName": [shop.fn]})
    others = [Resource(token, "trigger", {}, feeds={"function": [shop.fn]}) for token in triggers]
    return shop.stack(*rules, call, *others)


def test_a_function_that_only_pulumi_invokes_may_reach_the_database() -> None:
    assert said(admin_shop()) == []
    assert said(admin_shop("aws:cloudwatch/metricAlarm:MetricAlarm")) == []


def test_a_proxy_that_waits_for_a_function_is_no_caller_of_it() -> None:
    assert said(admin_shop("aws:rds/proxy:Proxy")) == []


@pytest.mark.parametrize(
    "token",
    [
        "aws:lambda/permission:Permission",
        "aws:lambda/functionUrl:FunctionUrl",
        "aws:cloudwatch/eventTarget:EventTarget",
    ],
)
def test_a_function_with_a_trigger_may_not(token: str) -> None:
    assert len(said(admin_shop(token))) == 1


def known(shop: Shop) -> None:
    """What is unknown in a preview, as it is after `up`: ids everywhere, no dependencies."""
    for index, each in enumerate([shop.db_group, shop.proxy_group, shop.client_group]):
        each.outputs = {"id": f"sg-{index}", "ingress": each.inputs.get("ingress", [])}
    shop.db.inputs = {**shop.db.inputs, "vpcSecurityGroupIds": ["sg-0"]}
    shop.through.inputs = {**shop.through.inputs, "vpcSecurityGroupIds": ["sg-1"]}
    shop.fn.inputs = {**shop.fn.inputs, "vpcConfig": {"securityGroupIds": ["sg-2"]}}
    for resource in (shop.db, shop.through, shop.fn):
        resource.outputs, resource.feeds = None, {}


RULES = {
    "standalone": (
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {"securityGroupId": "sg-0", "referencedSecurityGroupId": "?", "ipProtocol": "tcp"},
    ),
    "older standalone": (
        "aws:ec2/securityGroupRule:SecurityGroupRule",
        {"type": "ingress", "securityGroupId": "sg-0", "sourceSecurityGroupId": "?", "protocol": "tcp"},
    ),
    "aws-native": (
        "aws-native:ec2:SecurityGroupIngress",
        {"groupId": "sg-0", "sourceSecurityGroupId": "?", "ipProtocol": "tcp"},
    ),
}


@pytest.mark.parametrize("form", RULES)
def test_every_form_of_rule_is_compared_by_id(form: str) -> None:
    token, template = RULES[form]

    def rule(source: str) -> Resource:
        inputs = {name: source if value == "?" else value for name, value in template.items()}
        return Resource(token, f"rule-{source}", {**inputs, "fromPort": 5432, "toPort": 5432})

    shop = Shop()
    known(shop)
    assert len(said(shop.stack())) == 1
    assert said(shop.stack(rule("sg-1"))) == []
    assert len(said(shop.stack(rule("sg-1"), rule("sg-2")))) == 1


def test_inline_rules_are_compared_by_id() -> None:
    entry = {"protocol": "tcp", "fromPort": 5432, "toPort": 5432}
    shop = Shop([{**entry, "securityGroups": ["sg-1"]}])
    known(shop)
    assert said(shop.stack()) == []
    shop = Shop([{**entry, "securityGroups": ["sg-1", "sg-2"]}])
    known(shop)
    assert len(said(shop.stack())) == 1


def test_aws_native_groups_with_inline_rules_are_judged_too() -> None:
    db_group = Resource(
        "aws-native:ec2:SecurityGroup",
        "db-group",
        {"securityGroupIngress": [{"ipProtocol": "tcp", "fromPort": 5432, "toPort": 5432, "cidrIp": "0.0.0.0/0"}]},
        {"groupId": "sg-0"},
    )
    db = Resource("aws-native:rds:DbInstance", "db", {"engine": "postgres", "vpcSecurityGroups": ["sg-0"]})
    through = Resource("aws-native:rds:DbProxy", "p", {"dbProxyName": "p", "vpcSecurityGroupIds": ["sg-1"]})
    pool = Resource(
        "aws-native:rds:DbProxyTargetGroup",
        "g",
        {"dbProxyName": "p", "dbInstanceIdentifiers": [SENTINEL]},
        feeds={"dbInstanceIdentifiers": [db]},
    )
    (message,) = said([db_group, db, through, pool])
    assert "every address" in message


def test_a_database_without_a_proxy_is_not_looked_at() -> None:
    db_group = security_group("db-group", [{"protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}])
    db = database(vpcSecurityGroupIds=[SENTINEL])
    db.feeds = {"vpcSecurityGroupIds": [db_group]}
    assert said([db_group, db]) == []
