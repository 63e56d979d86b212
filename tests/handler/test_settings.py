"""The `DB_*` environment: what is read, what is refused and with which words."""

import contextlib
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_connection import ConfigurationError, Settings
from rds_connection.driver import driver
from rds_connection.settings import AMAZON_TRUST_SERVICES, RDS, root_certificates

from .shown import everything_shown

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
        "DB_PORT is not a whole number",
        "DB_POOL_MAX_OPEN is not a whole number",
        "DB_ENGINE is not one of postgresql, mysql",
    ):
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DB_POOL_MAX_OPEN", "0", "from 1 to 2"),
        ("DB_POOL_MAX_OPEN", "3", "the proxy does the pooling"),
        ("DB_POOL_MAX_IDLE", "2", "from 0 to 1"),
        ("DB_POOL_MAX_IDLE", "-1", "pile up"),
        ("DB_POOL_MAX_LIFETIME", "0", "from 1 to 1800"),
        ("DB_POOL_MAX_LIFETIME", "1801", "a silent client"),
        ("DB_POOL_MAX_LIFETIME", "5m", "a whole number"),
        ("DB_PORT", "65536", "a port"),
        ("DB_AUTH", "kerberos", "iam, secret, password"),
        ("DB_SSL_ROOT_CERT", "missing.pem", "not a file that can be read (FileNotFoundError)"),
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


SENDABLE = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
VARIABLES = [
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_ENGINE",
    "DB_AUTH",
    "DB_SECRET_ARN",
    "DB_SSL_ROOT_CERT",
    "DB_POOL_MAX_OPEN",
    "DB_POOL_MAX_IDLE",
    "DB_POOL_MAX_LIFETIME",
    "AWS_REGION",
]
# What people paste where something else belongs, and what no driver can send.
MISPLACED = [
    "postgresql://app:hidden-word@orders.example.com/app_db",
    "app:hidden-word@orders.example.com",
    "orders.example.com:5432/hidden-word",
    "host=orders.example.com password=hidden-word",
    "Server=orders.example.com;Pwd=hidden-word",
    '{"username": "app", "password": "hidden-word"}',
    "/run/hidden-word:5432",
    "orders.example.com,hidden-word",
    "hidden-word\0",
    "hidden-word\n",
    "\thidden-word",
    " hidden-word",
    "hidden-word\udcff",
]


@given(SENDABLE)
def test_no_repr_holds_the_password(password: str) -> None:
    given_password = f"§{password}§"
    found = settings(DB_AUTH="password", DB_PASSWORD=given_password)
    assert found.password == given_password
    assert given_password not in repr(found) + str(found)


@pytest.mark.parametrize("name", VARIABLES)
@pytest.mark.parametrize("value", MISPLACED)
def test_what_stands_in_the_wrong_variable_is_refused_by_name_and_never_shown(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        settings(**{"DB_AUTH": "password", "DB_PASSWORD": "other-hidden-word", name: value})
    assert name in str(raised.value)
    assert "hidden-word" not in everything_shown(raised.value)


@pytest.mark.parametrize("name", VARIABLES)
@given(value=st.text(), port=st.sampled_from(["5432", "x"]))
def test_whatever_a_variable_holds_it_is_read_or_refused_by_its_name(name: str, value: str, port: str) -> None:
    marked = f"§{value}§"  # no variable but a name may hold such a sign, nor does a message
    with pytest.raises(ConfigurationError) as raised:
        settings(**{"DB_PORT": port, name: marked})
    assert name in str(raised.value)
    assert marked not in everything_shown(raised.value)
    with contextlib.suppress(ConfigurationError):
        settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_HOST", "10.0.0.7"),
        ("DB_HOST", "fd00:ec2::253"),
        ("DB_HOST", "my_database"),
        ("DB_HOST", f"{PROXY}."),
        ("DB_NAME", "Orders 2026-11"),
        ("DB_NAME", "Aufträge"),
        ("DB_USER", "app.reader@EXAMPLE.COM"),
        ("DB_SECRET_ARN", "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:rds!db-1f2e-AbCdEf"),
        ("DB_SECRET_ARN", "orders/app"),
    ],
)
def test_what_aws_and_databases_allow_is_taken(name: str, value: str) -> None:
    settings(**{name: value})


