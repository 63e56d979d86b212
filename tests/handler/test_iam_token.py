"""IAM tokens: equal to botocore's, and keys from wherever Lambda puts them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from unittest import mock

import botocore.credentials
import botocore.session
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rds_connection import NoConnectionError
from rds_connection.iam_token import AwsCredentials, auth_token, aws_credentials

_printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
_regions = st.sampled_from(
    ["eu-west-1", "us-east-1", "ap-southeast-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1"]
)
_hosts = st.from_regex(
    r"[A-Za-z][A-Za-z0-9-]{0,20}\.proxy-[a-z0-9]{12}\.[a-z0-9-]{5,14}\.rds\.amazonaws\.com(\.cn)?", fullmatch=True
)
_client: Any = botocore.session.Session().create_client(
    "rds", region_name="eu-west-1", aws_access_key_id="k", aws_secret_access_key="s"
)


def botocore_token(*, host: str, port: int, user: str, region: str, credentials: AwsCredentials, now: datetime) -> str:
    _client._request_signer._credentials = botocore.credentials.Credentials(
        credentials.access_key, credentials.secret_key, credentials.session_token or None
    )
    with mock.patch("botocore.auth.get_current_datetime", return_value=now.replace(tzinfo=None)):
        token = _client.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=user, Region=region)
    return str(token)


@settings(max_examples=200)
@given(
    host=_hosts,
    port=st.integers(1, 65_535),
    user=st.text(min_size=1, max_size=63).filter(lambda text: "\0" not in text and text.isprintable()),
    region=_regions,
    access_key=st.from_regex(r"A[SK]IA[A-Z2-7]{16}", fullmatch=True),
    secret_key=_printable,
    session_token=st.one_of(st.just(""), _printable, st.text("ABCxyz019+/=", min_size=900, max_size=1000)),
    now=st.datetimes(datetime(2020, 1, 1), datetime(2099, 1, 1)),
)
@example(
    host="orders.proxy-0123456789ab.eu-west-1.rds.amazonaws.com", port=443, user="app", region="eu-west-1",
    access_key="AKIA2222222222222222", secret_key="0", session_token="", now=datetime(2026, 1, 1),
)  # fmt: skip
def test_a_token_equals_botocores(
    host: str, port: int, user: str, region: str, access_key: str, secret_key: str, session_token: str, now: datetime
) -> None:
    credentials = AwsCredentials(access_key=access_key, secret_key=secret_key, session_token=session_token)
    moment = now.replace(tzinfo=UTC)
    ours = auth_token(host=host, port=port, user=user, region=region, credentials=credentials, now=moment)
    theirs = botocore_token(host=host, port=port, user=user, region=region, credentials=credentials, now=moment)
    assert ours == theirs


def test_keys_come_from_lambdas_variables() -> None:
    found = aws_credentials({"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"})
    assert found == AwsCredentials(access_key="k", secret_key="s", session_token="t")


def test_no_repr_holds_a_key() -> None:
    text = repr(AwsCredentials(access_key="AKIA", secret_key="hidden-key", session_token="hidden-token"))
    assert "hidden" not in text


def test_without_keys_the_variables_that_were_looked_at_are_named() -> None:
    with pytest.raises(NoConnectionError, match=r"AWS_ACCESS_KEY_ID .*AWS_CONTAINER_CREDENTIALS_FULL_URI"):
        aws_credentials({})


@contextmanager
def container(answer: bytes, status: int = 200) -> Iterator[tuple[str, list[str | None]]]:
    """A server that hands out credentials as Lambda does after a SnapStart restore, and what it was asked with."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Authorization"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/credentials", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_with_snapstart_keys_come_from_the_containers_address() -> None:
    keys = {"AccessKeyId": "k", "SecretAccessKey": "s", "Token": "t", "Expiration": "2026-11-24T12:00:00Z"}
    with container(json.dumps(keys).encode()) as (address, asked):
        found = aws_credentials(
            {"AWS_CONTAINER_CREDENTIALS_FULL_URI": address, "AWS_CONTAINER_AUTHORIZATION_TOKEN": "word"}
        )
    assert found == AwsCredentials(access_key="k", secret_key="s", session_token="t")
    assert asked == ["word"]


@pytest.mark.parametrize(("answer", "status"), [(b"{}", 200), (b"not JSON", 200), (b"[]", 200), (b"", 500)])
def test_a_container_without_keys_is_told_in_one_sentence(answer: bytes, status: int) -> None:
    with (
        container(answer, status) as (address, _),
        pytest.raises(NoConnectionError, match="AWS_CONTAINER_CREDENTIALS_FULL_URI gave no AWS credentials"),
    ):
        aws_credentials({"AWS_CONTAINER_CREDENTIALS_FULL_URI": address})
