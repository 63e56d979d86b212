"""Databases that no proxy serves: by engine, by what they belong to or replicate, and by the text around a host."""

from typing import Any

import pytest

from tests.policies.analyzed import SENTINEL, Resource, Verdict, analyze, blocking
from tests.policies.resources import DIRECT, PROXIED, function, parameter

VALUE, GRAPH = "lambda-uses-rds-proxy", "lambda-uses-rds-proxy-graph"
CLUSTER = "orders.cluster-abc123def456.eu-west-1.rds.amazonaws.com"
CUSTOM = "orders.cluster-custom-abc123def456.eu-west-1.rds.amazonaws.com"
GLOBAL = "orders.global-abc123def456.global.rds.amazonaws.com"


def made(token: str, name: str = "db", feeds: Any = None, **inputs: Any) -> Resource:
    return Resource(token, name, inputs, {**inputs, "endpoint": SENTINEL}, feeds or {})


def instance(name: str = "db", feeds: Any = None, **inputs: Any) -> Resource:
    return made("aws:rds/instance:Instance", name, feeds, **inputs)


def cluster(name: str = "db", feeds: Any = None, **inputs: Any) -> Resource:
    return made("aws:rds/cluster:Cluster", name, feeds, **inputs)


ORACLE, LIMITLESS = instance("source", engine="oracle-ee"), cluster("limitless", engineVersion="16.4-limitless")
OLD = cluster("old", engine="aurora-mysql", engineMode="serverless", clusterIdentifier="old")
UNSERVED = [
    [instance(engine="db2-ae")],
    [instance(engine="custom-oracle-ee-cdb")],
    [made("aws-native:rds:DbInstance", engine="oracle-se2-cdb")],
    [cluster(engine="aurora-postgresql", clusterScalabilityType="limitless")],
    [made("aws-native:rds:DbCluster", engine="aurora-postgresql", clusterScalabilityType="limitless")],
    [cluster(engine="aurora-postgresql", engineVersion="16.4-limitless")],
    [made("aws:rds/shardGroup:ShardGroup", dbShardGroupIdentifier="orders")],
    [made("aws-native:rds:DbShardGroup", dbShardGroupIdentifier="orders")],
    [ORACLE, instance(feeds={"replicateSourceDb": [ORACLE]}, replicateSourceDb=SENTINEL)],
    [
        made("aws-native:rds:DbInstance", "source", dbInstanceIdentifier="main", engine="oracle-ee"),
        made("aws-native:rds:DbInstance", sourceDbInstanceIdentifier="main"),
    ],
    [OLD, made("aws:rds/clusterEndpoint:ClusterEndpoint", feeds={"clusterIdentifier": [OLD]})],
    [LIMITLESS, made("aws:rds/clusterEndpoint:ClusterEndpoint", feeds={"clusterIdentifier": [LIMITLESS]})],
]


@pytest.mark.parametrize("stack", UNSERVED, ids=lambda stack: stack[-1].token + str(dict(stack[-1].inputs)))
def test_an_unknown_host_of_a_database_that_no_proxy_serves_is_no_finding(stack: list[Resource]) -> None:
    assert analyze([*stack, function({"DB_HOST": SENTINEL}, [stack[-1]])]) == []


UNCERTAIN = [
    instance(snapshotIdentifier="orders-2026"),
    instance(engine=SENTINEL),
    instance(replicateSourceDb="arn:aws:rds:us-east-1:123456789012:db:elsewhere"),
    instance(restoreToPointInTime={"sourceDbInstanceIdentifier": "elsewhere"}),
    made("aws-native:rds:DbInstance", dbSnapshotIdentifier="orders-2026"),
]


@pytest.mark.parametrize("restored", UNCERTAIN, ids=lambda each: str(dict(each.inputs)))
def test_an_instance_whose_engine_is_not_stated_is_undecided(restored: Resource) -> None:
    (verdict,) = analyze([restored, function({"DB_HOST": SENTINEL}, [restored])])
    assert not verdict.blocks and "engine is not stated" in verdict.message
    held = parameter(SENTINEL, [restored])
    assert blocking(analyze([restored, held, function({"DB_HOST_PARAMETER": SENTINEL}, [held])])) == set()


def test_a_replica_has_the_engine_of_what_it_replicates() -> None:
    source = instance("source", engine="postgres")
    replica = instance(feeds={"replicateSourceDb": [source]}, replicateSourceDb=SENTINEL)
    assert blocking(analyze([source, replica, function({"DB_HOST": SENTINEL}, [replica])])) == {GRAPH}


def test_clusters_are_mysqls_or_postgresqls_even_where_they_do_not_say_so() -> None:
    restored = cluster(snapshotIdentifier="orders-2026")
    assert blocking(analyze([restored, function({"DB_HOST": SENTINEL}, [restored])])) == {GRAPH}


