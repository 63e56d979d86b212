import json
from typing import Any, NotRequired, TypedDict

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lambda_rds_proxy.engines import Profile
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.config import KEYS, OLDER_KEYS
from lambda_rds_proxy.settings.checks import NO_DEFAULT
from lambda_rds_proxy.settings.config import Key, default_text, keys, nested
from lambda_rds_proxy.settings.reading import Reader
from lambda_rds_proxy.settings.spelling import Spelling
from lambda_rds_proxy.stack.args import StackSettings

# Every key of version 0.1, with a value of each.
KEYS_OF_0_1: dict[str, str] = {
    key: value if isinstance(value, str) else json.dumps(value)
    for key, value in yaml.safe_load(
        """
profile: prod
engine: mysql
engineVersion: "8.4"
target: cluster
instanceClass: db.serverless
instances: 2
minCapacity: 1
maxCapacity: 8.5
storageGib: 100
databaseName: orders
port: 3307
maxConnections: 400
parameters: {slow_query_log: "1"}
backupRetentionDays: 14
snapshotIdentifier: before
kmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/a
performanceInsights: true
existingDatabase: {identifier: x, endpoint: x.rds.amazonaws.com, resourceId: db-A, securityGroupId: sg-0}
adopted: {database: {identifier: x, subnetGroup: y, securityGroupIds: [sg-0], instances: [a]}, proxy: {name: z}}
import: {database: [], proxy: []}
databaseUser: orders
auth: secret
users: [{name: other, auth: iam}]
rotationDays: 30
vpcCidr: 10.1.0.0/16
zones: 3
vpcId: vpc-0
subnetIds: [subnet-1, subnet-2]
secretsEndpoint: false
secretsEndpointSecurityGroupId: sg-0
preflight: true
maxConnectionsPercent: 80
maxIdleConnectionsPercent: 40
otherProxiesPercent: 5
idleClientTimeout: 600
borrowTimeout: 7
initQuery: SET x = 1
sessionPinningFilters: [EXCLUDE_VARIABLE_SETS]
readerEndpoint: true
clientPasswordAuthType: MYSQL_NATIVE_PASSWORD
extraClients: {bastion: sg-0}
debugLoggingUntil: "2026-11-25T18:00Z"
logRetentionDays: 365
logKmsKeyArn: arn:aws:kms:eu-west-1:123456789012:key/b
functions: [{name: api, path: api, reservedConcurrency: 5}]
bootstrap: false
alarmTopicArn: arn:aws:sns:eu-west-1:123456789012:alarms
tags: {team: orders}
"""
    ).items()
}


def arguments(**values: Any) -> tuple[dict[str, Any], Spelling, list[str]]:
    """What a configuration says, unread, how it spells settings, and the problems of its keys."""
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    problems: list[str] = []
    found, spelling = nested(ServerlessDatabaseArgs, texts, OLDER_KEYS, problems)
    return found, spelling, problems


def read(**values: Any) -> tuple[Any, list[str]]:
    found, spelling, problems = arguments(**values)
    reader = Reader(spelling)
    given = reader.structure(ServerlessDatabaseArgs, found)
    return given, problems + [each for each in reader.problems if each != "functions is missing; it is needed here"]


def test_there_are_48_keys_of_0_1_and_each_is_read() -> None:
    assert len(KEYS_OF_0_1) == 48
    given, problems = read(**KEYS_OF_0_1)
    needed = ("engine", "kind", "port", "databaseName")  # from keys of their own, in serverless_database/config.py
    assert {problem.removesuffix(" is missing; it is needed here") for problem in problems} == {
        f"existingDatabase.{'target' if each == 'kind' else each}" for each in needed
    }
    for key in KEYS_OF_0_1:
        value = given
        for step in KEYS[OLDER_KEYS.get(key, key)].path:
            value = value[step]
        assert value not in ({}, None), key


