"""Whether a function goes straight to a database: by its values, and by the graph while there are none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policies.analyzed import SENTINEL, Resource, analyze, blocking, messages, policies
from tests.policies.resources import (
    DIRECT,
    PROXIED,
    database,
    function,
    group,
    parameter,
    proxy,
    secret_with,
    target,
)

VALUE, GRAPH = "lambda-uses-rds-proxy", "lambda-uses-rds-proxy-graph"


def undecided(stack: list[Resource]) -> list[str]:
    """The messages of a stack that must not block, and must say that they do not know."""
    found = analyze(stack)
    assert blocking(found) == set()
    assert all(verdict.message.split("\n")[1].startswith("Undecided") for verdict in found)
    return [verdict.message for verdict in found]


# --- where hosts hide -----------------------------------------------------------------------------------------------

_SHAPES = st.sampled_from(
    [
        "{}",
        "{}:5432",
        "{}.",
        " {} ",
        "postgresql://app@{}:5432/orders",
        "postgres://app:p%40ss@{}/orders?sslmode=verify-full",
        "postgresql+psycopg://{}/orders",
        "jdbc:postgresql://{}:5432/orders",
        "jdbc:aws-wrapper:mysql://{}:3306/orders",
        "jdbc:sqlserver://{}:1433;databaseName=orders",
        "host={} dbname=orders",
        "Server={};Database=orders",
        "tcp({}:3306)/orders",
        "-h {} -p 5432",
        "-h{}",
        "cache.example.com,{},other.example.com",
        '["{}"]',
        '{{"orders": {{"host": "{}"}}}}',
        "{{\\u0022host\\u0022:\\u0022{}\\u0022}}",
        "b'{}'",
        "user@{}",
        "https%3A%2F%2F{}%2F",
    ]
)
_LABEL = st.from_regex(r"[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,10})?", fullmatch=True)
_ACCOUNT = st.from_regex(r"[a-z0-9]{12}", fullmatch=True).filter(lambda text: not text.startswith("proxy"))
_TAILS = st.sampled_from(
    [
        "eu-west-1.rds.amazonaws.com",
        "us-gov-west-1.rds.amazonaws.com",
        "rds.us-gov-east-1.amazonaws.com",
        "rds.cn-north-1.amazonaws.com.cn",
        "cn-northwest-1.rds.amazonaws.com.cn",
        "rds.us-iso-east-1.c2s.ic.gov",
        "rds.us-isob-east-1.sc2s.sgov.gov",
        "eusc-de-east-1.rds.amazonaws.eu",
    ]
)
_KINDS = st.sampled_from(["", "cluster-", "cluster-ro-", "cluster-custom-"])
_CASES = st.sampled_from([str, str.upper, str.title])
_NESTINGS: Any = st.sampled_from(
    [lambda text: text, lambda text: [text], lambda text: {"a": {"b": [text]}}, lambda text: {text: 1.0}]
)
_KEYS = st.sampled_from(["DB_HOST", "DB_PROXY_ENDPOINT", "CONFIG", "ANYTHING", "x"])


@given(_LABEL, _KINDS, _ACCOUNT, _TAILS, _SHAPES, _CASES, _NESTINGS, _KEYS)
def test_a_database_is_found_in_any_shape_partition_case_nesting_and_variable(
    label: str, kind: str, account: str, tail: str, shape: str, case: Any, nesting: Any, key: str
) -> None:
    host = case(f"{label}.{kind}{account}.{tail}")
    found = analyze([function({key: nesting(shape.format(host))})], stages="resource")
    assert VALUE in blocking(found)


@given(_LABEL, st.sampled_from(["", "endpoint."]), _ACCOUNT, _TAILS, _SHAPES, _CASES, _NESTINGS, _KEYS)
def test_a_proxy_is_found_guilty_in_none_of_them(
    label: str, kind: str, account: str, tail: str, shape: str, case: Any, nesting: Any, key: str
) -> None:
    host = case(f"{label}.{kind}proxy-{account}.{tail}")
    assert VALUE not in policies(analyze([function({key: nesting(shape.format(host))})]))


def test_a_value_beside_a_proxys_is_found_too() -> None:
    assert VALUE in policies(analyze([function({"DB_HOSTS": f"{PROXIED},{DIRECT}"})]))


def test_a_database_whose_engine_no_proxy_serves_may_be_reached_by_its_endpoint() -> None:
    stack = [database(engine="oracle-se2", identifier="orders"), function({"DB_HOST": DIRECT})]
    assert analyze(stack) == []
    assert VALUE in policies(analyze([database(engine="postgres", identifier="orders"), stack[1]]))


# --- the graph ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["docdb", "neptune", "oracle-ee", "db2-se", "custom-sqlserver-ee"])
def test_a_database_that_cannot_stand_behind_a_proxy_is_no_source_of_findings(engine: str) -> None:
    db = database(engine=engine)
    assert analyze([db, function({"DB_HOST": SENTINEL}, [db])]) == []


def test_serverless_v1_cannot_stand_behind_a_proxy_and_v2_can() -> None:
    def cluster(mode: str) -> Resource:
        return Resource("aws:rds/cluster:Cluster", "db", {"engine": "aurora-postgresql", "engineMode": mode})

    old, new = cluster("serverless"), cluster("provisioned")
    assert analyze([old, function({"DB_HOST": SENTINEL}, [old])]) == []
    assert blocking(analyze([new, function({"DB_HOST": SENTINEL}, [new])])) == {GRAPH}


@pytest.mark.parametrize(
    "key", ["DB_HOST", "PGHOST", "DATABASE_URL", "DBHOST", "HOST", "DB_PRIMARY", "dbConnString_url"]
)
def test_an_unknown_host_from_the_database_is_rejected_under_usual_names(key: str) -> None:
    db = database()
    assert blocking(analyze([db, function({key: SENTINEL}, [db])])) == {GRAPH}


def test_with_the_data_api_a_cluster_feeds_arns_only() -> None:
    cluster = Resource("aws:rds/cluster:Cluster", "db", {"engine": "aurora-postgresql", "enableHttpEndpoint": True})
    queue = Resource("aws:sqs/queue:Queue", "jobs", {})
    variables = {"RESOURCE_ARN": SENTINEL, "SECRET_ARN": SENTINEL, "QUEUE_URL": SENTINEL}
    assert analyze([cluster, queue, function(variables, [cluster, queue])]) == []


def test_another_services_host_beside_a_databases_port_is_undecided_at_most() -> None:
    db = database()
    search = Resource("aws:opensearch/domain:Domain", "search", {})
    (message,) = undecided([db, search, function({"ORDERS_ENDPOINT": SENTINEL, "DB_PORT": SENTINEL}, [db, search])])
    assert "ORDERS_ENDPOINT" in message


def test_writer_from_the_proxy_and_reader_from_who_knows_where_is_undecided() -> None:
    db, through = database(), proxy()
    variables = {"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL}
    (message,) = undecided([db, through, group(through), target(through, db), function(variables, [db, through])])
    assert "DB_HOST, DB_READER_HOST" in message


def test_a_proxys_host_in_one_variable_does_not_excuse_a_databases_in_another() -> None:
    db = database()
    variables = {"DB_HOST": PROXIED, "DB_READER_HOST": SENTINEL}
    (verdict,) = analyze([db, function(variables, [db])])
    assert verdict.blocks and "DB_READER_HOST" in verdict.message


def test_a_host_that_nothing_in_the_stack_feeds_is_undecided() -> None:
    (message,) = undecided([function({"DB_HOST": SENTINEL})])
    assert "DB_HOST" in message


@pytest.mark.parametrize("key", ["API_URL", "REDIS_HOST", "QUEUE_URL", "WEBHOOK_URL", "DOCDB_HOST", "DB_SECRET_ARN"])
def test_an_unknown_that_is_no_databases_host_by_its_name_is_nobodys_business(key: str) -> None:
    assert analyze([function({key: SENTINEL})]) == []


def test_a_component_feeds_only_what_it_contains() -> None:
    component = Resource("shop:index:Store", "store", {})
    bucket = Resource("aws:s3/bucket:Bucket", "files", {}, parent=component)
    db = database()  # beside it, not in it
    assert analyze([component, bucket, db, function({"DB_HOST": SENTINEL}, [component])]) == []


def test_a_custom_resource_does_not_stand_for_its_children() -> None:
    vpc = Resource("aws:ec2/vpc:Vpc", "vpc", {})
    db = database()
    db.parent = vpc
    assert policies(analyze([vpc, db, function({"DB_HOST": SENTINEL}, [vpc])])) == set()


# --- through parameters, secrets and records ------------------------------------------------------------------------


def test_a_parameters_value_is_followed_to_the_database() -> None:
    db = database()
    held = parameter(SENTINEL, [db])
    found = analyze([db, held, function({"DB_HOST": SENTINEL}, [held])])
    assert blocking(found) == {GRAPH}
    assert "through db-host" in found[0].message


def test_a_parameters_value_is_followed_to_the_proxy() -> None:
    db, through = database(), proxy()
    held = parameter(SENTINEL, [through])
    assert analyze([db, through, group(through), held, function({"DB_HOST": SENTINEL}, [held])]) == []


def test_a_parameter_given_by_name_is_judged_by_what_it_holds() -> None:
    direct, proxied = parameter(DIRECT), parameter(PROXIED)
    by_name = function({"DB_HOST_PARAMETER": "/orders/db-host"})
    assert blocking(analyze([direct, by_name])) == {GRAPH}
    assert analyze([proxied, by_name]) == []


def test_a_parameter_given_by_name_is_judged_by_the_graph_while_its_value_is_unknown() -> None:
    db = database()
    host = parameter(SENTINEL, [db])
    port = parameter(SENTINEL, [db], name="/orders/db-port")
    assert blocking(analyze([db, host, function({"DB_HOST_PARAMETER": SENTINEL}, [host])])) == {GRAPH}
    assert analyze([db, port, function({"DB_PORT_PARAMETER": SENTINEL}, [port])]) == []


def test_what_a_function_finds_in_a_secret_is_undecided() -> None:
    db = database()
    holder, version = secret_with(SENTINEL, [db])
    (message,) = undecided([db, holder, version, function({"DB_SECRET_ARN": SENTINEL}, [holder])])
    assert "secret" in message
    holder, version = secret_with(json.dumps({"host": DIRECT, "username": "app"}))
    assert len(undecided([holder, version, function({"DB_SECRET_ARN": SENTINEL}, [holder])])) == 1


def test_a_host_from_elsewhere_beside_a_secrets_arn_is_undecided() -> None:
    db = database()
    holder, version = secret_with(SENTINEL, [db])
    variables = {"DB_HOST": SENTINEL, "DB_SECRET_ARN": SENTINEL}
    assert len(undecided([db, holder, version, function(variables, [version])])) == 1


def test_a_parameter_of_any_name_that_holds_a_databases_host_is_judged_by_it() -> None:
    held = parameter(json.dumps({"host": DIRECT}), name="/orders/settings")
    assert blocking(analyze([held, function({"SETTINGS": "/orders/settings"})])) == {GRAPH}


def test_a_value_that_is_any_word_names_no_parameter() -> None:
    held = parameter(DIRECT, name="dev")
    assert analyze([held, function({"STAGE": "dev"})]) == []


def test_a_secret_without_a_host_in_it_is_fine() -> None:
    holder, version = secret_with(json.dumps({"username": "app"}))
    assert analyze([holder, version, function({"DB_SECRET_ARN": SENTINEL}, [holder])]) == []


def test_a_proxys_secret_may_hold_the_direct_host() -> None:
    db, through = database(), proxy()
    holder, version = secret_with(SENTINEL, [db])
    variables = {"DB_HOST": SENTINEL, "DB_SECRET_ARN": SENTINEL}
    stack = [db, holder, version, through, group(through), target(through, db), function(variables, [through, holder])]
    assert analyze(stack) == []


def test_a_url_made_of_a_secrets_content_is_followed() -> None:
    db = database()
    holder, version = secret_with(SENTINEL, [db])
    assert blocking(analyze([db, holder, version, function({"DATABASE_URL": SENTINEL}, [version])])) == {GRAPH}


def test_an_alias_in_dns_is_followed() -> None:
    db = database()
    inputs = {"name": "db.internal.example.com", "type": "CNAME", "records": [SENTINEL]}
    record = Resource("aws:route53/record:Record", "db", inputs, feeds={"records": [db]})
    found = analyze([db, record, function({"DB_HOST": "db.internal.example.com"})])
    assert blocking(found) == {GRAPH}
    record.inputs = {**inputs, "records": [PROXIED]}
    record.feeds = {}
    assert analyze([db, record, function({"DB_HOST": "db.internal.example.com"})]) == []


def test_the_value_is_judged_once_and_not_again_by_the_graph() -> None:
    held = parameter(DIRECT)
    assert policies(analyze([held, function({"DB_HOST": DIRECT}, [held])])) == {VALUE}


# --- configuration --------------------------------------------------------------------------------------------------


def test_own_host_names_of_databases_can_be_listed() -> None:
    config = {VALUE: {"directHostPatterns": [r"^db\.corp\.example$"]}}
    stack = [function({"DB_HOST": "db.corp.example"})]
    assert messages(VALUE, analyze(stack, config=config)) != []
    assert analyze(stack) == []


def test_variables_can_be_left_alone_and_added_by_pattern() -> None:
    db = database()
    assert analyze([function({"MIGRATION_HOST": DIRECT})], config={VALUE: {"ignoreKeyPatterns": ["^migration_"]}}) == []
    stack = [db, function({"BACKEND": SENTINEL}, [db])]
    assert analyze(stack) == []
    assert blocking(analyze(stack, config={GRAPH: {"hostKeyPatterns": ["^BACKEND$"]}})) == {GRAPH}


def test_aws_native_functions_databases_and_proxies_are_followed_too() -> None:
    db = Resource("aws-native:rds:DbInstance", "db", {"engine": "postgres"}, {})
    through = Resource("aws-native:rds:DbProxy", "p", {"requireTls": True, "auth": [{"secretArn": "x"}]}, {})
    inputs = {"environment": {"variables": {"DB_HOST": SENTINEL}}}

    def native(feeds: Resource) -> Resource:
        return Resource("aws-native:lambda:Function", "fn", inputs, {}, {"environment": [feeds]})

    assert blocking(analyze([db, native(db)])) == {GRAPH}
    assert analyze([db, through, native(through)]) == []


def endpoint_of(of: Resource, name: str = "readers") -> Resource:
    inputs = {"dbProxyName": of.name, "dbProxyEndpointName": name, "targetRole": "READ_ONLY"}
    return Resource("aws:rds/proxyEndpoint:ProxyEndpoint", name, inputs, feeds={"dbProxyName": [of]})


def test_a_proxy_and_its_endpoint_are_the_two_hosts_where_the_database_gives_the_port() -> None:
    db, through = database(), proxy()
    readers = endpoint_of(through)
    variables = {"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL, "DB_PORT": SENTINEL}
    made = [db, through, group(through), target(through, db), readers]
    assert analyze([*made, function(variables, [through, readers, db])]) == []
    assert undecided([*made, function(variables, [through, db])]), "two hosts of one proxy: one may be the database's"
    without_port = {"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL}
    assert undecided([*made, function(without_port, [through, readers, db])]), "nothing else explains the database"


def test_a_link_of_sst_to_a_database_alone_is_undecided() -> None:
    db, through = database(), proxy()
    assert undecided([db, function({"SST_RESOURCE_Db": SENTINEL, "STAGE": "dev"}, [db])])
    made = [db, through, group(through), target(through, db)]
    assert analyze([*made, function({"SST_RESOURCE_Db": SENTINEL}, [through, db])]) == []
    assert analyze([db, function({"SOMETHING_ELSE_NAME": SENTINEL}, [db])]) == []


@pytest.mark.parametrize(
    "variables",
    [["PRIMARY_INSTANCE", "REPLICA_INSTANCE"], ["CONFIG"], ["TARGET_DB"], ["DB_MASTER_CREDS"], ["RDS_PRIMARY_CLUSTER"]],
)
def test_names_that_may_hold_an_identifier_or_settings_are_undecided(variables: list[str]) -> None:
    """A function that fails over from one instance to the other connects to none."""
    db = database()
    (found,) = analyze([db, function(dict.fromkeys(variables, SENTINEL), [db])])
    assert (found.policy, found.blocks) == ("lambda-uses-rds-proxy-graph", False)
    assert blocking(analyze([db, function({**dict.fromkeys(variables, SENTINEL), "HOST": SENTINEL}, [db])]))
    held = parameter(SENTINEL, [db], name=f"/orders/{variables[0]}")
    assert [each.blocks for each in analyze([db, held, function({"SETTINGS": held.inputs["name"]})])] == [False]


@pytest.mark.parametrize(("data_api", "blocks"), [(True, False), (False, True)])
def test_a_parameter_called_database_may_hold_an_arn_for_the_data_api(data_api: bool, blocks: bool) -> None:
    cluster = Resource("aws:rds/cluster:Cluster", "data", {"enableHttpEndpoint": data_api, "engine": "aurora-mysql"})
    held = parameter(SENTINEL, [cluster], name="/orders/database")
    found = analyze([cluster, held, function({"DB_PARAM": "/orders/database"})])
    assert [each.blocks for each in found] == [blocks]


@pytest.mark.parametrize("name", ["DB_WRITER", "RDS_PRIMARY", "ORDERS_DB_CONFIG", "SQL_SERVER", "READER_ENDPOINT"])
def test_a_databases_name_that_ends_in_what_it_is_holds_its_host(name: str) -> None:
    db = database()
    assert blocking(analyze([db, function({name: SENTINEL}, [db])]))


@pytest.mark.parametrize("name", ["SQL_SERVER_INSTANCE", "SQL_SERVER_DATABASE", "DATABASE"])
def test_an_instances_or_databases_name_is_no_host_beside_one_that_is_known(name: str) -> None:
    db = database(engine="sqlserver-se")
    assert analyze([db, function({"DB_HOST": PROXIED, name: SENTINEL}, [db])]) == []
