"""How a function is told where its host stands: by DNS name, by parameter, by path, by ARN, in every spelling."""

from time import process_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policies.analyzed import SENTINEL, Resource, analyze
from tests.policies.resources import DIRECT, PROXIED, database, function, parameter, secret_with

GRAPH = "lambda-uses-rds-proxy-graph"


def verdict(stack: list[Resource]) -> str:
    """The graph's word on a stack: direct, undecided or silent."""
    found = [each for each in analyze(stack) if each.policy == GRAPH]
    return "direct" if any(each.blocks for each in found) else "undecided" if found else "silent"


# --- DNS ------------------------------------------------------------------------------------------------------------


def record(
    name: str, content: Any = DIRECT, feeds: list[Resource] | None = None, label: str = "", **more: Any
) -> Resource:
    inputs = {"name": name, "type": "CNAME", "records": [content], **more}
    return Resource("aws:route53/record:Record", label or name or "apex", inputs, feeds={"records": feeds or []})


SPELLINGS = [
    "db.corp.example",
    "db.corp.example:5432",
    "db.corp.example.",
    "DB.Corp.Example",
    " db.corp.example ",
    "postgresql://app@db.corp.example:5432/orders?sslmode=require",
    "postgres://app:p%40ss@db.corp.example./orders",
    "jdbc:postgresql://db.corp.example/orders",
    "app:secret@tcp(db.corp.example:3306)/orders",
    "host=db.corp.example port=5432",
    "Server=tcp:db.corp.example,1433;Database=orders",
    '{"host": "db.corp.example", "port": 5432}',
    "cache.corp.example,db.corp.example",
    "-h db.corp.example",
]


@pytest.mark.parametrize("value", SPELLINGS)
def test_an_alias_is_followed_in_any_spelling(value: str) -> None:
    assert verdict([record("db.corp.example"), function({"SETTING": value})]) == "direct"
    db = database()
    assert verdict([db, record("db.corp.example", SENTINEL, [db]), function({"SETTING": value})]) == "direct"
    assert verdict([record("db.corp.example", PROXIED), function({"SETTING": value})]) == "silent"


@pytest.mark.parametrize("value", ["mydb.corp.example", "db.corp.example.com", "x-db.corp.example", "db_corp.example"])
def test_a_name_within_another_is_another(value: str) -> None:
    assert verdict([record("db.corp.example"), function({"DB_HOST": value})]) == "silent"


def test_a_records_own_spelling_does_not_matter() -> None:
    assert verdict([record("DB.Corp.Example."), function({"DB_HOST": "db.corp.example"})]) == "direct"
    assert (
        verdict([record("db.corp.example", f"{DIRECT.upper()}."), function({"DB_HOST": "db.corp.example"})]) == "direct"
    )


def test_a_chain_of_aliases_is_followed_to_its_end() -> None:
    names = [f"db{index}.corp.example" for index in range(6)]
    for end, word in ((DIRECT, "direct"), (PROXIED, "silent"), ("db0.corp.example", "silent"), ("10.0.0.1", "silent")):
        chain = [record(name, target) for name, target in zip(names, [*names[1:], end], strict=True)]
        assert verdict([*chain, function({"DB_HOST": names[0]})]) == word
        assert verdict([*chain[::-1], function({"DB_HOST": f"{names[0].upper()}.:5432"})]) == word


def zone(name: str = "corp.example", zone_id: Any = SENTINEL) -> Resource:
    return Resource("aws:route53/zone:Zone", "zone", {"name": name}, {"name": name, "zoneId": zone_id})


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("db", "db.corp.example"),
        ("db.prod", "db.prod.corp.example"),
        ("db.corp.example", "db.corp.example"),
        ("", "corp.example"),
        ("*.db", "orders.db.corp.example"),
        ("\\052.db", "orders.db.corp.example"),
    ],
)
def test_a_name_within_its_zone_is_the_whole_name(name: str, full: str) -> None:
    known, unknown = zone(zone_id="Z1"), zone()
    by_id = record(name, zoneId="Z1")
    by_feeding = record(name, zoneId=SENTINEL)
    by_feeding.feeds = {"zoneId": [unknown]}
    for each in ([known, by_id], [unknown, by_feeding]):
        assert verdict([*each, function({"DB_HOST": f"{full}:5432"})]) == "direct"
        assert verdict([*each, function({"DB_HOST": "x.other.example"})]) == "silent"


