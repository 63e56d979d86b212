import json
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.config_keys import KEYS
from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from lambda_rds_proxy.function.package import Platform
from lambda_rds_proxy.proxy.connection_pool import ConnectionPool
from lambda_rds_proxy.stack_config import (
    StackConfig,
    StackConfigError,
    is_laptop,
    project_values,
)

ROOT = Path(__file__).resolve().parents[2]


VPC: dict[str, Any] = {"vpcId": "vpc-0123", "subnetIds": ["subnet-1", "subnet-2"]}
ADOPTED = {"identifier": "orders-db", "subnetGroup": "shop", "securityGroupIds": ["sg-0123"]}
EXISTING: dict[str, Any] = {
    "identifier": "orders-db",
    "endpoint": "orders-db.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "resourceId": "db-ABCDEFGHIJKL",
    "securityGroupId": "sg-0123",
    "maxConnections": 405,
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("handler", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").touch()
    return tmp_path


def problems(project: Path, **config: Any) -> list[str]:
    with pytest.raises(StackConfigError) as caught:
        parse(project, **config)
    return caught.value.problems


def parse(project: Path, **config: Any) -> StackConfig:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return StackConfig.parse(text, project=project)


def test_without_a_key_every_default_is_that_of_the_design(project: Path) -> None:
    config = parse(project)
    assert config.profile is Profile.DEV
    assert (config.engine, config.engine_version) == (Engine.POSTGRESQL, "17")
    assert (config.target, config.instance_class, config.instances) == (TargetKind.INSTANCE, "db.t4g.micro", 1)
    assert (config.storage_gib, config.database_name, config.database_user) == (20, "app_db", "app")
    assert config.auth is Auth.IAM
    assert config.vpc_cidr == "10.0.0.0/16"
    assert config.pool == ConnectionPool(
        max_connections_percent=85, connection_borrow_timeout=5, idle_client_timeout=1800
    )
    assert config.pool.idle_percent == 42
    (function,) = config.functions
    assert (function.name, function.path, function.handler) == ("app", project / "handler", "app.handler")
    assert (function.memory, function.timeout, function.reserved_concurrency) == (256, 15, None)
    assert function.architecture == "arm64"
    assert config.bootstrap is True
    assert config.reader_endpoint is False


def test_pulumi_yaml_describes_every_key_and_states_the_same_defaults(project: Path) -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert set(declared) == set(KEYS)
    assert all(entry["description"] for entry in declared.values())
    stated = {
        key: str(entry["default"]) if not isinstance(entry["default"], bool) else json.dumps(entry["default"])
        for key, entry in declared.items()
    }
    assert StackConfig.parse(stated, project=project) == parse(project)


def test_every_field_has_a_key() -> None:
    parsed_fields = {each.name for each in fields(StackConfig)} - {"pool", "functions"}
    pool_fields = {each.name for each in fields(ConnectionPool) if each.default is not MISSING}
    named = {name for name, _ in KEYS.values()}
    assert parsed_fields <= named
    assert {"max_connections_percent", "idle_client_timeout"} <= named & pool_fields


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("maxConnectionsPercent", "0", 'maxConnectionsPercent is "0"; it must be a whole number from 1 to 100'),
        ("maxConnectionsPercent", "101", 'maxConnectionsPercent is "101"'),
        ("maxConnectionsPercent", "abc", 'maxConnectionsPercent is "abc"'),
        ("maxConnectionsPercent", "85.5", 'maxConnectionsPercent is "85.5"'),
        ("maxConnectionsPercent", "inf", 'maxConnectionsPercent is "inf"'),
        ("engine", "oracle", 'engine is "oracle"; it must be one of postgresql, mysql'),
        ("auth", "password", "it must be one of iam, iam-end-to-end, secret"),
        ("profile", "staging", "it must be one of dev, prod"),
        ("subnetIds", '["subnet-0a"]', "at least 2 subnet ids"),
        ("subnetIds", '["subnet-0a", "subnet-0a"]', "at least 2 subnet ids"),
        ("borrowTimeout", "301", "from 0 to 300"),
        ("idleClientTimeout", "0", "from 1 to 28800"),
        ("instanceClass", "t4g.micro", "a known class such as db.t4g.micro"),
        ("databaseName", "App-DB", "a lower-case identifier"),
        ("vpcCidr", "10.0.0.0/8", "an IPv4 network between /16 and /24"),
        ("readerEndpoint", "yes", "it must be true or false"),
        ("functions", '{"name": "app"}', "a list of {name, path, handler, …}"),
        ("users", '{"name": "app"}', "a list of {name, auth}"),
        ("kmsKeyArn", "my-key", "the ARN of a KMS key"),
        ("logRetentionDays", "15", "one of 1, 3, 5, 7, 14, 30"),
        ("debugLoggingUntil", "tomorrow", 'a time such as "2026-11-25T18:00Z"'),
        ("minCapacity", "-1", "a number of ACU from 0.5 to 256"),
        ("port", "80", "from 1150 to 65535"),
        ("secretsEndpointSecurityGroupId", "default", "the id of a security group"),
        ("tags", '["a"]', "a map of texts"),
        ("alarmTopicArn", "my-topic", "the ARN of an SNS topic"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(project: Path, key: str, value: str, sentence: str) -> None:
    found = problems(project, **{key: value})
    assert any(sentence in problem and problem.startswith(key) for problem in found), found


def test_an_unknown_key_is_reported_with_the_key_that_was_meant(project: Path) -> None:
    (problem,) = problems(project, maxConnectionPercent="80")
    assert problem == "maxConnectionPercent is not a key of this project; did you mean maxConnectionsPercent?"
    (problem,) = problems(project, zzz="1")
    assert "the keys are profile, engine" in problem


def test_all_problems_are_reported_at_once(project: Path) -> None:
    found = problems(
        project,
        nonsense="1",
        maxConnectionsPercent="abc",
        engine="oracle",
        subnetIds=["subnet-1"],
        functions=[{"name": "app", "path": "missing", "timeout": 0}],
    )
    assert len(found) == 6  # the missing folder and the timeout are two of them
    for word in ("nonsense", "abc", "oracle", "subnet-1", "missing", "timeout"):
        assert any(word in problem for problem in found)


def test_a_missing_function_folder_is_named(project: Path) -> None:
    (problem,) = problems(project, functions=[{"name": "app", "path": "hanlder"}])
    assert problem == 'functions[0].path is "hanlder"; it must be an existing folder, relative to Pulumi.yaml'


def test_a_handler_whose_module_is_missing_is_named(project: Path) -> None:
    (problem,) = problems(project, functions=[{"name": "app", "path": "handler", "handler": "main.run"}])
    assert problem == 'functions[0].handler is "main.run"; handler/main.py does not exist'


def test_a_borrow_timeout_that_outlives_a_function_is_refused(project: Path) -> None:
    found = problems(project, borrowTimeout="15")
    assert found == [
        "borrowTimeout is 15 but the timeout of function app is 15 s; it must be below it, or the function is ended "
        "before the proxy can answer"
    ]


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"vpcId": "vpc-0123"}, "vpcId and subnetIds belong together"),
        ({"subnetIds": ["subnet-1", "subnet-2"]}, "vpcId and subnetIds belong together"),
        (
            {"vpcId": "vpc-0123", "subnetIds": ["subnet-1", "subnet-2"], "vpcCidr": "10.1.0.0/16"},
            "vpcCidr is for a new VPC",
        ),
        ({"instances": 2}, "target instance has exactly 1"),
        ({"readerEndpoint": "true"}, "needs target cluster with at least 2 instances"),
        ({"readerEndpoint": "true", "target": "cluster"}, "needs target cluster with at least 2 instances"),
        ({"otherProxiesPercent": 40}, "85 + 40 = 125 %"),
        ({"sessionPinningFilters": ["EXCLUDE_VARIABLE_SETS"]}, "a postgresql proxy has no filters"),
        ({"clientPasswordAuthType": "MYSQL_NATIVE_PASSWORD"}, "takes POSTGRES_SCRAM_SHA_256 or POSTGRES_MD5"),
        (
            {"existingDatabase": EXISTING, **VPC, "performanceInsights": True},
            "performanceInsights is for a new database",
        ),
        ({"debugLoggingUntil": "2999-01-01T00:00Z"}, "AWS ends it after 24 hours"),
        ({"target": "cluster", "instanceClass": "db.serverless", "minCapacity": 0}, "would never scale to zero"),
        ({"profile": "prod", "target": "cluster", "instances": 1}, "needs 2"),
        ({"users": [{"name": "app"}]}, "which is databaseUser already"),
        ({"users": [{"name": "b"}, {"name": "b"}]}, 'the name "b" 2 times'),
        ({"users": [{"auth": "iam"}]}, "users[0].name is missing"),
        ({"functions": [{"name": "a", "path": "handler", "user": "nobody"}]}, "the users of this stack are app"),
        ({"engine": "mysql", "databaseUser": "a" * 33}, "mysql takes at most 32"),
        ({"auth": "iam-end-to-end", "rotationDays": 30}, "has no password to rotate"),
        ({"preflight": True}, "preflight is for an existing VPC"),
        ({"existingDatabase": {"identifier": "orders"}}, "existingDatabase.endpoint is missing"),
        ({"existingDatabase": EXISTING}, "existingDatabase needs vpcId and subnetIds"),
        ({"existingDatabase": EXISTING, **VPC, "port": 6432}, "port is for a new database"),
        ({"existingDatabase": {**EXISTING, "host": "x"}, **VPC}, "existingDatabase.host is not a key"),
        ({"adopted": {"database": {"identifier": "orders"}}, **VPC}, "adopted.database.subnetGroup is missing"),
        ({"adopted": {"database": {**ADOPTED, "securityGroupIds": []}}, **VPC}, "adopted.database.securityGroupIds is"),
        ({"adopted": {"database": ADOPTED}}, "adopted.database needs vpcId and subnetIds"),
        ({"adopted": {"database": ADOPTED}, "existingDatabase": EXISTING, **VPC}, "managed here or elsewhere"),
        ({"adopted": {"database": ADOPTED}, "target": "cluster", **VPC}, "adopted.database.instances has 0 names"),
        ({"adopted": {"database": {**ADOPTED, "instances": ["a"]}}, **VPC}, "instances is for target cluster"),
        ({"adopted": {"proxy": {"name": "orders"}}}, "adopted.proxy stands before a database that is there"),
        ({"adopted": {"proxy": {"name": "-"}}}, "adopted.proxy.name is"),
        ({"adopted": {"proxi": {}}}, "adopted.proxi is not a key of this project; did you mean proxy?"),
        ({"import": {"database": []}}, "import.database is there without adopted.database"),
        ({"adopted": {"database": ADOPTED}, "import": {"database": "port"}, **VPC}, "import.database is"),
        ({"maxConnectionsPercent": 40, "maxIdleConnectionsPercent": 41}, "between 0 and maxConnectionsPercent (40)"),
        (
            {"functions": [{"name": "a", "path": "handler"}, {"name": "a", "path": "reports"}]},
            'the name "a" 2 times',
        ),
        (
            {"functions": [{"name": "a", "path": "handler", "environment": {"DB_HOST": "x"}}]},
            "environment.DB_HOST is not yours to set",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_explained(project: Path, config: dict[str, Any], words: str) -> None:
    assert any(words in problem for problem in problems(project, **config))


def test_a_pool_size_of_a_function_may_be_set(project: Path) -> None:
    config = parse(project, functions=[{"name": "a", "path": "handler", "environment": {"DB_POOL_MAX_OPEN": 2}}])
    assert config.functions[0].environment == {"DB_POOL_MAX_OPEN": "2"}


def test_a_cluster_with_readers_may_have_a_reader_endpoint(project: Path) -> None:
    config = parse(project, target="cluster", instances=2, readerEndpoint=True)
    assert config.reader_endpoint
    assert config.engine_version == "17.4"


def test_only_account_zero_alone_is_the_laptop() -> None:
    assert is_laptop({"aws:allowedAccountIds": '["000000000000"]'})
    assert not is_laptop({"aws:allowedAccountIds": '["000000000000", "123456789012"]'})
    assert not is_laptop({"aws:allowedAccountIds": "not json"})
    assert not is_laptop({})


def test_only_the_keys_of_this_project_are_taken() -> None:
    assert project_values({"a:x": "1", "aa:y": "2", "aws:region": "r"}, project="a") == {"x": "1"}


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from(sorted(KEYS)) | st.text(max_size=10), st.text(max_size=20) | _JSON.map(json.dumps))
)
def test_any_configuration_is_either_parsed_or_explained(config: dict[str, str]) -> None:
    try:
        StackConfig.parse(config, project=ROOT)
    except StackConfigError as error:
        assert error.problems
        assert all(problem.strip() for problem in error.problems)


