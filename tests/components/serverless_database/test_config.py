import asyncio
import json
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from lambda_rds_proxy.proxy.args import ProxySettings
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.config import KEYS, ConfigError, project_values, read_config
from lambda_rds_proxy.settings.config import kept_secret
from lambda_rds_proxy.settings.reading import with_defaults

ROOT = Path(__file__).resolve().parents[3]


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
    with pytest.raises(ConfigError) as caught:
        parse(project, **config)
    return caught.value.problems


def parse(project: Path, **config: Any) -> ServerlessDatabaseArgs:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return read_config(text, project=project)[0]


def test_without_a_key_there_is_one_function_and_every_default_is_the_parts_own(project: Path) -> None:
    assert parse(project) == {"functions": {"app": {"path": str(project / "handler")}}}
    proxy = with_defaults(ProxySettings, {})
    assert proxy["max_connections_percent"] == 85
    assert (proxy["connection_borrow_timeout"], proxy["idle_client_timeout"]) == (5, 1800)


def test_the_defaults_that_pulumi_yaml_states_are_as_if_nothing_was_said(project: Path) -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    stated = {
        key: str(entry["default"]) if not isinstance(entry["default"], bool) else json.dumps(entry["default"])
        for key, entry in declared.items()
    }
    assert parse(project, **stated) == parse(project)


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
        ("functions", '"app"', "it must be a map"),
        ("users", "app", "it must be a map"),
        ("kmsKeyArn", "my-key", "the ARN of a KMS key"),
        ("logRetentionDays", "15", "one of 1, 3, 5, 7, 14, 30"),
        ("debugLoggingUntil", "tomorrow", 'a time such as "2026-11-25T18:00Z"'),
        ("minCapacity", "-1", "a number from 0.5 to 256 in steps of 0.5"),
        ("port", "80", "from 1150 to 65535"),
        ("secretsEndpointSecurityGroupId", "default", "the id of a security group"),
        ("tags", '["a"]', "a map"),
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
    assert "the keys are functions, profile" in problem


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
    assert problem == 'functions.app.path is "hanlder"; it must be an existing folder, relative to Pulumi.yaml'