def test_aws_natives_zones_records_and_aliases_are_followed_too() -> None:
    of = Resource(
        "aws-native:route53:RecordSet",
        "r",
        {"name": "db", "hostedZoneName": "corp.example.", "resourceRecords": [DIRECT]},
    )
    assert verdict([of, function({"DB_HOST": "db.corp.example"})]) == "direct"
    alias = Resource(
        "aws-native:route53:RecordSet", "a", {"name": "x.corp.example.", "aliasTarget": {"dnsName": "db.corp.example."}}
    )
    assert verdict([of, alias, function({"DB_HOST": "x.corp.example"})]) == "direct"


def test_an_alias_record_is_followed() -> None:
    inputs = {"name": "x.corp.example", "type": "A", "aliases": [{"name": "db.corp.example", "zoneId": "Z1"}]}
    alias = Resource("aws:route53/record:Record", "alias", inputs)
    assert verdict([record("db.corp.example"), alias, function({"DB_HOST": "x.corp.example"})]) == "direct"
    assert verdict([record("db.corp.example", PROXIED), alias, function({"DB_HOST": "x.corp.example"})]) == "silent"


def test_of_several_records_of_one_name_each_is_judged() -> None:
    both = [record("db.corp.example", host, label=label) for host, label in ((PROXIED, "blue"), (DIRECT, "green"))]
    for stack in (both, both[::-1]):
        assert verdict([*stack, function({"DB_HOST": "db.corp.example"})]) == "direct"
    assert verdict([both[0], function({"DB_HOST": "db.corp.example"})]) == "silent"


def test_an_unrelated_proxys_host_silences_no_alias() -> None:
    variables = {"DB_HOST": "db.corp.example", "AUDIT_HOST": PROXIED}
    assert verdict([record("db.corp.example"), function(variables)]) == "direct"
    other = record("audit.corp.example", PROXIED)
    assert (
        verdict([record("db.corp.example"), other, function({**variables, "AUDIT_HOST": "audit.corp.example"})])
        == "direct"
    )


def test_a_parameter_that_holds_an_alias_is_followed() -> None:
    stack = [
        record("db.corp.example"),
        parameter("db.corp.example:5432"),
        function({"DB_HOST_PARAM": "/orders/db-host"}),
    ]
    assert verdict(stack) == "direct"


# --- parameters and secrets -----------------------------------------------------------------------------------------

NAMED = "/song/RDSEndpoint"


@pytest.mark.parametrize(
    "value",
    [
        NAMED,
        f" {NAMED}",
        f"ssm:{NAMED}",
        f"ssm://{NAMED}",
        f"aws-ssm:{NAMED}",
        f"{{{{resolve:ssm:{NAMED}}}}}",
        f"{{{{resolve:ssm:{NAMED}:3}}}}",
        f"{{{{resolve:ssm-secure:{NAMED}:1}}}}",
        f"arn:aws:ssm:eu-west-1:123456789012:parameter{NAMED}",
        f"arn:aws-cn:ssm:cn-north-1:123456789012:parameter{NAMED}",
        f'["{NAMED}"]',
        f'{{"host": "{NAMED}"}}',
        f"/song/port,{NAMED}",
    ],
)
def test_a_parameter_is_found_however_it_is_named(value: str) -> None:
    db = database()
    for held in ([parameter(DIRECT, name=NAMED)], [db, parameter(SENTINEL, [db], name=NAMED)]):
        assert verdict([*held, function({"SETTING": value})]) == "direct"
    assert verdict([parameter(PROXIED, name=NAMED), function({"SETTING": value})]) == "silent"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DB_HOST_PARAMETER", "song-RDSEndpoint"),
        ("SSM_NAME", "song-RDSEndpoint"),
        ("dbHostParam", "song-RDSEndpoint"),
        ("SETTING", "ssm:song-RDSEndpoint"),
        ("SETTING", "{{resolve:ssm:song-RDSEndpoint:1}}"),
        ("SETTING", "arn:aws:ssm:eu-west-1:123456789012:parameter/song-RDSEndpoint"),
    ],
)
def test_a_parameter_without_a_slash_is_found_where_it_is_said_to_be_one(key: str, value: str) -> None:
    held = parameter(DIRECT, name="song-RDSEndpoint")
    assert verdict([held, function({key: value})]) == "direct"
    assert verdict([held, function({"STAGE": "song-RDSEndpoint"})]) == "silent"


