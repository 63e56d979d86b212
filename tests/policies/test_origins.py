"""Where an unknown host may come from: it is direct only where nothing but a database can be it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard.resources import has_no_host
from tests.policies.analyzed import SENTINEL, Resource, analyze, blocking, messages
from tests.policies.resources import DIRECT, PROXIED, database, function, group, parameter, proxy, secret_with, target

GRAPH = "lambda-uses-rds-proxy-graph"


def other(token: str, name: str = "other", **inputs: Any) -> Resource:
    return Resource(token, name, inputs, dict.fromkeys(inputs, SENTINEL))


def verdict(stack: list[Resource]) -> str:
    """The graph's word on a stack: direct, undecided or silent."""
    found = [each for each in analyze(stack) if each.policy == GRAPH]
    assert all(each.blocks is not each.message.split("\n")[1].startswith("Undecided") for each in found)
    return "direct" if any(each.blocks for each in found) else "undecided" if found else "silent"


ELSEWHERE = [
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:alb/loadBalancer:LoadBalancer",
    "aws:elb/loadBalancer:LoadBalancer",
    "aws-native:elasticloadbalancingv2:LoadBalancer",
    "aws:ec2/instance:Instance",
    "aws:ec2/eip:Eip",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ec2/networkInterface:NetworkInterface",
    "aws:ecs/service:Service",
    "aws:servicediscovery/service:Service",
    "aws:servicediscovery/privateDnsNamespace:PrivateDnsNamespace",
    "aws:route53/zone:Zone",
    "aws:memorydb/cluster:Cluster",
    "aws:elasticache/replicationGroup:ReplicationGroup",
    "aws:opensearch/domain:Domain",
    "aws:opensearch/serverlessCollection:ServerlessCollection",
    "aws:docdb/cluster:Cluster",
    "aws:neptune/cluster:Cluster",
    "aws:redshift/cluster:Cluster",
    "aws:dsql/cluster:Cluster",
    "aws:msk/cluster:Cluster",
    "aws:apigatewayv2/api:Api",
    "aws:cloudfront/distribution:Distribution",
    "aws:s3/bucket:Bucket",
    "aws:sqs/queue:Queue",
    "aws:lambda/functionUrl:FunctionUrl",
    "aws:rds/instance:Instance",  # an Oracle one
    "aws-native:memorydb:Cluster",
    "cloudflare:index/record:Record",
    "kubernetes:core/v1:Service",
    "neon:index/project:Project",
    "pulumi:pulumi:StackReference",
    "command:local:Command",
    "pulumi-python:dynamic:Resource",
    "acme:index:Pooler",
]


@pytest.mark.parametrize("token", ELSEWHERE)
@pytest.mark.parametrize("key", ["DB_HOST", "DATABASE_URL", "PGHOST"])
def test_whatever_else_has_an_address_may_be_the_host(token: str, key: str) -> None:
    db, beside = database(), other(token, engine="oracle-ee")
    assert verdict([db, beside, function({key: SENTINEL}, [db, beside])]) == "undecided"
    assert verdict([beside, db, function({key: SENTINEL}, [beside, db])]) == "undecided"
    assert verdict([db, beside, function(SENTINEL, [db, beside])]) == "undecided"


def test_pgbouncer_behind_a_load_balancer_is_undecided() -> None:
    cluster = other("aws:rds/cluster:Cluster", "db", engine="aurora-postgresql", masterUsername="app")
    cluster.outputs = {"engine": "aurora-postgresql"}
    balancer = other("aws:lb/loadBalancer:LoadBalancer")
    assert verdict([cluster, balancer, function({"DATABASE_URL": SENTINEL}, [cluster, balancer])]) == "undecided"


HOSTLESS = [
    "random:index/randomPassword:RandomPassword",
    "tls:index/privateKey:PrivateKey",
    "aws:iam/role:Role",
    "aws:kms/key:Key",
    "aws:secretsmanager/secret:Secret",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:rds/subnetGroup:SubnetGroup",
    "aws-native:kms:Key",
]


@pytest.mark.parametrize("token", HOSTLESS)
def test_a_password_or_key_is_no_host_and_can_only_be_a_part_of_a_url(token: str) -> None:
    db, beside = database(), other(token)
    assert verdict([db, beside, function({"DB_HOST": SENTINEL, "DB_PASSWORD": SENTINEL}, [db, beside])]) == "direct"
    # The host of the URL may be written in: …@pgbouncer.internal:6432/…
    assert verdict([db, beside, function({"DATABASE_URL": SENTINEL}, [db, beside])]) == "undecided"
    assert verdict([beside, function({"DATABASE_URL": SENTINEL}, [beside])]) in ("silent", "undecided")


@pytest.mark.parametrize("token", ELSEWHERE)
def test_what_has_an_address_is_not_taken_for_what_has_none(token: str) -> None:
    assert not has_no_host(token)


def api(**inputs: Any) -> Resource:
    given = {"engine": "aurora-postgresql", "enableHttpEndpoint": True, **inputs}
    return Resource("aws:rds/cluster:Cluster", "db", given, {**given, "arn": SENTINEL})