@pytest.mark.parametrize("key", sorted(KEYS_OF_0_1))
def test_a_wrong_value_of_a_key_of_0_1_is_called_by_that_key(key: str) -> None:
    problems = read(**{key: " "})[1]
    assert problems
    assert all(problem.startswith(f"{key} is ") for problem in problems)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"borrowTimeout": 301}, 'borrowTimeout is "301"; it must be a whole number from 0 to 300'),
        (
            {"connectionBorrowTimeout": 301},
            'connectionBorrowTimeout is "301"; it must be a whole number from 0 to 300',
        ),
        ({"target": "table"}, 'target is "table"; it must be one of instance, cluster'),
        ({"kind": "table"}, 'kind is "table"; it must be one of instance, cluster'),
    ],
)
def test_a_setting_is_called_by_the_key_that_the_stack_uses(values: dict[str, Any], problem: str) -> None:
    assert read(**values)[1] == [problem]


def test_rules_call_a_setting_by_its_older_key_in_that_run_only() -> None:
    assert arguments(borrowTimeout=7)[1]("proxy.connection_borrow_timeout") == "borrowTimeout"
    assert arguments(target="cluster")[1]("database.kind") == "target"
    assert arguments()[1]("proxy.connection_borrow_timeout") == "connectionBorrowTimeout"
    assert arguments(target="instance")[1]("adopted.database.instance_identifiers") == "adopted.database.instances"


@pytest.mark.parametrize(("old", "new"), OLDER_KEYS.items())
def test_an_older_key_together_with_its_name_now_is_refused(old: str, new: str) -> None:
    value = KEYS_OF_0_1[old]
    assert read(**{old: value, new: value})[1] == [
        f"{old} and {new} are the same setting; {new} is its name now, remove {old}"
    ]


@pytest.mark.parametrize(("old", "new"), OLDER_KEYS.items())
def test_an_older_key_does_not_meet_the_default_of_its_name_now(old: str, new: str) -> None:
    """Pulumi hands over what Pulumi.yaml states as if the stack had said it."""
    given, problems = read(**{old: KEYS_OF_0_1[old], new: KEYS[new].default_text})
    part, field = KEYS[new].path
    assert problems == []
    assert str(given[part][field]) == KEYS_OF_0_1[old]


@pytest.mark.parametrize("key", KEYS)
def test_a_text_that_equals_the_default_or_is_empty_is_not_given(key: str) -> None:
    assert arguments(**{key: KEYS[key].default_text})[0] == {}
    assert arguments(**{key: ""})[0] == {}


def test_an_unknown_key_is_told_what_was_meant() -> None:
    assert arguments(maxConectionsPercent=5)[2] == [
        "maxConectionsPercent is not a key of this project; did you mean maxConnectionsPercent?"
    ]
    assert arguments(max_connections_percent=5)[2] == [
        "max_connections_percent is not a key of this project; did you mean maxConnectionsPercent?"
    ]
    assert arguments(colour=5)[2][0].startswith(
        "colour is not a key of this project; the keys are functions, profile, "
    )


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        (
            {"path": "x", "reserved": 5},
            "functions.api.reserved is not a key of this project; the keys are path, user, ",
        ),
        (
            {"path": "x", "reserved_concurrency": 5},
            "functions.api.reserved_concurrency is not a key of this project; did you mean reserv",
        ),
        ({"path": "x", "memory": 1}, 'functions.api.memory is "1"; it must be a whole number from 128 to 10240'),
        ({"memory": 256}, "functions.api.path is missing; it is needed here"),
        ("x", 'functions.api is "x"; it must be a map'),
    ],
)
def test_what_is_wrong_within_a_structure_is_called_by_its_keys(entry: Any, sentence: str) -> None:
    (problem,) = read(functions={"api": entry})[1]
    assert problem.startswith(sentence)