def test_an_existing_database_is_a_reference_with_the_engines_port() -> None:
    args = StackConfig.parse(
        {key: json.dumps(value) for key, value in {"existingDatabase": EXISTING, **VPC}.items() if key != "vpcId"}
        | {"vpcId": VPC["vpcId"]},
        project=ROOT,
    ).as_args(Platform(python="3.13", architecture="arm64"))
    reference = args["database"]
    assert (reference["identifier"], reference["port"], reference["max_connections"]) == ("orders-db", 5432, 405)
    assert reference["security_group_id"] == "sg-0123"
    assert "admin_secret_arn" not in reference


def test_what_is_adopted_is_imported_only_while_the_configuration_says_so() -> None:
    keys = {"adopted": {"database": ADOPTED, "proxy": {"name": "orders-proxy"}}, "subnetIds": VPC["subnetIds"]}
    importing = {"import": {"database": [], "proxy": ["roleArn"]}}

    def args(**given: Any) -> Any:
        texts = {key: json.dumps(value) for key, value in given.items()} | {"vpcId": VPC["vpcId"]}
        return StackConfig.parse(texts, project=ROOT).as_args(Platform(python="3.13", architecture="arm64"))

    during, after = args(**keys, **importing), args(**keys)
    assert during["adopted_database"]["import_changes"] == []
    assert during["adopted_proxy"]["import_changes"] == ["roleArn"]
    assert after["adopted_database"] == {
        "identifier": "orders-db",
        "subnet_group_name": "shop",
        "security_group_ids": ["sg-0123"],
    }
    assert after["adopted_proxy"] == {"name": "orders-proxy", "target_identifier": "orders-db"}