@pytest.mark.parametrize("token", ["aws:route53/record:Record", "aws:apigateway/stage:Stage", "aws:sqs/queue:Queue"])
def test_with_the_data_api_another_services_url_is_no_finding(token: str) -> None:
    cluster, record = api(), other(token, "site")
    variables = {"CLUSTER_ARN": SENTINEL, "PUBLIC_URL": SENTINEL}
    assert verdict([cluster, record, function(variables, [cluster, record])]) == "silent"
    plain = Resource("aws:rds/cluster:Cluster", "db", {"engine": "aurora-postgresql"})
    assert verdict([plain, record, function(variables, [plain, record])]) == "undecided"


def test_with_the_data_api_a_host_by_name_is_a_host_all_the_same() -> None:
    cluster = api()
    assert verdict([cluster, function({"RESOURCE_ARN": SENTINEL, "DATABASE": SENTINEL}, [cluster])]) == "silent"
    assert verdict([cluster, function({"DATABASE": SENTINEL}, [cluster])]) == "direct"
    assert verdict([cluster, function({"DB_HOST": SENTINEL, "CLUSTER_ARN": SENTINEL}, [cluster])]) == "direct"
    assert verdict([cluster, function({"HOST": SENTINEL, "CLUSTER_ARN": SENTINEL}, [cluster])]) == "undecided"


def test_a_targets_endpoint_is_the_databases() -> None:
    db, through = database(), proxy()
    registered = target(through, db)
    stack = [db, through, group(through), registered]
    assert verdict([*stack, function({"DB_HOST": SENTINEL}, [registered])]) == "direct"
    assert verdict([*stack, function({"DB_HOST": SENTINEL, "DB_PORT": SENTINEL}, [registered, through])]) == "silent"


