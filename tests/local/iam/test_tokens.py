import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.iam.tokens import Principal, TokenAudience, connectable, refusal
from rds_connection.iam_token import AwsCredentials, auth_token

HOST = "orders.proxy-abcdefghijkl.eu-west-1.rds.amazonaws.com"
ARN = "arn:aws:rds-db:eu-west-1:000000000000:dbuser:prx-0123456789abcdef0/"
AUDIENCE = TokenAudience(host=HOST, port=5432, region="eu-west-1", arn_prefix=ARN)
CONNECT = {"Effect": "Allow", "Action": ["rds-db:connect"], "Resource": f"{ARN}app"}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def signer(access_key: str, secret_key: str, session: str | None = None) -> AwsCredentials:
    return AwsCredentials(access_key=access_key, secret_key=secret_key, session_token=session or "")


def token(**changes: Any) -> str:
    credentials = signer("AKID", changes.pop("secret", "not-a-real-one"), changes.pop("session", None))
    given_values: dict[str, Any] = {"host": HOST, "port": 5432, "user": "app", "region": "eu-west-1", "now": NOW}
    return auth_token(**{**given_values, **changes}, credentials=credentials)


def refused(text: str, *, user: str = "app", statements: Any = (CONNECT,), later: int = 0) -> str | None:
    principals = {"AKID": Principal(secret="not-a-real-one", statements=statements)}
    return refusal(text, user, AUDIENCE, principals, NOW + timedelta(seconds=later))


def test_a_token_of_a_role_with_the_grant_is_let_in() -> None:
    assert refused(token()) is None
    assert refused(token(session="a/session+token=")) is None
    assert refused(token(), later=899) is None


@pytest.mark.parametrize("port", [5432, 443])
def test_a_token_of_botocore_is_let_in(port: int) -> None:
    client = boto3.client(
        "rds", region_name="eu-west-1", aws_access_key_id="AKID", aws_secret_access_key="not-a-real-one"
    )
    made = client.generate_db_auth_token(DBHostname=HOST, Port=port, DBUsername="app")
    audience = replace(AUDIENCE, port=port)
    principals = {"AKID": Principal(secret="not-a-real-one", statements=[CONNECT])}
    assert refusal(made, "app", audience, principals) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (token(host="other.proxy-abcdefghijkl.eu-west-1.rds.amazonaws.com"), "another host"),
        (token(port=5433), "another host"),
        (token(user="admin"), "another user"),
        (token(region="us-east-1"), "not signed for rds-db in eu-west-1"),
        (token(secret="another"), "signature is wrong"),
        (token() + "0", "signature is wrong"),
        (token().replace("Expires=900", "Expires=90000"), "signature is wrong"),
        (token().replace("AKID", "AKIE"), "nobody known"),
        (token(now=NOW + timedelta(hours=1)), "from the future"),
        (token(now=NOW - timedelta(seconds=901)), "expired"),
        ("a plain password", "no IAM token"),
        ("", "no IAM token"),
    ],
)
def test_any_other_token_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason in (refused(text) or "")


@pytest.mark.parametrize("lifetime", ["-1", "-99999999999999999999", "0"])
def test_a_token_that_was_never_valid_is_refused_whatever_number_it_names(
    lifetime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.iam.tokens._signature", lambda *_: "whatever")
    changed = re.sub("Expires=900", f"Expires={lifetime}", re.sub("Signature=[0-9a-f]+", "Signature=whatever", token()))
    assert refused(changed, later=1) == "the token is expired"


@pytest.mark.parametrize(("later", "reason"), [(900, None), (901, "the token is expired")])
def test_no_token_lives_longer_than_fifteen_minutes(
    later: int, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.iam.tokens._signature", lambda *_: "whatever")
    longest = f"Expires={10**30}"
    changed = re.sub("Expires=900", longest, re.sub("Signature=[0-9a-f]+", "Signature=whatever", token()))
    assert refused(changed, later=later) == reason


@pytest.mark.parametrize("now", [datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), NOW + timedelta(seconds=301)])
def test_a_token_of_any_later_time_is_from_the_future(now: datetime) -> None:
    assert refused(token(now=now)) == "the token is from the future"


@pytest.mark.parametrize(
    "statement",
    [
        {**CONNECT, "Action": "RDS-DB:Connect"},
        {**CONNECT, "Action": "rds-db:*", "Resource": "*"},
        {**CONNECT, "Resource": [f"{ARN}ap?"]},
    ],
)
def test_a_grant_may_have_wildcards_and_its_action_no_case(statement: Any) -> None:
    assert refused(token(), statements=[statement]) is None


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [{**CONNECT, "Resource": f"{ARN}other"}],
        [{**CONNECT, "Resource": "arn:aws:rds-db:eu-west-1:000000000000:dbuser:orders/app"}],
        [{**CONNECT, "Action": "rds:*"}],
        [{**CONNECT, "Resource": f"{ARN}[a]pp"}],
        [{**CONNECT, "Resource": f"{ARN}APP"}],
        [CONNECT, {**CONNECT, "Effect": "Deny"}],
    ],
)
def test_without_the_grant_on_the_proxys_own_id_nobody_is_let_in(statements: list[Any]) -> None:
    assert "no rds-db:connect" in (refused(token(), statements=statements) or "")


@given(st.text())
def test_any_text_is_refused_and_never_repeated(text: str) -> None:
    assert refused(text) in {
        "this is no IAM token",
        f"the token is for another host than {HOST}:5432",
        "the token is for another user than app",
        "the token is not signed for rds-db in eu-west-1",
        "the token is signed by nobody known here",
    }


@given(st.integers(0, 400), st.characters(codec="utf-8"))
def test_a_token_with_any_character_changed_is_refused(position: int, character: str) -> None:
    whole = token()
    position %= len(whole)
    changed = whole[:position] + character + whole[position + 1 :]
    if changed.lower() != whole.lower():
        assert refused(changed) is not None


def statement(*users: str, effect: str = "Allow", action: str = "rds-db:connect") -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": [ARN + user for user in users]}


def test_a_role_may_connect_as_whom_its_policies_name_and_no_deny_takes_back() -> None:
    statements = [
        statement("app", "reports"),
        statement("reports", effect="Deny"),
        {**CONNECT, "Resource": f"{ARN}one"},
    ]
    assert connectable(statements, ARN) == {"app", "one"}
    assert connectable([statement("app", action="rds:*")], ARN) == frozenset()
    assert connectable([statement("app")], ARN.replace("prx-", "db-")) == frozenset()


def test_a_deny_with_a_wildcard_takes_back_too() -> None:
    assert connectable([statement("app", "admin"), statement("a*n", effect="Deny")], ARN) == {"app"}


@given(st.lists(st.text(max_size=8), max_size=5))
def test_whoever_is_named_is_allowed_and_fits_on_one_line_of_a_file(names: list[str]) -> None:
    found = connectable([statement(*names)], ARN)
    assert found <= set(names)
    assert not [user for user in found if set(user) & set('*?"\\\n\r #') or not user]