def test_an_adopted_proxy_may_stand_before_an_existing_database() -> None:
    keys = {"adopted": {"proxy": {"name": "orders-proxy"}}, "existingDatabase": EXISTING, "subnetIds": VPC["subnetIds"]}
    texts = {key: json.dumps(value) for key, value in keys.items()} | {"vpcId": VPC["vpcId"]}
    args = StackConfig.parse(texts, project=ROOT).as_args(Platform(python="3.13", architecture="arm64"))
    assert args["adopted_proxy"]["target_identifier"] == "orders-db"


def test_every_argument_is_one_of_the_component(project: Path) -> None:
    from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs

    config = parse(
        project,
        engine="mysql",
        target="cluster",
        instanceClass="db.serverless",
        maxCapacity=8,
        instances=2,
        users=[{"name": "reporting", "auth": "secret"}],
        functions=[{"name": "a", "path": "handler", "user": "reporting", "tracing": True}],
        sessionPinningFilters=["EXCLUDE_VARIABLE_SETS"],
        initQuery="SET x = 1",
        rotationDays=30,
        readerEndpoint=True,
        performanceInsights=False,
        clientPasswordAuthType="MYSQL_NATIVE_PASSWORD",
        alarmTopicArn="arn:aws:sns:eu-west-1:123456789012:on-call",
        tags={"team": "orders"},
    )
    args = config.as_args(Platform(python="3.13", architecture="arm64"))
    assert set(args) <= set(ServerlessDatabaseArgs.__annotations__)
    assert (args["max_capacity"], args["rotation_days"], args["init_query"]) == (8.0, 30, "SET x = 1")
    assert (args["performance_insights"], args["client_password_auth_type"]) == (False, "MYSQL_NATIVE_PASSWORD")
    assert args["users"] == [{"name": "reporting", "auth": Auth.SECRET}]
    assert args["functions"][0]["user"] == "reporting"
    assert args["alarm_topic_arn"] == "arn:aws:sns:eu-west-1:123456789012:on-call"
    assert "port" not in args


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_are_right(stack: str) -> None:
    keys = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    config = StackConfig.parse(project_values(text, project="lambda-rds-proxy"), project=ROOT)
    assert config.profile is Profile(stack)


def test_a_function_may_live_outside_the_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "app.py").touch()
    assert parse(project, functions=[{"name": "a", "path": str(elsewhere)}]).functions[0].path == elsewhere