@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        ".a",
        "..",
        "a..",
        "h:5432",
        "'h'",
        '"h"',
        " h",
        "h ",
        "h\n",
        "h\r\n",
        "\th",
        "a b",
        "h/db",
        "a" * 64,
        ".".join(["a" * 63] * 4) + ".b",
        " ",
        "@abstract",
        "bücher.de",
    ],
)
def test_a_host_that_cannot_be_looked_up_is_refused(host: str) -> None:
    with pytest.raises(ConfigurationError, match="DB_HOST is not a host name alone"):
        settings(DB_HOST=host)
    with pytest.raises(ConfigurationError, match="DB_READER_HOST is not a host name alone"):
        settings(DB_READER_HOST=host)


def test_a_host_may_end_in_the_dot_that_makes_it_absolute_which_no_certificate_has() -> None:
    assert settings(DB_HOST=f"{PROXY}.").host == PROXY


@pytest.mark.parametrize("engine", ["MySQL", "postgres", "PostgreSQL", "aurora-mysql"])
def test_an_engine_that_there_is_not_is_told_when_the_package_is_imported(engine: str) -> None:
    with pytest.raises(ConfigurationError, match="DB_ENGINE is not one of postgresql, mysql"):
        driver(engine)


def test_a_reader_has_all_but_its_host_and_authority_of_the_writer() -> None:
    found = settings(DB_READER_HOST="orders-ro.cluster-ro-c0ffee123456.eu-west-1.rds.amazonaws.com.")
    assert found.reader.host == "orders-ro.cluster-ro-c0ffee123456.eu-west-1.rds.amazonaws.com"
    assert (found.ssl_root_cert, found.reader.ssl_root_cert) == (str(AMAZON_TRUST_SERVICES), str(RDS))
    assert found.reader.user == found.user


def test_an_own_bundle_holds_for_the_reader_too(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(AMAZON_TRUST_SERVICES.read_bytes())
    assert settings(DB_READER_HOST="h", DB_SSL_ROOT_CERT=str(bundle)).reader.ssl_root_cert == str(bundle)


def test_whether_the_writer_stands_in_is_true_or_false() -> None:
    with pytest.raises(ConfigurationError, match="DB_READER_FALLBACK is not one of true, false"):
        settings(DB_READER_FALLBACK="yes")


def test_a_bundle_without_a_certificate_is_refused(tmp_path: Path) -> None:
    whole = RDS.read_bytes()
    for number, content in enumerate((b"", b"-----BEGIN PRIVATE KEY-----", whole[:700], whole[: len(whole) // 2])):
        bundle = tmp_path / f"{number}.pem"
        bundle.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"DB_SSL_ROOT_CERT is not a file with certificates.*cut off"):
            settings(DB_SSL_ROOT_CERT=str(bundle))
    for path, kind in ((tmp_path, "IsADirectoryError"), (tmp_path / ("a" * 300), "OSError")):
        with pytest.raises(ConfigurationError, match=rf"DB_SSL_ROOT_CERT is not a file that can be read \({kind}\)"):
            settings(DB_SSL_ROOT_CERT=str(path))


def test_a_bundle_that_is_not_ours_to_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(RDS.read_bytes())
    # As open() says it; who runs the tests may be root, who reads every file.
    monkeypatch.setattr(Path, "open", MagicMock(side_effect=PermissionError(13, "Permission denied")))
    with pytest.raises(ConfigurationError, match=r"DB_SSL_ROOT_CERT .*\(PermissionError\)"):
        settings(DB_SSL_ROOT_CERT=str(bundle))


def test_a_bundle_is_never_libpqs_word_for_the_machines_own_authorities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("system").write_bytes(RDS.read_bytes())
    assert settings(DB_SSL_ROOT_CERT="system").ssl_root_cert == str(tmp_path / "system")


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
    bundle.write_bytes(RDS.read_bytes())
    assert settings(DB_SSL_ROOT_CERT=str(bundle)).ssl_root_cert == str(bundle)
