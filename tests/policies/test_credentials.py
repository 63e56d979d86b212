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
    assert len(said({"MASTER_USER_PASSWORD": PASSWORD, "DB_HOST": PROXIED})) == 1
    assert said({"STRIPE_PASSWORD": PASSWORD, "DB_HOST": PROXIED}) == []
    assert said({"PASSWORD": PASSWORD, "SMTP_HOST": "mail.example.com"}) == []


@pytest.mark.parametrize(
    "name",
    [
        "DB_PW",
        "DBPW",
        "DB_PASSWORD_PROD",
        "DB_PASSWORD_2",
        "DB_PASSWORD2",
        "dbPasswordReader",
        "PG_PSWD",
        "MYSQLPWD",
        "DB_PASSWORD_STAGING_EU",
        "RDS_PASSCODE",
        "APP_DB_PASSWORD",
        "APP_DBPASSWORD",
        "DB_PASS_OLD",
        "DB_PASS_PHRASE",
        "dbPassWord",
        "DB_PASSWORD_READONLY",
    ],
)
def test_other_names_of_a_password_are_recognised(name: str) -> None:
    assert len(said({name: PASSWORD})) == 1


@pytest.mark.parametrize(
    "name",
    [
        "DB_PASSWORD_FILE",
        "DB_PASSWORD_LENGTH",
        "DB_PASSWORD_POLICY",
        "DB_PASSWORD_KEY",
        "DB_PASSWORD_ROTATION_DAYS",
        "DB_PASSWORD_SECRET",
        "DB_PASSWORD_ID",
        "PGP_PASSWORD",
        "DBUS_PASSWORD",
        "DB_COMPASS",
        "PGADMIN_DEFAULT_PASSWORD",
    ],
)
def test_a_name_that_says_something_else_about_a_password_is_no_password(name: str) -> None:
    assert said({name: PASSWORD}) == []


@pytest.mark.parametrize("name", ["ADMIN_PASSWORD", "APP_PASSWORD", "USER_PASSWORD", "ROOT_PASSWORD", "API_PASSWORD"])
def test_an_applications_own_password_is_not_the_databases(name: str) -> None:
    assert said({name: PASSWORD, "DB_HOST": PROXIED}) == []
    login = name.removesuffix("_PASSWORD").lower()
    assert len(said({name: PASSWORD, "DB_HOST": PROXIED, "DB_USER": login})) == 1


@pytest.mark.parametrize(
    "password",
    [
        *("$tr0ng!", "$tr0ng", "Pa$$w0rd", "$1abc", "<<x>>", "<s3cret>", "p/w", "aB3dE/fGh1J", "correct/horse"),
        *("pass word", "{x!}", "100%", "%x", "#1fan", "a/b/c!", "$", "${A}b", "/", "/x"),
    ],
)
def test_what_only_begins_like_a_reference_is_a_password(password: str) -> None:
    assert len(said({"DB_PASSWORD": password})) == 1


@pytest.mark.parametrize(
    "reference",
    [
        *("${VAR}", "${A}${B}", "$(aws ssm get-parameter --name x)", "$DB_PASSWORD", "$db_password", "#{password}"),
        *("{password}", "%DB_PASSWORD%", "%(password)s", "%s", "<password>", "<your-password>", "{{ db.password }}"),
        *("ENC(abc=)", "prod/orders/db-password", "prod/orders/main", "orders/db", "Prod/OrdersDb/Password"),
        *("rds/orders/master", "rds!cluster-0a1b2c", "rds!db-0a1b2c", "op://vault/item/field", "********"),
        *("vault:secret/data/db#password", "#{DB_PASSWORD}#", "__DB_PASSWORD__", "env:DB_PASSWORD", "none", "null"),
    ],
)
def test_a_reference_or_the_name_of_a_secret_is_no_password(reference: str) -> None:
    assert said({"DB_PASSWORD": reference}) == []
    assert said({"SETTINGS": f'{{"engine": "postgres", "password": "{reference}"}}'}) == []


