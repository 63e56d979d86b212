"""The `DB_*` environment: what is read, what is refused and with which words."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_connection import ConfigurationError, Settings
from rds_connection.settings import root_certificates

PROXY = "orders.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com"
ENVIRONMENT = {
    "DB_HOST": PROXY,
    "DB_PORT": "5432",
    "DB_NAME": "app_db",
    "DB_USER": "app",
    "DB_ENGINE": "postgresql",
    "DB_AUTH": "iam",
    "AWS_REGION": "eu-west-1",
}


def settings(**changed: str) -> Settings:
    return Settings.from_environment({**ENVIRONMENT, **changed})


def test_the_environment_of_a_function_is_read_with_the_articles_small_pool() -> None:
    found = settings()
    assert (found.host, found.port, found.database, found.user, found.auth) == (PROXY, 5432, "app_db", "app", "iam")
    assert (found.max_open, found.max_idle, found.max_lifetime) == (1, 1, 300)


def test_the_articles_four_names_are_enough() -> None:
    found = Settings.from_environment({"DB_HOST": "h", "DB_NAME": "n", "DB_USER": "u", "DB_PASSWORD": "p"})
    assert (found.auth, found.password, found.port) == ("password", "p", 5432)


def test_an_empty_value_is_no_value() -> None:
    with pytest.raises(ConfigurationError, match="DB_HOST is not set"):
        settings(DB_HOST="")
    assert settings(DB_SSL_ROOT_CERT="", DB_POOL_MAX_OPEN="").max_open == 1


def test_all_problems_are_told_at_once_by_name() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment({"DB_AUTH": "secret", "DB_PORT": "0", "DB_POOL_MAX_OPEN": "5", "DB_ENGINE": "oracle"})
    for part in (
        "DB_HOST",
        "DB_NAME",
        "DB_USER",
        "DB_SECRET_ARN",
        'DB_PORT is "0"',
        'DB_POOL_MAX_OPEN is "5"',
        "oracle",
    ):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DB_POOL_MAX_OPEN", "0", "1 to 2"),
        ("DB_POOL_MAX_OPEN", "3", "the proxy does the pooling"),
        ("DB_POOL_MAX_IDLE", "2", "0 to 1"),
        ("DB_POOL_MAX_IDLE", "-1", "pile up"),
        ("DB_POOL_MAX_LIFETIME", "0", "1 to 1800"),
        ("DB_POOL_MAX_LIFETIME", "1801", "a silent client"),
        ("DB_POOL_MAX_LIFETIME", "5m", '"5m"'),
        ("DB_PORT", "65536", "a port"),
        ("DB_AUTH", "kerberos", "iam, secret, password"),
        ("DB_SSL_ROOT_CERT", "missing.pem", "not a file"),
        ("AWS_REGION", "", "AWS_REGION is not set"),
    ],
)
def test_a_value_out_of_range_is_refused_with_the_reason(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        settings(**{name: value})
    assert name in str(raised.value)
    assert words in str(raised.value)


@given(st.text())
def test_whatever_a_number_is_set_to_it_is_in_range_or_refused(text: str) -> None:
    try:
        found = settings(DB_POOL_MAX_OPEN=text)
    except ConfigurationError:
        assert text not in ("1", "2")
    else:
        assert found.max_open in (1, 2)


@given(st.text(min_size=8))
def test_no_message_and_no_repr_holds_the_password(password: str) -> None:
    given_password = f"§{password}§"
    found = settings(DB_AUTH="password", DB_PASSWORD=given_password)
    assert given_password not in repr(found)
    with pytest.raises(ConfigurationError) as raised:
        settings(DB_AUTH="password", DB_PASSWORD=given_password, DB_PORT="x")
    assert given_password not in str(raised.value)


@pytest.mark.parametrize(
    ("host", "bundle"),
    [
        (PROXY, "amazon-trust-services.pem"),
        ("reader.endpoint.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com", "amazon-trust-services.pem"),
        ("orders.c0ffee123456.eu-west-1.rds.amazonaws.com", "rds.pem"),
        ("orders.cluster-c0ffee123456.eu-west-1.rds.amazonaws.com", "rds.pem"),
        ("proxy-orders.c0ffee123456.eu-west-1.rds.amazonaws.com.", "rds.pem"),
        ("orders.c0ffee123456.cn-north-1.rds.amazonaws.com.cn", "rds.pem"),
        ("db.example.com", "amazon-trust-services.pem"),
    ],
)
def test_a_proxy_is_verified_by_amazon_trust_services_and_a_database_by_rds(host: str, bundle: str) -> None:
    assert root_certificates(host).name == bundle
    assert Path(settings(DB_HOST=host).ssl_root_cert).name == bundle


def test_a_bundle_that_is_named_wins(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("")
    assert settings(DB_SSL_ROOT_CERT=str(bundle)).ssl_root_cert == str(bundle)