def test_what_waits_for_the_target_of_its_proxy_takes_its_hosts_from_the_proxy() -> None:
    db, through = database(), proxy()
    readers = Resource("aws:rds/proxyEndpoint:ProxyEndpoint", "readers", {"dbProxyName": "proxy"})
    registered = target(through, db)
    stack = [db, through, readers, group(through), registered]
    variables = {"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL}
    assert verdict([*stack, function(variables, [through, readers, registered])]) == "silent"
    assert verdict([*stack, function(variables, [through, readers, registered, db])]) == "undecided"


# --- components -----------------------------------------------------------------------------------------------------


def in_component(*parts: Resource) -> list[Resource]:
    box = Resource("acme:index:Box", "box", {})
    for part in parts:
        part.parent = box
    return [box, *parts, function({"DB_HOST": SENTINEL}, [box])]


def test_a_component_is_what_is_in_it_and_its_furniture_is_no_host() -> None:
    assert verdict(in_component(database())) == "direct"
    assert verdict(in_component(database(), *map(other, HOSTLESS, HOSTLESS))) == "direct"
    assert verdict(in_component(database(), other("aws:lb/loadBalancer:LoadBalancer"))) == "undecided"
    assert verdict(in_component(database(), proxy())) == "silent"
    assert verdict(in_component()) == "silent"


def test_a_component_in_a_component_and_a_parameter_in_it_are_followed() -> None:
    db, inner = database(), Resource("acme:index:Inner", "inner", {})
    held = parameter(SENTINEL, [db])
    held.parent = inner
    stack = in_component(inner)
    assert verdict([db, *stack[:-1], held, stack[-1]]) == "direct"


# --- holders, one by one --------------------------------------------------------------------------------------------


def test_a_holder_that_something_else_feeds_as_well_is_undecided() -> None:
    db, balancer = database(), other("aws:lb/loadBalancer:LoadBalancer")
    held = parameter(SENTINEL, [db, balancer], name="/orders/db-url")
    by_name = function({"DB_URL_PARAMETER": "/orders/db-url"})
    assert verdict([db, balancer, held, by_name]) == "undecided"
    assert verdict([db, balancer, held, function({"DATABASE_URL": SENTINEL}, [held])]) == "undecided"


def test_a_password_in_a_parameters_url_leaves_its_host_open_and_in_a_host_there_is_none() -> None:
    db, password = database(), other("random:index/randomPassword:RandomPassword")
    url = parameter(SENTINEL, [db, password], name="/orders/database-url")
    host = parameter(SENTINEL, [db, password], name="/orders/db-host")
    stack = [db, password, url, host]
    assert verdict([*stack, function({"PARAMETER": "/orders/database-url"})]) == "undecided"
    assert verdict([*stack, function({"PARAMETER": "/orders/db-host"})]) == "direct"


def test_a_host_of_the_proxy_and_one_of_the_database_are_more_hosts_than_proxies() -> None:
    db, through = database(), proxy()
    stack = [db, through, group(through), target(through, db)]
    variables = {"DB_ENDPOINT": SENTINEL, "PROXY_ENDPOINT": SENTINEL}
    assert verdict([*stack, function(variables, [db, through])]) == "undecided"
    assert verdict([*stack, function({"PROXY_ENDPOINT": SENTINEL, "DB_PORT": SENTINEL}, [db, through])]) == "silent"


def test_a_proxys_host_beside_it_silences_no_other_holder() -> None:
    db, through = database(), proxy()
    direct, proxied = parameter(SENTINEL, [db]), parameter(SENTINEL, [through], name="/orders/proxy-host")
    stack = [db, through, group(through), target(through, db), direct, proxied]
    both = {"READER_PARAMETER": "/orders/db-host", "DB_HOST_PARAMETER": "/orders/proxy-host"}
    assert verdict([*stack, function(both)]) == "direct"
    assert verdict([*stack, function({"READER_PARAMETER": "/orders/db-host", "DB_HOST": PROXIED})]) == "direct"
    assert (
        verdict([*stack, function({"READER_PARAMETER": SENTINEL, "DB_HOST": SENTINEL}, [direct, through])]) == "direct"
    )
    assert verdict([*stack, function({"DB_HOST_PARAMETER": "/orders/proxy-host"})]) == "silent"


def test_a_named_proxy_says_nothing_about_a_host_that_is_unknown() -> None:
    db, held = database(), parameter(PROXIED)
    variables = {"DB_READER_HOST": SENTINEL, "DB_HOST_PARAMETER": "/orders/db-host"}
    assert verdict([db, held, function(variables, [db])]) == "direct"


def test_every_holder_is_named_and_many_are_cut() -> None:
    held = [parameter(DIRECT, name=f"/orders/{index}-db-host") for index in range(7)]
    variables = {f"PARAMETER_{index}": f"/orders/{index}-db-host" for index in range(7)}
    (message,) = messages(GRAPH, analyze([*held, function(variables)]))
    assert "the parameter 0-db-host and the parameter 1-db-host" in message and "and the 2 more" in message


def test_a_decided_holder_comes_before_an_undecided_host() -> None:
    db, balancer, held = database(), other("aws:lb/loadBalancer:LoadBalancer"), parameter(DIRECT)
    variables = {"DATABASE_URL": SENTINEL, "SETTINGS": "/orders/db-host"}
    assert verdict([db, balancer, held, function(variables, [db, balancer])]) == "direct"


def test_a_secret_that_a_proxy_uses_too_is_no_finding_and_one_beside_nothing_is_undecided() -> None:
    db, through = database(), proxy()
    holder, version = secret_with(SENTINEL, [db])
    stack = [db, through, group(through), target(through, db), holder, version]
    assert verdict([*stack, function({"DB_HOST": PROXIED, "DB_SECRET_ARN": SENTINEL}, [holder])]) == "silent"
    assert verdict([*stack, function({"DB_SECRET_ARN": SENTINEL}, [holder])]) == "undecided"
    assert blocking(analyze([*stack, function({"DB_SECRET_ARN": SENTINEL}, [holder])])) == set()


# --- the table of the README, over all that can feed an environment ---------------------------------------------------

_DB, _PROXY, _BALANCER = database(), proxy(), other("aws:lb/loadBalancer:LoadBalancer", "lb")
_PASSWORD = other("random:index/randomPassword:RandomPassword", "password")
_ORACLE, _RESTORED = database("oracle", engine="oracle-ee"), database("restored", engine=SENTINEL)


def _holding(name: str, *fed: Resource) -> Resource:
    return parameter(SENTINEL, list(fed), name=f"/orders/{name}-host")


# What feeds → what it comes from in the end, and whether a function finds a database's host in it.
FEEDING: list[tuple[Resource, str, bool]] = [
    (_DB, "D", False),
    (_PROXY, "P", False),
    (_BALANCER, "E", False),
    (_PASSWORD, "H", False),
    (_ORACLE, "E", False),
    (_RESTORED, "U", False),
    (_holding("direct", _DB), "D", True),
    (_holding("proxied", _PROXY), "P", False),
    (_holding("both", _DB, _PROXY), "DP", False),
    (_holding("balanced", _BALANCER), "E", False),
]


@given(st.lists(st.sampled_from(range(len(FEEDING))), unique=True, max_size=5), st.sampled_from(["DB_HOST", "DB_URL"]))
def test_the_verdict_is_what_the_table_says_whatever_feeds_in_whatever_order(chosen: list[int], key: str) -> None:
    fed = [FEEDING[index] for index in chosen]
    leaves = set("".join(leaf for _, leaf, _ in fed))
    if any(direct for _, _, direct in fed):
        expected = "direct"
    elif "P" in leaves:
        expected = "silent"
    elif leaves & set("DU"):
        in_url = "H" in leaves and key == "DB_URL"
        expected = "undecided" if leaves & set("EU") or in_url else "direct"
    else:
        expected = "silent" if fed else "undecided"
    stack = [_DB, _PROXY, _BALANCER, _PASSWORD, _ORACLE, _RESTORED, *(each for each, _, _ in FEEDING[6:])]
    assert verdict([*stack, function({key: SENTINEL}, [each for each, _, _ in fed])]) == expected