def test_lists_with_names_are_maps() -> None:
    entries = [{"name": "api", "path": "a"}, {"name": "my_worker", "path": "b"}]
    as_map = {"api": {"path": "a"}, "my_worker": {"path": "b"}}
    assert read(functions=entries) == read(functions=as_map)
    assert read(functions=entries)[0] == {"functions": as_map}
    assert read(users=[{"name": "reports", "auth": "secret"}]) == read(users={"reports": {"auth": "secret"}})


def test_two_entries_of_a_list_with_one_name_and_entries_without_are_explained() -> None:
    entries = [{"name": "api", "path": "a"}, {"name": "api", "path": "b"}, {"path": "c"}, "api", {"name": 5}]
    given, problems = read(functions=entries)
    assert given == {"functions": {"api": {"path": "a"}}}
    assert problems == [
        'functions have the name "api" twice; each needs a name of its own',
        *(f"functions[{index}] has no name; write functions as a map from names" for index in (2, 3, 4)),
    ]


def test_a_name_that_looks_like_a_key_stays_as_it_is() -> None:
    given, problems = read(functions={"maxConnections": {"path": "x", "environment": {"reservedConcurrency": "5"}}})
    assert problems == []
    assert given["functions"] == {"maxConnections": {"path": "x", "environment": {"reservedConcurrency": "5"}}}


def test_a_text_where_a_structure_is_needed_is_a_problem() -> None:
    assert read(tags="team: orders")[1] == ['tags is "team: orders"; it must be a map']
    assert read(subnetIds="subnet-1")[1] == ['subnetIds is "subnet-1"; it must be a list']
    assert read(functions="5")[1] == ['functions is "5"; it must be a map']


@pytest.mark.parametrize(
    ("default", "text"),
    [(NO_DEFAULT, ""), (True, "true"), (False, "false"), (85, "85"), (0.5, "0.5"), (Profile.DEV, "dev"), ("a", "a")],
)
def test_a_default_is_a_text_as_a_configuration_would_say_it(default: object, text: str) -> None:
    assert default_text(default) == Key(path=("x",), kind=str, default=default).default_text == text


@pytest.mark.parametrize("key", [key for key, place in KEYS.items() if place.default is not NO_DEFAULT])
def test_a_default_that_is_said_another_way_is_read_as_the_same(key: str) -> None:
    place = KEYS[key]
    found = {place.path[-1]: place.default_text}
    for step in reversed(place.path[:-1]):
        found = {step: found}  # type: ignore[dict-item]
    given: Any = Reader(Spelling()).structure(ServerlessDatabaseArgs, found)
    for step in place.path:
        given = given[step]
    assert given == place.default


class Clashing(TypedDict):
    profile: NotRequired[bool]
    stack: NotRequired[StackSettings]


def test_two_fields_with_one_key_fail() -> None:
    with pytest.raises(ValueError, match=r"profile is the key of profile and of stack\.profile; rename one"):
        keys(Clashing)


TEXTS = st.text(max_size=6) | st.sampled_from(
    [
        *("[]", "{}", "[{}]", "null", "[null]", "5", "true", '"x"', "1e999", "9" * 5000),
        *('[{"name": "a"}]', '[{"name": []}]', '{"a": {}}', '{"": ""}', '{"database": []}', '{"database": {"x": {}}}'),
    ]
)


@given(st.dictionaries(st.sampled_from([*KEYS, *OLDER_KEYS, "unknown"]), TEXTS, max_size=6))
def test_any_texts_are_read_or_explained(values: dict[str, str]) -> None:
    problems: list[str] = []
    found, spelling = nested(ServerlessDatabaseArgs, values, OLDER_KEYS, problems)
    reader = Reader(spelling)
    reader.structure(ServerlessDatabaseArgs, found)
    assert all(isinstance(problem, str) and problem for problem in problems + reader.problems)
    assert len([problem for problem in problems if problem.startswith("unknown is not")]) == bool(values.get("unknown"))
