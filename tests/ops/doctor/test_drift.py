"""What differs between configuration and proxy, or is missing around it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.doctor.drift import Settings, Surroundings, auth_of, drift

CONFIGURED = Settings(
    max_connections_percent=85, borrow_timeout=5, idle_client_timeout=1800, require_tls=True, auth="iam"
)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"max_connections_percent": 100}, "maxConnectionsPercent is 100 % at the proxy and 85 %"),
        ({"borrow_timeout": 120}, "connectionBorrowTimeout is 120 s at the proxy and 5 s"),
        ({"require_tls": False}, "TLS for clients is optional at the proxy and required"),
        ({"auth": "secret"}, "auth is secret at the proxy and iam"),
    ],
)
def test_a_difference_is_named_with_both_values(change: dict[str, object], words: str) -> None:
    (found,) = drift(CONFIGURED, replace(CONFIGURED, **change))  # type: ignore[arg-type]
    assert words in found


@pytest.mark.parametrize(
    ("around", "words"),
    [
        (Surroundings(free_addresses=(("subnet-a", 9), ("subnet-b", 10))), "subnet-a has 9 free"),
        (Surroundings(clients_reach_proxy=False), "admits a client"),
        (Surroundings(proxy_reaches_database=False), "do not admit the proxy's"),
        (Surroundings(secret_readable=False), "may not read its secret"),
        (Surroundings(proxy_leaves=False), "let nothing out to the database's port"),
        (
            Surroundings(engine=("mysql", "MYSQL", "POSTGRESQL")),
            "engine is mysql, whose proxies are of the family MYSQL",
        ),
        (Surroundings(ports=(5432, 5433)), "at port 5432, and the database listens at 5433"),
    ],
)
def test_what_is_missing_around_a_proxy_is_named(around: Surroundings, words: str) -> None:
    (found,) = drift(CONFIGURED, CONFIGURED, around)
    assert words in found


@pytest.mark.parametrize(
    ("default_scheme", "iam_auths", "auth"),
    [
        ("NONE", ["REQUIRED"], "iam"),
        (None, ["DISABLED"], "secret"),
        ("IAM_AUTH", [], "iam-end-to-end"),
        ("NONE", ["DISABLED", "REQUIRED", "REQUIRED"], "iam, secret"),
        ("IAM_AUTH", ["DISABLED"], "iam-end-to-end, secret"),
        (None, [], None),
    ],
)
def test_the_auth_of_a_proxy_is_that_of_all_its_users(
    default_scheme: str | None, iam_auths: list[str], auth: str | None
) -> None:
    assert auth_of(default_scheme=default_scheme, iam_auths=iam_auths) == auth


_settings = st.builds(
    Settings,
    max_connections_percent=st.none() | st.integers(1, 100),
    borrow_timeout=st.none() | st.integers(0, 300),
    require_tls=st.none() | st.booleans(),
    auth=st.none() | st.sampled_from(["iam", "secret"]),
)


@given(_settings, _settings)
def test_drift_has_no_direction_and_none_with_itself(one: Settings, other: Settings) -> None:
    assert len(drift(one, other)) == len(drift(other, one))
    assert drift(one, one) == ()
    assert drift(one, Settings()) == ()
