import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard.environment import is_database_like, is_host_alone, is_host_like, is_reference_like, pool_size_of


@pytest.mark.parametrize(
    "name",
    [
        "DB_HOST",
        "PGHOST",
        "DATABASE_URL",
        "dbHost",
        "ORDERS_DB_ENDPOINT",
        "RDS_HOSTNAME",
        "DB_DSN",
        "JDBC_URL",
        "SPRING_DATASOURCE_URL",
        "DB_READER_HOST",
        "POSTGRES_SERVER",
        "DB_CONNECTION_STRING",
        "DB_PROXY_ENDPOINT",
        "db-host",
        "ORDERS_DB_CONFIG",
        "DB_HOST_NAME",
        "dbHostName",
        "DB_SERVER_NAME",
        "DB_DNS_NAME",
        "RDS_DOMAIN_NAME",
        "RDS_FQDN",
        "PGCONNSTRING",
        "PGCONN",
        "DB_CONN_STR",
        "DB_CONN_STRING",
        "DATABASE_CONNECTIONSTRING",
        "ConnectionStrings__Orders",
        "SQLCONNSTR_ORDERS",
        "DATA_SOURCE_NAME",
        "DATASOURCE_NAME",
        "GOOSE_DBSTRING",
        "DATABASE_URLS",
        "GOOSE_DBSTR_URL",
        "FLYWAY_URL",
        "LIQUIBASE_COMMAND_URL",
        "DBMATE_URL",
        "R2DBC_URL",
        "APP_DBHOST",
        "APP_PGHOST",
        "DB_NODES",
        "DB_TNS",
        "DB_IP",
    ],
)
def test_names_of_hosts_are_recognised(name: str) -> None:
    assert is_host_like(name)


@pytest.mark.parametrize(
    "name",
    [
        "DB_PORT",
        "DB_NAME",
        "DB_USER",
        "DB_PASSWORD",
        "DB_SECRET_ARN",
        "CLUSTER_ARN",
        "RESOURCE_ARN",
        "STAGE",
        "LOG_LEVEL",
        "DB_INSTANCE_IDENTIFIER",
        "DB_HOST_PARAMETER",
        "DB_URL_SECRET_ARN",
        "DB_ENDPOINT_ARNS",
        "DB_CONNECTION_SECRETS",
        "DB_CONNECTION_COUNT_METRIC",
        "DB_SERVER_CA",
        "CONFIG_RULE",
        "CONNECTION_LIMIT",
        "DB_CONNECTION_TIMEOUT",
        "HOST_PORT",
        "SITE_DOMAIN",
        "CLUSTER_NODES",
        "DB_NAME",
        "DB_USER_NAME",
        "DB_TABLE_NAME",
        "GOOSE_DRIVER",
        "GOOSE_TABLE",
        "",
    ],
)
def test_names_of_other_things_are_not(name: str) -> None:
    assert not is_host_like(name)


@given(st.text())
def test_any_name_gets_an_answer(name: str) -> None:
    assert is_host_like(name) in (True, False)


@pytest.mark.parametrize("name", ["DATABASE", "DB", "db"])
def test_a_variable_called_database_alone_is_a_connection(name: str) -> None:
    assert is_host_like(name)


@pytest.mark.parametrize(
    ("name", "reference"), [("ARN", True), ("DB_HOST_ARN", True), ("ARN_OF_HOST", False), ("HOST", False), ("", False)]
)
def test_the_last_word_says_whether_a_variable_holds_a_name_or_the_thing(name: str, reference: bool) -> None:
    assert is_reference_like(name) is reference


@pytest.mark.parametrize("name", ["DB_POOL_SIZE_TTL", "DB_MAXCONNLIFETIME", "DB_POOL_MAXCONNTIMEOUT", "POOL_MAX_AGE"])
def test_times_of_a_pool_are_not_its_size(name: str) -> None:
    assert pool_size_of(name) is None


@pytest.mark.parametrize("name", ["DB_HOST", "DB_HOST_NAME", "DB_SERVER_NAME", "PGHOST", "RDS_FQDN", "DB_WRITER"])
def test_a_name_says_that_its_value_is_a_host_alone(name: str) -> None:
    assert is_host_alone(name) and is_database_like(name) and is_host_like(name)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DB_DSN", "DATA_SOURCE_NAME", "GOOSE_DBSTRING", "DB_CONNECTION", ""])
def test_a_url_has_other_parts_than_its_host(name: str) -> None:
    assert not is_host_alone(name)


@pytest.mark.parametrize("name", ["PGP_SERVER", "DBUS_SESSION_BUS_ADDRESS", "DBT_HOST", "REDIS_URL", "HOST"])
def test_a_name_that_only_begins_like_a_databases_is_none(name: str) -> None:
    assert not is_database_like(name)
