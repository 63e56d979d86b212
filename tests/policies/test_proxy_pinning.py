"""What a function's environment asks of an RDS Proxy that the proxy refuses, or that pins for certain."""

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rds_proxy_guard.proxied_sessions import pins
from tests.policies.analyzed import SENTINEL, Resource, analyze, blocking, messages, secret
from tests.policies.resources import DIRECT, PROXIED, database, function, group, parameter, proxy

POLICY = "lambda-proxy-pinning"


def said(variables: Any, *beside: Resource, feeds: list[Resource] | None = None, config: Any = None) -> list[str]:
    stack = [*beside, function(variables, feeds)]
    found = analyze(stack, config={POLICY: config} if config else None)
    assert POLICY not in blocking(found)
    return messages(POLICY, found)


@pytest.mark.parametrize(
    ("url", "names"),
    [
        (f"postgres://app@{PROXIED}/orders?options=-c%20statement_timeout%3D5000", "options"),
        (f"postgresql+psycopg2://app@{PROXIED}/orders?options=-csearch_path%3Dshop", "options"),
        (f"jdbc:postgresql://{PROXIED}/orders?assumeMinServerVersion=9.0&options=-c%20jit=off", "options"),
        (f"postgres://app@{PROXIED}/orders?options[statement_timeout]=5s", "options"),
        (
            f"postgres://app@{PROXIED}/orders?sslmode=require&statement_timeout=5000&jit=off",
            "jit and statement_timeout",
        ),
        (f"postgres:///orders?host={PROXIED}&lock_timeout=5s", "lock_timeout"),
        (f"host={PROXIED} user=app statement_timeout=5000", "statement_timeout"),
        (f"host={PROXIED} user=app options='-c jit=off'", "options"),
        (f"Host={PROXIED};Port=5432;Username=app;No Reset On Close=true;Options=-c jit=off", "options"),
    ],
)
def test_start_up_parameters_that_the_proxy_refuses_are_named(url: str, names: str) -> None:
    (message,) = said({"DATABASE_URL": url})
    assert f"DATABASE_URL holds {names}." in message
    assert "0A000" in message and "ALTER ROLE" in message


def test_a_newer_protocol_is_refused() -> None:
    (message,) = said({"DATABASE_URL": f"postgres://app@{PROXIED}/orders?max_protocol_version=latest"})
    assert "version 3.0" in message
    assert said({"DATABASE_URL": f"postgres://app@{PROXIED}/orders?max_protocol_version=3.0"}) == []
    assert len(said({"PGHOST": PROXIED, "PGMAXPROTOCOLVERSION": "3.2"})) == 1


@pytest.mark.parametrize(
    "url",
    [
        f"postgres://app@{PROXIED}/orders",
        f"postgres://app@{PROXIED}/orders?application_name=shop&client_encoding=UTF8&search_path=shop&TimeZone=UTC",
        f"postgres://app@{PROXIED}/orders?sslmode=verify-full&connect_timeout=5&target_session_attrs=any",
        f"postgres://app@{PROXIED}/orders?options=",
        f"jdbc:postgresql://{PROXIED}/orders?ApplicationName=shop&currentSchema=shop&assumeMinServerVersion=15",
        # What a pool of asyncpg sends is in the code.
        f"postgresql+asyncpg://app@{PROXIED}/orders?prepared_statement_cache_size=0",
        f"Host={PROXIED};Username=app;Database=orders",
        f"Server={PROXIED};Database=orders;User Id=app",
        f"postgres://app@{DIRECT}/orders?options=-cjit%3Doff",
        "postgres://app@localhost/orders?options=-cjit%3Doff",
        f"https://example.com/?host={PROXIED}&options=x",
        "[secret]",
        SENTINEL,
    ],
)
def test_what_the_proxy_takes_other_hosts_and_what_is_only_likely_are_no_findings(url: str) -> None:
    assert said({"DATABASE_URL": url}) == []


@pytest.mark.parametrize(
    ("settings", "reported"),
    [
        ("Port=5432", True),
        ("Search Path=shop", True),
        ("Port=5432;No Reset On Close=false", True),
        ("Port=5432;No Reset On Close=true", False),
        ("Port=5432;NoResetOnClose=True", False),
        ("Port=5432;Pooling=false", False),
        ("Port=5432;Multiplexing=true", False),
        ("Port=3306", False),
    ],
)
def test_npgsqls_reset_pins_unless_it_is_off(settings: str, reported: bool) -> None:
    found = said({"ConnectionStrings__Default": f"Host={PROXIED};Username=app;{settings}"})
    assert ["No Reset On Close=true" in each for each in found] == ([True] if reported else [])


