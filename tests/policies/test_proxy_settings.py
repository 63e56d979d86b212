from typing import Any

import pytest

from tests.policies.analyzed import SENTINEL, Resource, analyze, messages
from tests.policies.resources import AUTH, proxy

POLICY = "rds-proxy-settings"


def said(*, config: Any = None, **inputs: Any) -> list[str]:
    return messages(POLICY, analyze([proxy(**inputs)], stages="resource", config={POLICY: config} if config else None))


@pytest.mark.parametrize("value", [False, None, "false"])
def test_a_proxy_that_does_not_require_tls_is_rejected(value: Any) -> None:
    (message,) = said(requireTls=value)
    assert "Set requireTls to true" in message


@pytest.mark.parametrize("value", [True, "true", SENTINEL])
def test_tls_that_is_required_or_unknown_is_accepted(value: Any) -> None:
    assert said(requireTls=value) == []


@pytest.mark.parametrize("seconds", [1, 899, 1801, 28800, "3600", 899.5])
def test_an_idle_timeout_outside_15_to_30_minutes_is_rejected(seconds: Any) -> None:
    (message,) = said(idleClientTimeout=seconds)
    assert "900–1800 s" in message


@pytest.mark.parametrize("seconds", [None, 900, 1800, "1200", 1200.0, SENTINEL])
def test_an_idle_timeout_of_15_to_30_minutes_or_awss_own_is_accepted(seconds: Any) -> None:
    assert said(idleClientTimeout=seconds) == []


def test_the_idle_timeouts_can_be_configured() -> None:
    assert said(config={"maxIdleClientTimeout": 3600.0}, idleClientTimeout=3600) == []
    assert len(said(config={"minIdleClientTimeout": 1000.0}, idleClientTimeout=950)) == 1


@pytest.mark.parametrize("auths", [None, []])
def test_a_proxy_without_any_credentials_is_rejected(auths: Any) -> None:
    (message,) = said(auths=auths)
    assert "neither a secret nor IAM" in message


@pytest.mark.parametrize(
    "inputs",
    [
        {"auths": None, "defaultAuthScheme": "IAM_AUTH"},
        {"auths": None, "defaultAuthScheme": SENTINEL},
        {"auths": SENTINEL},
        {"auths": [SENTINEL]},
        {"auths": [{"secretArn": SENTINEL, "iamAuth": "DISABLED"}]},
        {"auths": AUTH},
    ],
)
def test_a_secret_or_iam_or_what_is_unknown_is_accepted(inputs: dict[str, Any]) -> None:
    assert said(**inputs) == []


def test_an_authentication_without_a_secret_is_rejected() -> None:
    (message,) = said(auths=[AUTH[0], {"iamAuth": "REQUIRED"}])
    assert "Authentication 1 names no secret" in message


def test_iam_can_be_asked_for() -> None:
    auths = [{"secretArn": "arn:x", "iamAuth": "DISABLED"}]
    (message,) = said(config={"requireIam": True}, auths=auths)
    assert "does not require IAM" in message
    assert said(config={"requireIam": True}, auths=AUTH) == []
    assert said(config={"requireIam": True}, auths=[{"secretArn": "arn:x", "iamAuth": SENTINEL}]) == []


def test_aws_native_proxies_are_judged_too() -> None:
    inputs = {"auth": [{"secretArn": "arn:x"}], "requireTls": False, "idleClientTimeout": 60}
    found = analyze([Resource("aws-native:rds:DbProxy", "p", inputs)], stages="resource")
    assert len(messages(POLICY, found)) == 2