def said(stack: list[Resource]) -> list[Verdict]:
    return [each for each in analyze(stack) if each.policy in (VALUE, GRAPH)]


@pytest.mark.parametrize("host", [DIRECT, CLUSTER, CUSTOM, GLOBAL])
@pytest.mark.parametrize(
    "unserved",
    [
        instance(engine="oracle-ee", identifier="orders"),
        cluster(engine="aurora-mysql", engineMode="serverless", clusterIdentifier="orders"),
        made(
            "aws:rds/clusterEndpoint:ClusterEndpoint",
            feeds={"clusterIdentifier": [OLD]},
            clusterIdentifier="old",
            clusterEndpointIdentifier="orders",
        ),
        made("aws:rds/globalCluster:GlobalCluster", engine="neptune", globalClusterIdentifier="orders"),
    ],
    ids=["instance", "cluster", "custom", "global"],
)
def test_an_identifier_silences_its_own_kind_of_endpoint_only(unserved: Resource, host: str) -> None:
    own = {"instance": DIRECT, "cluster": CLUSTER, "clusterEndpoint": CUSTOM, "globalCluster": GLOBAL}
    is_own = own[unserved.token.split("/")[1].split(":")[0]] == host
    held = parameter(host)
    stack = [OLD, unserved, held, function({"DB_HOST_PARAMETER": "/orders/db-host"})]
    assert (GRAPH in blocking(analyze(stack))) is not is_own
    assert (VALUE in blocking(analyze([OLD, unserved, function({"SETTING": host})]))) is not is_own


def test_a_replica_that_is_named_by_a_value_has_its_sources_engine() -> None:
    stack = [
        instance("source", engine="oracle-ee", identifier="main"),
        instance(identifier="orders", replicateSourceDb="main"),
        function({"DB_HOST": DIRECT}),
    ]
    assert said(stack) == []


def test_a_value_of_an_instance_whose_engine_is_not_stated_is_undecided_unless_the_text_shows_it() -> None:
    restored = instance(identifier="orders", snapshotIdentifier="orders-2026")
    (verdict,) = said([restored, function({"DB_HOST": DIRECT})])
    assert not verdict.blocks and verdict.message.split("\n")[1].startswith("Undecided")
    assert "Check that its host is an RDS Proxy's" not in verdict.message  # it is known to be the database's own
    shown: dict[str, Any] = {"DATABASE_URL": f"postgresql://app@{DIRECT}/orders"}
    assert [each.blocks for each in said([restored, function(shown)])] == [True]
    assert said([restored, function({"DATABASE_URL": f"jdbc:oracle:thin:@//{DIRECT}:1521/ORCL"})]) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"DATABASE_URL": f"jdbc:oracle:thin:@{DIRECT}:1521:ORCL"},
        {"DATABASE_URL": f"jdbc:oracle:thin:@//{DIRECT}:1521/ORCL"},
        {"DATABASE_URL": f"jdbc:oracle:oci:@{DIRECT}:1521/ORCL"},
        {"DATABASE_URL": f"oracle://app@{DIRECT}/ORCL"},
        {"DATABASE_URL": f"oracle+cx_oracle://app:${{PASSWORD}}@{DIRECT}/ORCL"},
        {"DATABASE_URL": f"oracle+oracledb://app@{DIRECT}/?service_name=ORCL"},
        {"DATABASE_URL": f"jdbc:db2://{DIRECT}:50000/SAMPLE"},
        {"DATABASE_URL": f"db2+ibm_db://app@{DIRECT}:50000/SAMPLE"},
        {"DATABASE_URL": f"ibm_db_sa://app@{DIRECT}:50000/SAMPLE"},
        {"DSN": f"(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST={DIRECT})(PORT=1521))(CONNECT_DATA=(SID=ORCL)))"},
        {"CONNECT": f"{DIRECT}:1521/ORCL"},
        {"CONFIG": f'{{"engine": "oracle-ee", "host": "{DIRECT}"}}'},
        {"CONFIG": f'{{"host": "{DIRECT}", "port": 5000, "engine": "db2-se"}}'},
        {"ORACLE_HOST": DIRECT},
        {"CONFIG": f'[{{"host": "x", "port": 5432}}, {{"host": "{DIRECT}", "port": 1521}}]'},
        {"NODE_ORACLEDB_CONNECTIONSTRING": f"{DIRECT}/orcl"},
        {"DB_HOST": DIRECT, "DB_CONNECTION": "oracle"},
        {"DB_HOST": DIRECT, "DB_PORT": "1521"},
        {"DB_HOST": DIRECT, "DB_PORT": 2484.0},
        {"DB_HOST": DIRECT, "DB_ENGINE": "oracle"},
        {"dbHost": DIRECT, "dbDialect": "oracledb"},
        {"DB_HOST": DIRECT, "DB_SID": "ORCL"},
        {"DB_HOST": DIRECT, "DB_SERVICE_NAME": "ORCLPDB1"},
        {"DB_HOST_NAME": DIRECT, "DB_PORT": "1521"},
        {"DB_SERVER_NAME": DIRECT, "DB_SERVER_PORT": "1521"},
        {"DB_READER_HOST": DIRECT, "DB_PORT": "1521"},
        {"SPRING_DATASOURCE_HOST": DIRECT, "SPRING_DATASOURCE_DRIVER_CLASS_NAME": "oracle.jdbc.OracleDriver"},
        {"CONFIG": f'{{"client": "oracledb", "connectString": "{DIRECT}/ORCL"}}'},
        {"CONFIG": f'{{"host": "{DIRECT}", "type": "oracle"}}'},
        {"URL": f"jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(PORT=1599) (HOST = {DIRECT})))"},
    ],
)
def test_a_text_that_shows_an_engine_without_proxy_is_no_finding_whoever_owns_the_database(variables: Any) -> None:
    assert said([function(variables)]) == []