@pytest.mark.parametrize(
    ("settings", "reported"), [("", 1), ("?assumeMinServerVersion=8.4", 1), ("?assumeMinServerVersion=9.0", 0)]
)
def test_pgjdbcs_set_at_connect_pins_unless_it_goes_at_start_up(settings: str, reported: bool) -> None:
    found = said({"SPRING_DATASOURCE_URL": f"jdbc:postgresql://{PROXIED}/orders{settings}"})
    assert ["Add assumeMinServerVersion=9.0" in each for each in found] == [True] * reported


def test_the_name_of_a_variable_says_whose_connection_string_it_is() -> None:
    text = f"Host={PROXIED};Username=app;Database=orders"
    assert len(said({"ConnectionStrings__Postgres": text})) == 1
    assert said({"ConnectionStrings__MySql": text, "MYSQL_URL": text}) == []


@pytest.mark.parametrize(
    ("url", "names"),
    [
        (
            f"jdbc:mysql://{PROXIED}:3306/orders?sessionVariables=sql_mode='A,B',max_execution_time=5000",
            "sessionVariables",
        ),
        (f"jdbc:mariadb://{PROXIED}/orders?sessionVariables=group_concat_max_len=9", "sessionVariables"),
        (f"mysql+pymysql://app@{PROXIED}/orders?init_command=SET%20foreign_key_checks%3D0", "init_command"),
        (f"app:x1@tcp({PROXIED}:3306)/orders?parseTime=true&max_execution_time=5000", "max_execution_time"),
        (f"jdbc:mysql://{PROXIED}/orders?useServerPrepStmts=true", "useServerPrepStmts=true"),
    ],
)
def test_what_pins_on_mysql_is_named(url: str, names: str) -> None:
    (message,) = said({"DATABASE_URL": url, "IGNORED": "x"}, config={"ignoreKeyPatterns": ["IGNORED"]})
    assert f"DATABASE_URL holds {names}:" in message


@pytest.mark.parametrize(
    "url",
    [
        f"jdbc:mysql://{PROXIED}/orders?sessionVariables=sql_mode='ANSI',time_zone='+00:00',wait_timeout=30",
        f"jdbc:mysql://{PROXIED}/orders?useSSL=true&characterEncoding=UTF-8",
        f"mysql+pymysql://app@{PROXIED}/orders?init_command=SET%20NAMES%20utf8mb4",
        f"app:x1@tcp({PROXIED}:3306)/orders?parseTime=true&time_zone=%27UTC%27&charset=utf8mb4",
        f"mysql://app@{PROXIED}/orders?statement_timeout=5000",
    ],
)
def test_variables_that_rds_proxy_tracks_on_mysql_are_no_findings(url: str) -> None:
    assert said({"DATABASE_URL": url}) == []


def test_a_filter_of_some_proxy_leaves_variables_of_mysql_alone_and_nothing_else() -> None:
    through = proxy(family="MYSQL")
    filtered = group(through)
    pool = {"maxConnectionsPercent": 85, "sessionPinningFilters": ["EXCLUDE_VARIABLE_SETS"]}
    filtered.inputs = filtered.outputs = {"dbProxyName": "proxy", "connectionPoolConfig": pool}
    url = f"jdbc:mysql://{PROXIED}/orders?sessionVariables=max_execution_time=5000"
    assert len(said({"DATABASE_URL": url}, through, group(through))) == 1
    assert said({"DATABASE_URL": url}, through, filtered) == []
    assert len(said({"DATABASE_URL": f"{url}&useServerPrepStmts=true"}, through, filtered)) == 1