@pytest.mark.parametrize("path", ["/song", "/song/", " /song", "/song/dev", "/"])
@pytest.mark.parametrize("key", ["SSM_PATH", "PARAMETER_PREFIX", "configPath"])
def test_parameters_are_found_by_the_path_that_a_function_is_given(key: str, path: str) -> None:
    db = database()
    host, port = (parameter(SENTINEL, [db], name=f"/song/dev/{name}") for name in ("RDSEndpoint", "RDSPort"))
    assert verdict([db, host, port, function({key: path})]) == "direct"
    assert verdict([db, port, function({key: path})]) == "silent"
    assert verdict([parameter(PROXIED, name="/song/dev/RDSEndpoint"), function({key: path})]) == "silent"


def test_a_path_below_which_a_proxys_host_stands_as_well_is_undecided() -> None:
    stack = [parameter(DIRECT, name="/song/db-host"), parameter(PROXIED, name="/song/proxy/proxy-host")]
    assert verdict([*stack, function({"SSM_PATH": "/song"})]) == "undecided"
    assert verdict([*stack, function({"SSM_PATH": "/song/proxy"})]) == "silent"


def test_a_path_that_may_be_something_else_is_undecided_and_another_is_none() -> None:
    held = parameter(DIRECT, name=NAMED)
    assert verdict([held, function({"BASE": "/song"})]) == "undecided"
    assert verdict([held, function({"BASE": "/"})]) == "silent"
    assert verdict([held, function({"SSM_PATH": "/so"})]) == "silent"
    assert verdict([held, function({"SSM_PATH": "/songs"})]) == "silent"


@pytest.mark.parametrize("key", ["value", "insecureValue", "valueWo"])
def test_every_way_to_write_a_parameter_is_read(key: str) -> None:
    inputs = {"name": NAMED, "type": "String", key: DIRECT}
    assert verdict([Resource("aws:ssm/parameter:Parameter", "p", inputs), function({"P": NAMED})]) == "direct"
    db = database()
    unknown = Resource("aws:ssm/parameter:Parameter", "p", {**inputs, key: SENTINEL}, feeds={key: [db]})
    assert verdict([db, unknown, function({"P": NAMED})]) == "direct"


@pytest.mark.parametrize("key", ["secretString", "secretStringWo"])
@pytest.mark.parametrize(
    "value",
    [
        "orders/login",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/login-AbCdEf",
        "{{resolve:secretsmanager:orders/login:SecretString:host}}",
        "{{resolve:secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders/login-AbCdEf:SecretString:host}}",
    ],
)
def test_a_secret_is_found_however_it_is_named_and_is_undecided(key: str, value: str) -> None:
    holder, version = secret_with("x")
    holder.outputs = {"name": "orders/login", "arn": SENTINEL}
    version.inputs = {"secretId": SENTINEL, key: f'{{"host": "{DIRECT}"}}'}
    assert verdict([holder, version, function({"SETTING": value})]) == "undecided"
    version.inputs = {"secretId": SENTINEL, key: '{"username": "app"}'}
    assert verdict([holder, version, function({"SETTING": value})]) == "silent"


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_text_and_name_is_read_without_an_error(value: str, name: str) -> None:
    stack = [record(name), parameter(DIRECT, name=name or "x"), function({"SSM_PATH": value, "DB_HOST": name})]
    assert not any("failed inside" in each.message for each in analyze(stack))


def test_long_texts_take_no_long_time() -> None:
    stack = [record("db.corp.example"), parameter(DIRECT, name=NAMED)]
    for text in (
        "a." * 20_000,
        "/a" * 20_000,
        "arn:" * 10_000,
        "ssm:" * 10_000,
        "{{resolve:ssm:" * 3_000,
        "." * 40_000,
        "a" * 100_000,
        "-" * 100_000,
    ):
        began = process_time()
        analyze([*stack, parameter(DIRECT, name=text), function({"SSM_PATH": text})], stages="stack")
        assert process_time() - began < 5