def test_a_handler_whose_module_is_missing_is_named(project: Path) -> None:
    (problem,) = problems(project, functions=[{"name": "app", "path": "handler", "handler": "main.run"}])
    assert problem == 'functions.app.handler is "main.run"; handler/main.py does not exist'


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
        ({"instances": 2}, "kind instance has exactly 1"),
        ({"readerEndpoint": "true"}, "needs kind cluster with at least 2 instances"),
        ({"readerEndpoint": "true", "target": "cluster"}, "needs target cluster with at least 2 instances"),
        ({"otherProxiesPercent": 40}, "85 + 40 = 125 %"),
        ({"sessionPinningFilters": ["EXCLUDE_VARIABLE_SETS"]}, "a postgresql proxy has no filters"),
        ({"clientPasswordAuthType": "MYSQL_NATIVE_PASSWORD"}, "takes POSTGRES_SCRAM_SHA_256 or POSTGRES_MD5"),
        (
            {"existingDatabase": EXISTING, **VPC, "performanceInsights": True},
            "performanceInsights is for a new database",
        ),
        ({"debugLoggingUntil": "2999-01-01T00:00Z"}, "AWS ends it after 24 hours"),
        ({"target": "cluster", "instanceClass": "db.serverless", "minCapacity": 0}, "it never scales to zero"),
        ({"profile": "prod", "target": "cluster", "instances": 1}, "needs 2"),
        ({"users": [{"name": "app"}]}, "which is databaseUser already"),
        ({"users": [{"name": "b"}, {"name": "b"}]}, 'users have the name "b" twice'),
        ({"users": [{"auth": "iam"}]}, "users[0] has no name"),
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
        ({"adopted": {"database": {**ADOPTED, "instances": ["a"]}}, **VPC}, "instances is for kind cluster"),
        ({"adopted": {"proxy": {"name": "orders"}}}, "adopted.proxy stands in front of a database that is there"),
        ({"adopted": {"proxy": {"name": "-"}}}, "adopted.proxy.name is"),
        ({"adopted": {"proxi": {}}}, "adopted.proxi is not a key of this project; did you mean proxy?"),
        ({"import": {"database": []}}, "import.database is there without adopted.database"),
        ({"adopted": {"database": ADOPTED}, "import": {"database": "port"}, **VPC}, "import.database is"),
        ({"maxConnectionsPercent": 40, "maxIdleConnectionsPercent": 41}, "between 0 and maxConnectionsPercent (40)"),
        (
            {"functions": [{"name": "a", "path": "handler"}, {"name": "a", "path": "reports"}]},
            'functions have the name "a" twice',
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
    assert config["functions"]["a"]["environment"] == {"DB_POOL_MAX_OPEN": "2"}


def test_a_cluster_with_readers_may_have_a_reader_endpoint(project: Path) -> None:
    config = parse(project, target="cluster", instances=2, readerEndpoint=True)
    assert config["proxy"] == {"reader_endpoint": True}
    assert config["database"] == {"kind": TargetKind.CLUSTER, "instances": 2}


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
        read_config(config, project=ROOT)
    except ConfigError as error:
        assert error.problems
        assert all(problem.strip() for problem in error.problems)


def test_an_existing_database_is_a_reference_with_the_engines_port(project: Path) -> None:
    args = parse(project, existingDatabase=EXISTING, **VPC)
    reference = args["existing_database"]
    assert (reference["identifier"], reference["port"], reference["max_connections"]) == ("orders-db", 5432, 405)
    assert reference["security_group_id"] == "sg-0123"
    assert not {"admin_secret_arn", "instance_class", "readers"} & reference.keys()
    assert args.get("database", {}) == {}


def test_an_existing_database_takes_what_has_keys_of_its_own(project: Path) -> None:
    own = {
        "engine": "mysql",
        "kind": "cluster",
        "databaseName": "shop",
        "instanceClass": "db.r6g.large",
        "instances": 3,
    }
    reference = parse(project, existingDatabase=EXISTING, **own, **VPC)["existing_database"]
    assert (reference["engine"], reference["kind"], reference["port"]) == (Engine.MYSQL, TargetKind.CLUSTER, 3306)
    assert (reference["database_name"], reference["instance_class"], reference["readers"]) == (
        "shop",
        "db.r6g.large",
        2,
    )


def test_what_is_adopted_is_imported_only_while_the_configuration_says_so(project: Path) -> None:
    adopted = {"database": ADOPTED, "proxy": {"name": "orders-proxy"}}
    during = parse(project, adopted=adopted, **VPC, **{"import": {"database": [], "proxy": ["roleArn"]}})
    after = parse(project, adopted=adopted, **VPC)
    assert during["import_changes"] == {"database": [], "proxy": ["roleArn"]}
    assert "import_changes" not in after
    assert after["adopted"]["database"] == {
        "identifier": "orders-db",
        "subnet_group_name": "shop",
        "security_group_ids": ["sg-0123"],
    }
    assert after["adopted"]["proxy"] == {"name": "orders-proxy"}


def test_every_key_finds_its_part(project: Path) -> None:
    config = parse(
        project,
        engine="mysql",
        target="cluster",
        instanceClass="db.serverless",
        maxCapacity=8,
        instances=2,
        users=[{"name": "reporting", "auth": "secret"}],
        functions=[{"name": "a", "path": "handler", "user": "reporting", "bytecode": True}],
        sessionPinningFilters=["EXCLUDE_VARIABLE_SETS"],
        initQuery="SET x = 1",
        rotationDays=30,
        readerEndpoint=True,
        performanceInsights=False,
        clientPasswordAuthType="MYSQL_NATIVE_PASSWORD",
        alarmTopicArn="arn:aws:sns:eu-west-1:123456789012:on-call",
        tags={"team": "orders"},
    )
    assert config == {
        "database": {
            "engine": Engine.MYSQL,
            "kind": TargetKind.CLUSTER,
            "instance_class": "db.serverless",
            "max_capacity": 8.0,
            "instances": 2,
            "performance_insights": False,
        },
        "users": {"reporting": {"auth": Auth.SECRET}},
        "functions": {"a": {"path": str(project / "handler"), "user": "reporting", "bytecode": True}},
        "proxy": {
            "session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"],
            "init_query": "SET x = 1",
            "reader_endpoint": True,
            "client_password_auth_type": "MYSQL_NATIVE_PASSWORD",
        },
        "user": {"rotation_days": 30},
        "monitor": {"alarm_topic_arn": "arn:aws:sns:eu-west-1:123456789012:on-call"},
        "stack": {"tags": {"team": "orders"}},
    }


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_are_right(stack: str) -> None:
    keys = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in keys.items()}
    config, _ = read_config(project_values(text, project="lambda-rds-proxy"), project=ROOT)
    assert config.get("stack", {}).get("profile", Profile.DEV) is Profile(stack)