@pytest.mark.parametrize(
    "value",
    [
        f"app:{PASSWORD}@tcp({PROXIED}:3306)/orders?parseTime=true",
        f"app:{PASSWORD}@tcp6({PROXIED}:3306)/orders",
        f"app:{PASSWORD}@({PROXIED})/orders",
        f"ecto://app:{PASSWORD}@{PROXIED}/orders",
        f"pgx5://app:{PASSWORD}@{PROXIED}/orders",
        f"mysqlx://app:{PASSWORD}@{PROXIED}/orders",
        f"jdbc:mariadb:aurora://app:{PASSWORD}@{PROXIED}/orders",
        f"jdbc:oracle:thin:app/{PASSWORD}@//{PROXIED}:1521/ORCL",
        f"postgres://app:p/{PASSWORD}@{PROXIED}/orders",
        f"postgres://app:a12/{PASSWORD}@{PROXIED}/orders",
        f"postgres://app:$tr0ng{PASSWORD}@{PROXIED}/orders",
        f"postgres://app:p@{PASSWORD}@{PROXIED}/orders",
        f"postgresql://:{PASSWORD}@{PROXIED}/orders",
        f"user=app host={PROXIED} pass={PASSWORD}",
        f"Server={PROXIED};Database=orders;UserPassword={PASSWORD}",
        f"--host={PROXIED} --user=app --password={PASSWORD}",
        f"-Xmx512m -Dspring.datasource.password={PASSWORD}",
        f"-Ddb.password={PASSWORD}",
        f'{{"database": {{"host": "db", "password": "{PASSWORD}"}}}}',
        f'{{"redis": {{"password": "x"}}, "mysql": {{"auth": [{{"password": "{PASSWORD}"}}]}}}}',
        f'{{"spring": {{"datasource": {{"password": "{PASSWORD}"}}}}}}',
        f'{{"spring.datasource.password": "{PASSWORD}"}}',
    ],
)
def test_other_forms_of_a_connection_text_are_read(value: str) -> None:
    assert len(said({"SETTINGS": value})) == 1


def test_a_text_without_a_scheme_is_a_databases_by_the_variables_name() -> None:
    assert len(said({"DATABASE_URL": f"app:{PASSWORD}@{PROXIED}:3306/orders"})) == 1
    assert len(said({"GOOSE_DBSTRING": f"app:{PASSWORD}@/orders"})) == 1  # Go's short form: the driver's default host
    assert said({"REPORT": f"app:{PASSWORD}@{PROXIED}:3306/orders"}) == []


@pytest.mark.parametrize(
    "value",
    [
        f"postgres://{PROXIED}:5432/orders?application_name=me@example.com",
        f"postgres://{PROXIED}:5432/orders,postgres://app@{PROXIED}/orders",
        f"app:$DB_PASSWORD@tcp({PROXIED}:3306)/orders",
        f"app:${{DB_PASSWORD}}@tcp({PROXIED}:3306)/orders",
        f"ecto://app:${{DB_PASSWORD}}@{PROXIED}/orders",
        f"jdbc:oracle:thin:app/${{DB_PASSWORD}}@//{PROXIED}:1521/ORCL",
        "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db.example.com)(PORT=1521)))",
        f"amqp://app:{PASSWORD}@mq.example.com/",
        f"https://app:{PASSWORD}@example.com/",
        "mailto:dba@example.com",
        f"-Dhttp.proxyPassword={PASSWORD} -Djavax.net.ssl.trustStorePassword={PASSWORD}",
        f'{{"redis": {{"host": "cache", "password": "{PASSWORD}"}}, "database": {{"host": "db"}}}}',
        "arn:aws:iam::123456789012:role/app@example.com",
    ],
)
def test_a_port_a_reference_and_another_services_url_are_no_password(value: str) -> None:
    assert said({"SETTINGS": value}) == []
    assert said({"DATABASE_URL": value}) == []


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