@pytest.mark.parametrize(
    "variables",
    [
        {"ORACLE_HOST": DIRECT.replace("orders", "other"), "DB_HOST": DIRECT},
        {"DB_HOST": DIRECT, "CACHE_PORT": "1521"},
        {"DB_HOST": DIRECT, "SERVICE_NAME": "orders"},
        {"HOST": DIRECT, "SERVICE_NAME": "orders", "CLIENT_NAME": "oracle"},
        {"DB_HOST": DIRECT, "OTEL_SERVICE_NAME": "orders", "TWILIO_SID": "x"},
        {"DB_READER_HOST": DIRECT, "DB_WRITER_PORT": "1521"},
        {"DATABASE_URL": f"postgresql://oracle:x@{DIRECT}/orders"},
        {"DB_HOST": DIRECT, "DB_ENGINE": "postgres"},
        {"URLS": f"jdbc:oracle:thin:@//ora.example.com:1521/X,postgresql://app@{DIRECT}/orders"},
        {"URLS": f"oracle://ora.example.com/X {DIRECT}"},
        {"ORACLE_URL": f"mysql://app@{DIRECT}/orders"},
        {"CONFIG": f'[{{"host": "x", "port": 1521}}, {{"host": "{DIRECT}", "port": 5432}}]'},
        {"CONFIG": f'[{{"engine": "oracle-ee", "host": "x"}}, {{"host": "{DIRECT}"}}]'},
        {"DB1_HOST": PROXIED, "DB2_HOST": DIRECT},
    ],
)
def test_a_text_about_another_host_excuses_none(variables: Any) -> None:
    assert VALUE in {each.policy for each in said([function(variables)]) if each.blocks}


def test_a_stack_that_knows_the_engine_knows_better_than_a_name() -> None:
    stack = [instance(engine="postgres", identifier="orders"), function({"ORACLE_HOST": DIRECT})]
    assert VALUE in blocking(analyze(stack))


@pytest.mark.parametrize("tail", ["us-east-1.rds.amazonaws.com", "rds.cn-north-1.amazonaws.com.cn"])
def test_a_shard_groups_own_endpoint_is_no_finding(tail: str) -> None:
    host = f"orders.shardgrp-abc123def456.{tail}"
    assert said([function({"DATABASE_URL": f"postgresql://app@{host}/orders"})]) == []
    assert said([parameter(host), function({"DB_HOST_PARAMETER": "/orders/db-host"})]) == []


def test_a_host_that_is_taken_from_an_oracle_database_passes_in_every_order_the_engine_can_show() -> None:
    """A database is registered before what takes its host; a value that shows its engine passes before and after."""
    oracle = instance(engine="oracle-ee", identifier="orders")
    shown = function({"DATABASE_URL": f"jdbc:oracle:thin:@//{DIRECT}:1521/ORCL"})
    assert said([oracle, shown]) == said([shown, oracle]) == []
    assert said([oracle, function({"DB_HOST": DIRECT}, [oracle])]) == []


@pytest.mark.parametrize("variables", [{"ORACLE_HOST": SENTINEL}, {"DB_HOST": SENTINEL, "DB_SID": "ORCL"}])
def test_a_host_that_is_not_known_yet_is_no_finding_where_its_name_or_neighbours_show_oracle(variables: Any) -> None:
    restored = instance(snapshotIdentifier="legacy-2026")
    assert analyze([restored, function(variables, [restored])]) == []
    (undecided,) = analyze([restored, function({"DB_HOST": SENTINEL}, [restored])])
    assert not undecided.blocks