@pytest.mark.parametrize("name", ["PGOPTIONS", "PGGEQO"])
def test_what_libpq_sends_from_the_environment_is_refused_where_it_leads_to_a_proxy(name: str) -> None:
    (message,) = said({name: "-c jit=off", "DB_HOST": PROXIED})
    assert f"{name} sends the parameter" in message
    assert len(said({name: "-c jit=off", "DATABASE_URL": f"postgres://app@{PROXIED}/orders"})) == 1
    assert said({name: "-c jit=off", "DB_HOST": "db.example"}) == []
    assert said({name: "-c jit=off", "DB_HOST": PROXIED, "PGHOST": "other.example"}) == []
    assert said({name: "-c jit=off", "DB_HOST": PROXIED, "DB_PORT": "3306"}) == []
    assert said({name: "-c jit=off", "DB_HOST": PROXIED, "DB_PORT": 3306.0}) == []
    assert said({name: "-c jit=off", "MYSQL_HOST": PROXIED}) == []
    assert said({name: " ", "DB_HOST": PROXIED}) == said({name: SENTINEL, "DB_HOST": PROXIED}) == []
    assert said({"PGTZ": "UTC", "PGAPPNAME": "shop", "PGCLIENTENCODING": "UTF8", "PGHOST": PROXIED}) == []