def test_a_function_may_live_outside_the_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "app.py").touch()
    config = parse(project, functions={"a": {"path": str(elsewhere)}})
    assert config["functions"]["a"]["path"] == str(elsewhere)


def secret_places(value: Any, path: str = "") -> set[str]:
    """Where secret Outputs stand in what was read."""
    if isinstance(value, pulumi.Output):
        return {path} if asyncio.get_event_loop().run_until_complete(value.is_secret()) else set()
    if isinstance(value, dict):
        return {place for key, each in value.items() for place in secret_places(each, f"{path}.{key}".lstrip("."))}
    if isinstance(value, list):
        return {place for index, each in enumerate(value) for place in secret_places(each, f"{path}[{index}]")}
    return set()


def encrypted(project: Path, *keys: str, **config: Any) -> ServerlessDatabaseArgs:
    text = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return read_config(text, project=project, encrypted=keys)[0]


WITH_ENVIRONMENT = {"api": {"path": "handler", "memory": 512, "environment": {"API_KEY": "hunter2"}}}


@pytest.mark.parametrize(
    ("key", "value", "places"),
    [
        ("functions", WITH_ENVIRONMENT, {"functions.api.environment.API_KEY"}),
        ("initQuery", "SET app.key = 'hunter2'", {"proxy.init_query"}),
        ("parameters", {"pgaudit.role": "hunter2"}, {"database.parameters.pgaudit.role"}),
        ("alarmTopicArn", "arn:aws:sns:eu-west-1:123456789012:hunter2", {"monitor.alarm_topic_arn"}),
        ("extraClients", {"bastion": "sg-0123"}, {"proxy.extra_clients.bastion"}),
    ],
)
def test_what_an_encrypted_key_says_stays_secret(project: Path, key: str, value: Any, places: set[str]) -> None:
    assert secret_places(encrypted(project, key, **{key: value})) == places
    assert secret_places(encrypted(project, **{key: value})) == set()


def test_of_an_encrypted_existing_database_all_is_secret_but_what_the_program_must_know(project: Path) -> None:
    read = encrypted(project, "existingDatabase", existingDatabase=EXISTING, **VPC)
    assert secret_places(read) == {
        f"existing_database.{field}" for field in ("identifier", "endpoint", "port", "resource_id", "security_group_id")
    }
    assert read["existing_database"]["max_connections"] == 405


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("databaseUser", "reporting"),
        ("storageGib", "30"),
        ("auth", "secret"),
        ("target", "cluster"),
        ("tags", {"team": "hunter2"}),
        ("functions", {"a": {"path": "handler"}}),
    ],
)
def test_an_encrypted_key_that_cannot_be_kept_secret_is_refused(project: Path, key: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"{key} is encrypted, but it becomes part of names.*without --secret"):
        encrypted(project, key, **{key: value})


def test_every_key_that_is_encrypted_is_kept_secret_or_refused() -> None:
    """So that a setting which comes later is thought of."""
    kept = {name for name, key in KEYS.items() if kept_secret(key, EXAMPLES.get(name, "x"))[1]}
    assert kept == {
        *("tags", "kmsKeyArn", "logKmsKeyArn", "vpcId", "subnetIds", "secretsEndpointSecurityGroupId", "parameters"),
        *("permissionsBoundaryArn", "initQuery", "extraClients", "alarmTopicArn", "functions", "existingDatabase"),
    }


EXAMPLES: dict[str, Any] = {
    "functions": {"a": {"environment": {"A": "x"}}},
    "existingDatabase": {"identifier": "x"},
    "parameters": {"a": "x"},
    "extraClients": {"a": "x"},
    "subnetIds": ["x"],
    "tags": {"a": "x"},
    "users": {"a": {"auth": "iam"}},
    "adopted": {"database": {"identifier": "x"}, "proxy": {"name": "x"}},
    "import": {"database": ["x"]},
    "sessionPinningFilters": ["x"],
}
