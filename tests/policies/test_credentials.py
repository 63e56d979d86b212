from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.policies.analyzed import SENTINEL, analyze, messages, secret
from tests.policies.resources import DIRECT, PROXIED, function

POLICY = "lambda-database-credentials"
PASSWORD = "correct-horse"


def said(variables: Any, config: Any = None) -> list[str]:
    found = analyze([function(variables)], stages="resource", config={POLICY: config} if config else None)
    assert all(PASSWORD not in verdict.message for verdict in found)
    return messages(POLICY, found)


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "dbPassword",
        "DATABASE_PASS",
        "RDS_PASSWORD",
        "SPRING_DATASOURCE_PASSWORD",
        "MYSQL_ROOT_PASSWORD",
        "ORDERS_DB_PASSWD",
        "DBPASS",
    ],
)
def test_a_value_under_a_databases_password_is_rejected(name: str) -> None:
    (message,) = said({name: PASSWORD})
    assert name in message


def test_a_secret_value_is_as_plain_to_lambda_as_a_literal() -> None:
    assert len(said({"DB_PASSWORD": secret(PASSWORD)})) == 1


def test_a_bare_password_is_the_databases_when_the_function_has_one() -> None:
    assert len(said({"PASSWORD": PASSWORD, "MASTER_PASSWORD": PASSWORD, "DB_HOST": PROXIED})) == 2
    assert said({"STRIPE_PASSWORD": PASSWORD, "DB_HOST": PROXIED}) == []
    assert said({"PASSWORD": PASSWORD, "SMTP_HOST": "mail.example.com"}) == []


@pytest.mark.parametrize(
    "value",
    [
        f"postgresql://app:{PASSWORD}@{PROXIED}:5432/orders",
        f"postgresql+psycopg://app:{PASSWORD}@{PROXIED}/orders",
        f"MYSQL://app:{PASSWORD}@{PROXIED}/orders",
        f"jdbc:postgresql://{PROXIED}/orders?user=app&password={PASSWORD}",
        f"jdbc:sqlserver://{PROXIED};databaseName=orders;password={PASSWORD}",
        f"host={PROXIED} dbname=orders user=app password={PASSWORD}",
        f"host={PROXIED} password='{PASSWORD}'",
        f"Server={PROXIED};Database=orders;Uid=app;Pwd={PASSWORD};",
        f'{{"engine": "postgres", "username": "app", "password": "{PASSWORD}"}}',
        f'{{"orders": [{{"host": "{PROXIED}", "password": "{PASSWORD}"}}]}}',
    ],
)
def test_a_password_within_a_connection_text_is_rejected_under_any_name(value: str) -> None:
    assert len(said({"SETTINGS": value})) == 1


@pytest.mark.parametrize(
    "variables",
    [
        {"DB_PASSWORD": SENTINEL},
        {"DB_PASSWORD": ""},
        {"DB_PASSWORD": "[secret]"},
        {"DB_PASSWORD": "{{resolve:secretsmanager:orders:SecretString:password}}"},
        {"DB_PASSWORD": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders"},
        {"DB_PASSWORD": "/orders/db/password"},
        {"DB_PASSWORD": "ssm:/orders/password"},
        {"DB_PASSWORD": "${DB_PASSWORD}"},
        {"DB_PASSWORD": "AQICAHhwXzvRWg6"},
        {"DB_PASSWORD_ARN": "orders"},
        {"DB_BYPASS": "true"},
        {"DB_PASSWORD_SECRET_NAME": "orders"},
        {"DB_PASSWORD_PARAMETER": "orders"},
        {"DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders"},
        {"SMTP_PASSWORD": PASSWORD},
        {"REDIS_PASSWORD": PASSWORD},
        {"DOCDB_PASSWORD": PASSWORD},
        {"DB_HOST": PROXIED, "DB_USER": "app"},
        {"DATABASE_URL": f"postgresql://app@{PROXIED}/orders"},
        {"DATABASE_URL": f"postgresql://app:${{PASSWORD}}@{PROXIED}/orders"},
        {"MONGO_URL": f"mongodb://app:{PASSWORD}@docdb.example.com/orders"},
        {"REDIS_URL": f"redis://app:{PASSWORD}@cache.example.com"},
        {"LOGIN": f'{{"user": "x", "password": "{PASSWORD}"}}'},
        {"DB_CONFIG": '{"password": "{{resolve:ssm-secure:/orders/password}}"}'},
        {"DB_CONFIG": "{not json"},
    ],
)
def test_references_other_services_and_unknowns_are_accepted(variables: dict[str, Any]) -> None:
    assert said(variables) == []


def test_a_variable_can_be_left_alone_by_pattern() -> None:
    assert said({"DB_PASSWORD": PASSWORD}, config={"ignoreKeyPatterns": ["DB_PASSWORD"]}) == []


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=40), max_size=4), st.text(min_size=6, max_size=12))
def test_no_text_is_an_error_and_no_message_holds_a_value(variables: dict[str, str], value: str) -> None:
    found = analyze([function({**variables, "DB_PASSWORD": f"<<{value}>>"})], stages="resource")
    for verdict in found:
        assert "failed inside" not in verdict.message
        assert f"<<{value}>>" not in verdict.message


def test_long_texts_take_no_long_time() -> None:
    worst = [
        "a." * 20000,
        "postgres://" + ":" * 20000,
        "password=" * 4000,
        "{" * 20000,
        f"{DIRECT}," * 500,
        "-" * 40000,
    ]
    for text in worst:
        analyze([function({"DB_URL": text})], stages="resource")