def test_a_host_that_is_an_output_of_a_proxy_leads_to_it() -> None:
    through, db = proxy(), database()
    variables = {"PGHOST": SENTINEL, "PGOPTIONS": "-c jit=off"}
    assert len(said(variables, through, feeds=[through])) == 1
    assert said(variables, db, feeds=[db]) == []
    assert said(variables) == []
    assert said({"PGHOST": SENTINEL, "DB_HOST": SENTINEL, "PGOPTIONS": "x"}, through, db, feeds=[through, db]) != []
    assert (
        said({"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL, "PGOPTIONS": "x"}, through, db, feeds=[through, db])
        == []
    )


def test_a_host_behind_a_record_or_a_parameter_leads_where_that_leads() -> None:
    record = Resource(
        "aws:route53/record:Record", "db", {"name": "db.shop.example", "type": "CNAME", "records": [PROXIED]}
    )
    straight = Resource(
        "aws:route53/record:Record", "db", {"name": "db.shop.example", "type": "CNAME", "records": [DIRECT]}
    )
    url = "postgres://app@db.shop.example/orders?options=-cjit%3Doff"
    assert len(said({"DATABASE_URL": url}, record)) == 1
    assert said({"DATABASE_URL": url}, straight) == []
    assert len(said({"PGOPTIONS": "-c jit=off", "DB_HOST": "db.shop.example"}, record)) == 1
    assert len(said({"PGOPTIONS": "-c jit=off", "DB_HOST": "ssm:/orders/db-host"}, parameter(PROXIED))) == 1


@pytest.mark.parametrize(
    ("name", "value", "reported"),
    [
        ("SPRING_DATASOURCE_HIKARI_CONNECTION_INIT_SQL", "SET statement_timeout = '5s'", True),
        ("SPRING_DATASOURCE_HIKARI_CONNECTIONINITSQL", "select set_config('jit', 'off', false)", True),
        ("QUARKUS_DATASOURCE_JDBC_NEW_CONNECTION_SQL", "SELECT 1; SET jit = off", True),
        ("SPRING_DATASOURCE_HIKARI_CONNECTION_INIT_SQL", "SELECT 1", False),
        ("SPRING_DATASOURCE_HIKARI_CONNECTION_INIT_SQL", "SELECT 'SET jit = off'", False),
        ("DB_INIT_SQL", "SET jit = off", False),
        ("SPRING_DATASOURCE_HIKARI_SCHEMA", "shop", True),
    ],
)
def test_what_a_pool_sends_on_each_connection_is_judged_by_its_words(name: str, value: str, reported: bool) -> None:
    url = {"SPRING_DATASOURCE_URL": f"jdbc:postgresql://{PROXIED}/orders?assumeMinServerVersion=9.0"}
    assert len(said({name: value, **url})) == reported
    assert said({name: value}) == said({name: value, "SPRING_DATASOURCE_URL": SENTINEL}) == []


def test_a_pools_sql_is_judged_by_the_engine_of_its_url() -> None:
    name, url = "SPRING_DATASOURCE_HIKARI_CONNECTION_INIT_SQL", f"jdbc:mysql://{PROXIED}/orders"
    assert said({name: "SET NAMES utf8mb4", "SPRING_DATASOURCE_URL": url}) == []
    assert len(said({name: "SET max_execution_time = 5000", "SPRING_DATASOURCE_URL": url})) == 1
    assert said({name: "SET max_execution_time = 5000", "DB_HOST": PROXIED}) == []
    assert said({"SPRING_DATASOURCE_HIKARI_SCHEMA": "shop", "SPRING_DATASOURCE_URL": url}) == []
    assert said({"SPRING_DATASOURCE_HIKARI_SCHEMA": "shop", "DB_HOST": PROXIED}) == []
    assert len(said({"SPRING_DATASOURCE_HIKARI_SCHEMA": "shop", "DB_HOST": PROXIED, "DB_ENGINE": "postgres"})) == 1


@pytest.mark.parametrize(
    ("sql", "mysql", "expected"),
    [
        ("SET jit = off", False, True),
        ("  reset all", False, True),
        ("SET   LOCAL jit = off", False, False),  # contested
        ("SET TRANSACTION READ ONLY", False, False),  # contested
        ("SETTINGS", False, False),
        ("CREATE TEMPORARY TABLE t (x int)", False, True),
        ("SELECT pg_advisory_xact_lock(1)", False, False),
        ("SELECT pg_advisory_lock(1)", False, True),
        ("SET @mine = 1", True, True),
        ("SET SESSION max_execution_time = 5, sql_mode = 'A'", True, True),
        ("SET sql_mode = CONCAT(@@sql_mode, ',A'), @@session.time_zone = 'x,y=z'", True, False),
        ("SET LOCAL max_execution_time = 5", True, False),
        ("SET GLOBAL max_execution_time = 5", True, False),
        ("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED", True, False),
        ("SELECT 'SET x = 1'", True, False),
    ],
)
def test_sql_is_told_by_its_words(sql: str, mysql: bool, expected: bool) -> None:
    assert pins(sql, mysql=mysql) is expected


def test_names_can_be_left_alone_and_a_function_exempted() -> None:
    variables = {"REPORTS_URL": f"postgres://app@{PROXIED}/orders?jit=off"}
    assert said(variables, config={"ignoreKeyPatterns": ["^REPORTS_"]}) == []
    exempt = {"urn": "urn:pulumi:*::shop::*::fn", "reason": "goes to a pooler of our own", "expires": "2099-12-31"}
    assert said(variables, config={"exemptions": [exempt]}) == []


def test_a_secret_text_is_judged_like_any_other_and_none_of_it_is_shown() -> None:
    resource = function({})
    text = f"postgres://app:correct-horse@{PROXIED}/orders?options=-csecret.word%3Dcorrect-horse&password=correct-horse"
    resource.inputs = {"environment": {"variables": {"DATABASE_URL": secret(text)}}}
    resource.outputs = resource.inputs
    (message,) = messages(POLICY, analyze([resource]))
    assert "correct-horse" not in message and PROXIED not in message and "secret.word" not in message


_KEYS = st.sampled_from(["options", "statement_timeout", "jit", "sslmode", "host", "sessionVariables", "init_command"])
_WORD = st.text(min_size=1, max_size=12)


@settings(max_examples=60)
@given(
    st.sampled_from(
        ["postgres://{0}@{1}/x?{2}", "jdbc:mysql://{1}/x?user={0}&{2}", "{0}@tcp({1}:3306)/x?{2}", "{0}{1}{2}"]
    ),
    st.text("abcdefghijklmnopqrstuvwxyz?&=;@:/%' ", min_size=1, max_size=20),
    st.sampled_from([PROXIED, DIRECT, "db.example", "", SENTINEL]),
    st.lists(st.tuples(_KEYS | _WORD, _WORD), max_size=4),
    st.sampled_from(["DATABASE_URL", "PGOPTIONS", "PGHOST", "SPRING_DATASOURCE_HIKARI_CONNECTION_INIT_SQL", "x"]),
)
def test_whatever_a_url_is_nothing_fails_and_no_word_of_it_is_told(
    form: str, login: str, host: str, parameters: list[tuple[str, str]], name: str
) -> None:
    login, mark = f"{login}qzjxkq", "wvqzjx"
    query = "&".join(f"{quote(key)}={mark}{quote(value)}" for key, value in parameters)
    url = form.format(login, host, query)
    for message in said({name: url, "DB_HOST": PROXIED}):
        assert "failed inside" not in message
        assert "qzjxkq" not in message and mark not in message and PROXIED not in message
