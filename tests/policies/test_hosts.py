import pytest
from hypothesis import given
from hypothesis import strategies as st

from rds_proxy_guard.hosts import endpoints

DIRECT = [
    ("orders.abc123def456.eu-west-1.rds.amazonaws.com", "instance endpoint"),
    ("proxy-prod.abc123def456.eu-west-1.rds.amazonaws.com", "instance endpoint"),
    ("orders-green-a1b2c3.abc123def456.eu-west-1.rds.amazonaws.com", "instance endpoint"),
    ("orders.cluster-abc123def456.us-east-1.rds.amazonaws.com", "cluster endpoint"),
    ("orders.cluster-ro-abc123def456.us-east-1.rds.amazonaws.com", "cluster reader endpoint"),
    ("orders.cluster-custom-abc123def456.us-east-1.rds.amazonaws.com", "custom cluster endpoint"),
    ("orders.global-abc123def456.global.rds.amazonaws.com", "global cluster endpoint"),
    ("orders.shardgrp-abc123def456.us-east-1.rds.amazonaws.com", "shard group endpoint"),
    ("orders.abc123def456.rds.cn-north-1.amazonaws.com.cn", "instance endpoint"),
    ("orders.abc123def456.cn-north-1.rds.amazonaws.com.cn", "instance endpoint"),
    ("orders.cluster-abc123def456.rds.cn-northwest-1.amazonaws.com.cn", "cluster endpoint"),
    ("orders.abc123def456.us-gov-west-1.rds.amazonaws.com", "instance endpoint"),
    ("orders.abc123def456.rds.us-gov-west-1.amazonaws.com", "instance endpoint"),
    ("orders.abc123def456.rds.us-iso-east-1.c2s.ic.gov", "instance endpoint"),
    ("orders.abc123def456.rds.us-isob-east-1.sc2s.sgov.gov", "instance endpoint"),
    ("orders.abc123def456.eusc-de-east-1.rds.amazonaws.eu", "instance endpoint"),
]
PROXIES = [
    "orders.proxy-abc123def456.eu-west-1.rds.amazonaws.com",
    "mydb-proxy.proxy-xyz.ap-southeast-1.rds.amazonaws.com",
    "readers.endpoint.proxy-abc123def456.eu-west-1.rds.amazonaws.com",
    "orders.proxy-abc123def456.rds.cn-north-1.amazonaws.com.cn",
]
OTHERS = [
    "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/us-gov-west-1/us-gov-west-1-bundle.pem",
    "rds.eu-west-1.amazonaws.com",
    "rds-data.eu-west-1.amazonaws.com",
    "rds.eu-west-1.api.aws",
    "orders.cluster-abc123def456.eu-west-1.docdb.amazonaws.com",
    "orders.cluster-abc123def456.eu-west-1.neptune.amazonaws.com",
    "orders.abc123def456.eu-west-1.redshift.amazonaws.com",
    "orders.abc123.0001.euw1.cache.amazonaws.com",
    "abcdefghijklmnop.dsql.eu-west-1.on.aws",
    "arn:aws:rds:eu-west-1:123456789012:db:orders",
    "arn:aws:rds:eu-west-1:123456789012:cluster:orders",
    "my-rds-service.internal.example.com",
    "orders.abc123def456.eu-west-1.rds.amazonaws.com.evil.com",
    "orders.abc123def456.eu-west-1.rds.amazonaws.community",
    "postgres.default.svc.cluster.local",
    "",
]
WRAPPINGS = [
    "{}",
    "{}:5432",
    "{}.",
    "postgresql://app:pw@{}:5432/orders?sslmode=require",
    "postgresql+psycopg://app@{}/orders",
    "mysql://{}/orders",
    "jdbc:postgresql://{}:5432/orders",
    "jdbc:mysql:aws://{}/orders",
    "host={} port=5432 dbname=orders",
    '{{"host": "{}", "port": 5432}}',
    "cache.example.com,{}",
    "tcp({}:3306)/orders",
    "Server={};Port=3306",
]


@pytest.mark.parametrize(("host", "kind"), DIRECT)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_databases_endpoint_is_found_however_it_is_wrapped(host: str, kind: str, wrapping: str) -> None:
    (found,) = endpoints(wrapping.format(host))
    assert (found.host, found.kind, found.direct) == (host, kind, True)


@pytest.mark.parametrize("host", PROXIES)
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_proxys_endpoint_is_never_direct(host: str, wrapping: str) -> None:
    (found,) = endpoints(wrapping.format(host))
    assert not found.direct


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_rds_endpoint_is_left_alone(text: str) -> None:
    assert endpoints(text) == []


def test_case_does_not_matter() -> None:
    (found,) = endpoints("ORDERS.ABC123DEF456.EU-WEST-1.RDS.AMAZONAWS.COM")
    assert found.host == "orders.abc123def456.eu-west-1.rds.amazonaws.com"


def test_every_host_of_a_list_is_found() -> None:
    assert [each.direct for each in endpoints(f"{PROXIES[0]},{DIRECT[0][0]};{DIRECT[3][0]}")] == [False, True, True]


_LABEL = st.from_regex(r"[a-z][a-z0-9]{0,20}(-[a-z0-9]{1,10})?", fullmatch=True)
_ACCOUNT = st.from_regex(r"[a-z0-9]{12}", fullmatch=True)
_AROUND = st.text(alphabet=" \"'@/(){}=;,|<>\n", max_size=5)


@given(_LABEL, _ACCOUNT, st.sampled_from(["", "cluster-", "cluster-ro-", "cluster-custom-"]), _AROUND, _AROUND)
def test_any_database_is_found_between_any_delimiters(
    name: str, account: str, prefix: str, before: str, after: str
) -> None:
    host = f"{name}.{prefix}{account}.eu-west-1.rds.amazonaws.com"
    assert [each.host for each in endpoints(f"{before}{host}{after}") if each.direct] == [host]


@given(_LABEL, _ACCOUNT, st.sampled_from(["", "endpoint."]), _AROUND, _AROUND)
def test_no_proxy_is_ever_called_direct(name: str, account: str, kind: str, before: str, after: str) -> None:
    host = f"{name}.{kind}proxy-{account}.eu-west-1.rds.amazonaws.com"
    assert not any(each.direct for each in endpoints(f"{before}{host}{after}"))


@given(st.text())
def test_any_text_is_read_without_an_error(text: str) -> None:
    endpoints(text)
