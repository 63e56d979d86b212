"""Whom the laptop's HTTP servers answer: programs that ask for their own address and sign with a key of the stack."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from local.supervisor.client import SupervisorClient
from tests.local.supervisor.conftest import checkout, client_of, invoke
from toolchain.checkout import checkout_cache, gateway_url
from toolchain.laptop_key import SHELL_ACCESS_KEY, shell_secret

pytestmark = pytest.mark.servers
READS = """
import boto3, os
def handler(event, context):
    return boto3.client("secretsmanager").get_secret_value(SecretId=event)["SecretString"]
"""
LEAVES_A_FILE = """
import pathlib
def handler(event, context):
    pathlib.Path(event).touch()
"""
KEYS = """
import os
def handler(event, context):
    return {name: os.environ[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_LAMBDA_RUNTIME_API")}
"""
FROM_A_PAGE = [
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://127.0.0.1:4566"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "evil.example:4566"},
    {"Host": "localhost:4566"},
    {"Host": ""},
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("gateway")) as folder:
        yield folder


@pytest.fixture(scope="module")
def secret(root: Path) -> str:
    SupervisorClient.ensure(root)
    return str(client_of(root, "secretsmanager").create_secret(Name="of-orders", SecretString="precious")["ARN"])


def send(
    address: str, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, dict[str, Any], str]:
    """(status, body, AWS's name for an error) of one request with these headers and no others."""
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}"), answer.headers.get("x-amzn-ErrorType", "")
    finally:
        connection.close()


def address_of(root: Path) -> str:
    return urlsplit(gateway_url(root)).netloc


def signed(root: Path, secret: str, **changes: Any) -> dict[str, str]:
    """The headers of a GetSecretValue, signed by the shell unless the changes say otherwise."""
    given: dict[str, Any] = {
        "key": SHELL_ACCESS_KEY,
        "word": shell_secret(root),
        "service": "secretsmanager",
        "region": "eu-west-1",
    }
    given |= {"late": timedelta(), "token": None, "headers": {}, "again": None, "body": asking(secret)}
    given |= {"target": "secretsmanager.GetSecretValue"} | changes
    headers = {"X-Amz-Target": given["target"], "Content-Type": "application/x-amz-json-1.1", **given["headers"]}
    request = AWSRequest(method="POST", url=f"{gateway_url(root)}/", headers=headers, data=given["body"])
    if given["again"] is not None:
        request.headers["X-Amz-Target"] = given["again"]  # botocore's headers keep both
    signer = botocore.auth.SigV4Auth(
        Credentials(given["key"], given["word"], given["token"]), given["service"], given["region"]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: datetime.now(UTC) - given["late"])
        signer.add_auth(request)
    return dict(request.headers.items())


def asking(secret: str) -> bytes:
    return json.dumps({"SecretId": secret}).encode()


def ask(root: Path, secret: str, headers: dict[str, str], body: bytes | None = None) -> tuple[int, str, str]:
    """(status, what it says, AWS's name for an error) of a GetSecretValue."""
    sent = asking(secret) if body is None else body
    status, said, kind = send(address_of(root), "POST", "/", headers, sent)
    assert kind == "" or said["__type"] == kind
    return status, json.dumps(said), kind


def test_a_request_that_the_shell_signed_is_answered(root: Path, secret: str) -> None:
    status, said, _ = ask(root, secret, signed(root, secret))
    assert (status, "precious" in said) == (200, True)


def test_the_hash_of_the_body_may_be_given_too(root: Path, secret: str) -> None:
    own = {"X-Amz-Content-SHA256": hashlib.sha256(asking(secret)).hexdigest()}
    assert ask(root, secret, signed(root, secret, headers=own))[0] == 200


@pytest.mark.parametrize("headers", FROM_A_PAGE, ids=str)
def test_what_a_page_of_a_browser_sends_is_refused(
    root: Path, deploy: Callable[..., str], tmp_path: Path, headers: dict[str, str]
) -> None:
    name, mark = deploy(LEAVES_A_FILE), tmp_path / "ran"
    path, text = f"/2015-03-31/functions/{name}/invocations", {"Content-Type": "text/plain;charset=UTF-8"}
    status, said, _ = send(address_of(root), "POST", path, {**text, **headers}, json.dumps(str(mark)).encode())
    assert (status, "not for pages of a browser" in said["error"]) == (403, True)
    card = SupervisorClient.ensure(root)
    token = {"Authorization": f"Bearer {card._token}"}
    status, said, _ = send(address_of(root), "GET", "/_laptop/ping", {**token, **headers})
    assert (status, "not for pages of a browser" in said["error"]) == (403, True)
    assert not mark.exists()


@pytest.mark.parametrize("headers", FROM_A_PAGE, ids=str)
def test_no_page_takes_a_functions_invocation_or_ends_its_environment(
    root: Path, deploy: Callable[..., str], headers: dict[str, str]
) -> None:
    found, _ = invoke(client_of(root, "lambda"), deploy(KEYS))
    where, prefix = found["AWS_LAMBDA_RUNTIME_API"], "/2018-06-01/runtime"
    for method, path in (("GET", f"{prefix}/invocation/next"), ("POST", f"{prefix}/init/error")):
        assert send(where, method, path, headers)[0] == 403
    again, error = invoke(client_of(root, "lambda"), "tried")
    assert (again["AWS_LAMBDA_RUNTIME_API"], error) == (where, None)


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"word": "guessed"}, "InvalidSignatureException", "does not match"),
        ({"word": "laptop"}, "InvalidSignatureException", "does not match"),  # what `make env` once published
        ({"key": "AKIAIOSFODNN7EXAMPLE"}, "UnrecognizedClientException", "security token"),
        ({"token": "of-another-account"}, "UnrecognizedClientException", "security token"),
        ({"region": "us-east-1"}, "InvalidSignatureException", "secretsmanager in eu-west-1"),
        ({"service": "lambda"}, "InvalidSignatureException", "secretsmanager in eu-west-1"),
        ({"late": timedelta(minutes=10)}, "InvalidSignatureException", "expired"),
        ({"late": timedelta(minutes=-20)}, "InvalidSignatureException", "expired"),
        ({"headers": {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}}, "InvalidSignatureException", "hash of the body"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_any_other_signature_is_refused_in_awss_words(
    root: Path, secret: str, changes: dict[str, Any], kind: str, words: str
) -> None:
    headers = signed(root, secret, **changes)
    status, said, named = ask(root, secret, headers)
    assert (status, named, words in said, "precious" in said) == (403, kind, True, False)
    assert headers["Authorization"].rpartition("=")[2] not in said
    assert shell_secret(root) not in said


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"Authorization": None}, "MissingAuthenticationTokenException"),
        ({"Authorization": "Bearer of-somebody"}, "IncompleteSignatureException"),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=laptop"}, "IncompleteSignatureException"),
        ({"X-Amz-Date": None}, "IncompleteSignatureException"),
        ({"X-Amz-Date": "today"}, "IncompleteSignatureException"),
        ({"X-Amz-Target": "secretsmanager.DeleteSecret"}, "InvalidSignatureException"),
        ({"X-Amz-Security-Token": "added"}, "UnrecognizedClientException"),
        ({"X-Amz-Added": "unsigned"}, "InvalidSignatureException"),
        ({"Content-Type": "text/plain"}, "InvalidSignatureException"),
    ],
    ids=str,
)
def test_a_request_that_was_changed_on_the_way_is_refused(
    root: Path, secret: str, change: dict[str, str | None], kind: str
) -> None:
    headers = {name: value for name, value in (signed(root, secret) | change).items() if value is not None}
    assert ask(root, secret, headers)[::2] == (403, kind)


def test_another_body_than_was_signed_is_refused(root: Path, secret: str) -> None:
    answered = ask(root, secret, signed(root, secret), asking("another"))
    assert answered[::2] == (403, "InvalidSignatureException")


def test_every_refusal_of_a_key_says_how_to_get_the_right_one(root: Path, secret: str) -> None:
    for headers in ({}, signed(root, secret, word="guessed"), signed(root, secret, key="somebody")):
        assert 'eval \\"$(make -s env)\\"' in ask(root, secret, headers)[1]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/tried/configuration"),
        ("POST", "/2015-03-31/functions/tried/invocations"),
        ("POST", "/?Action=GetCallerIdentity"),
        ("PUT", "/anything"),
        ("DELETE", "/anything"),
    ],
)
def test_nothing_of_aws_is_answered_without_a_signature(root: Path, secret: str, method: str, path: str) -> None:
    status, _, kind = send(address_of(root), method, path, {})
    assert (status, kind) == (403, "MissingAuthenticationTokenException")


@pytest.mark.parametrize("length", ["-1", "100000000", "9" * 5000, "x", "0x10", "1_0", "\u00b2"])
def test_no_endless_body_is_waited_for(root: Path, secret: str, length: str) -> None:
    host, _, port = address_of(root).partition(":")
    with socket.create_connection((host, int(port)), timeout=60) as client:
        head = f"POST / HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Length: {length}\r\n\r\n"
        client.sendall(head.encode("latin-1"))
        said = b""
        while more := client.recv(4096):
            said += more
    assert b" 413 " in said.partition(b"\r\n")[0]


def test_what_the_laptop_does_not_answer_it_says_to_who_signed(root: Path, secret: str) -> None:
    with pytest.raises(ClientError, match=r"answers Lambda's Invoke, Secrets Manager, .*, nothing else"):
        client_of(root, "dynamodb").list_tables()


def test_a_function_signs_with_a_key_of_its_own_as_long_as_it_is_there(
    root: Path, secret: str, deploy: Callable[..., str], supervisor: SupervisorClient
) -> None:
    client = client_of(root, "lambda")
    assert invoke(client, deploy(READS), secret) == ("precious", None)
    found, _ = invoke(client, deploy(KEYS, name="gone"))
    key, word = found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]
    assert word != shell_secret(root)
    assert ask(root, secret, signed(root, secret, key=key, word=word))[0] == 200
    assert ask(root, secret, signed(root, secret, key=SHELL_ACCESS_KEY, word=word))[0] == 403
    supervisor.delete("function", "gone")
    assert ask(root, secret, signed(root, secret, key=key, word=word))[2] == "UnrecognizedClientException"


def test_a_function_uses_the_secrets_that_the_policies_of_its_role_name_and_no_others(
    root: Path, secret: str, deploy: Callable[..., str], supervisor: SupervisorClient
) -> None:
    client, manager = client_of(root, "lambda"), client_of(root, "secretsmanager")
    other = manager.create_secret(Name="of-somebody-else", SecretString="hidden")["ARN"]
    statement = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": secret}
    supervisor.put("role-policy", "api:reads", {"role": "api", "policy": json.dumps({"Statement": [statement]})})
    name = deploy(READS, name="reads", role="arn:aws:iam::000000000000:role/api")
    for given in (secret, "of-orders"):
        assert invoke(client, name, given) == ("precious", None)
    for given in (other, "of-somebody-else", "of-nobody"):
        answer, error = invoke(client, name, given)
        assert (error, "AccessDeniedException" in answer["errorMessage"]) == ("Unhandled", True)
        assert "not authorized to perform: secretsmanager:GetSecretValue on resource" in answer["errorMessage"]
    assert manager.get_secret_value(SecretId=other)["SecretString"] == "hidden"


@pytest.mark.parametrize(
    ("target", "more"),
    [
        ("GetSecretValue", {"x": "&SecretId=of-the-master&"}),
        ("GetSecretValue", {"x": "&SecretId=of-the-master&Action=PutSecretValue&SecretString=evil&"}),
        ("GetSecretValue", {"&SecretId": "of-the-master", "SecretId=of-the-master&Action": "DeleteSecret"}),
        ("GetSecretValue.PutSecretValue", {"SecretString": "evil"}),
        ("Get_Secret_Value", {}),
        ("BatchGetSecretValue", {"SecretIdList": ["of-the-master"]}),
        ("BatchGetSecretValue", {"Filters": [{"Key": "name", "Values": ["of-the"]}]}),
        ("ListSecrets", {}),
    ],
    ids=str,
)
def test_no_words_of_a_function_get_at_another_secret_or_do_another_thing(
    root: Path, secret: str, deploy: Callable[..., str], supervisor: SupervisorClient, target: str, more: dict[str, Any]
) -> None:
    manager, master = client_of(root, "secretsmanager"), "of-the-master"
    with contextlib.suppress(manager.exceptions.ResourceExistsException):
        manager.create_secret(Name=master, SecretString="hidden")
    key, word = key_of_a_reader(
        root, secret, deploy, supervisor, ["secretsmanager:GetSecret*", "secretsmanager:Batch*"]
    )
    body = json.dumps({"SecretId": secret, **more}, ensure_ascii=False).encode()
    target = f"secretsmanager.{target}"
    _, said, _ = ask(root, secret, signed(root, secret, key=key, word=word, target=target, body=body), body)
    assert "hidden" not in said
    for name, value in ((master, "hidden"), (secret, "precious")):
        assert manager.get_secret_value(SecretId=name)["SecretString"] == value


@pytest.mark.parametrize(
    ("first", "second", "status"),
    [("GetSecretValue", "PutSecretValue", 200), ("PutSecretValue", "GetSecretValue", 403)],
)
def test_a_call_that_is_named_twice_is_the_one_that_was_judged(
    root: Path,
    secret: str,
    deploy: Callable[..., str],
    supervisor: SupervisorClient,
    first: str,
    second: str,
    status: int,
) -> None:
    key, word = key_of_a_reader(root, secret, deploy, supervisor, ["secretsmanager:GetSecretValue"])
    body = json.dumps({"SecretId": secret, "SecretString": "evil"}).encode()
    names = {"target": f"secretsmanager.{first}", "again": f"secretsmanager.{second}"}
    headers = signed(root, secret, key=key, word=word, body=body, **names)
    headers |= {"X-Amz-Target": names["target"], "x-amz-target": names["again"]}
    assert ask(root, secret, headers, body)[0] == status
    assert client_of(root, "secretsmanager").get_secret_value(SecretId=secret)["SecretString"] == "precious"


def test_a_function_invokes_those_that_the_policies_of_its_role_name_and_no_others(
    root: Path, secret: str, deploy: Callable[..., str], supervisor: SupervisorClient, tmp_path: Path
) -> None:
    other = deploy(LEAVES_A_FILE, name="other")
    key, word = key_of_a_reader(root, secret, deploy, supervisor, ["secretsmanager:GetSecretValue"])
    keys = {"aws_access_key_id": key, "aws_secret_access_key": word, "region_name": "eu-west-1"}
    client = boto3.client("lambda", endpoint_url=gateway_url(root), **keys)
    for name in (other, f"arn:aws:lambda:eu-west-1:000000000000:function:{other}", f"{other}:$LATEST", "not-there"):
        for kind in ("RequestResponse", "Event", "DryRun"):
            with pytest.raises(ClientError, match="not authorized to perform: lambda:InvokeFunction on resource"):
                invoke(client, name, str(tmp_path / "ran"), InvocationType=kind)
    statement = {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": f"arn:aws:lambda:*:function:{other}"}
    supervisor.put("role-policy", "reader:reads", {"role": "reader", "policy": json.dumps({"Statement": [statement]})})
    assert not (tmp_path / "ran").exists()
    invoke(client, other, str(tmp_path / "ran"))
    assert (tmp_path / "ran").exists()


def test_a_function_reads_the_logs_that_the_policies_of_its_role_name_and_no_others(
    root: Path, secret: str, deploy: Callable[..., str], supervisor: SupervisorClient
) -> None:
    other, third = deploy(LEAVES_A_FILE, name="other"), deploy(LEAVES_A_FILE, name="third")
    key, word = key_of_a_reader(root, secret, deploy, supervisor, ["secretsmanager:GetSecretValue"])
    keys = {"aws_access_key_id": key, "aws_secret_access_key": word, "region_name": "eu-west-1"}
    client = boto3.client("logs", endpoint_url=gateway_url(root), **keys)
    group = f"arn:aws:logs:eu-west-1:000000000000:log-group:/aws/lambda/{other}"
    for named in ({"logGroupName": f"/aws/lambda/{other}"}, {"logGroupIdentifier": group}):
        with pytest.raises(ClientError, match=rf"perform: logs:FilterLogEvents on resource: {group}:\*"):
            client.filter_log_events(**named)
    with pytest.raises(ClientError, match="not authorized to perform: logs:DescribeLogGroups"):
        client.describe_log_groups()
    statement = {"Effect": "Allow", "Action": "logs:FilterLogEvents", "Resource": f"{group}:*"}
    supervisor.put("role-policy", "reader:reads", {"role": "reader", "policy": json.dumps({"Statement": [statement]})})
    assert client.filter_log_events(logGroupIdentifier=group)["events"] == []
    with pytest.raises(ClientError, match="not authorized"):
        client.filter_log_events(logGroupName=f"/aws/lambda/{third}")


def key_of_a_reader(
    root: Path, secret: str, deploy: Callable[..., str], supervisor: SupervisorClient, actions: list[str]
) -> tuple[str, str]:
    """The key of a function that may do these things with one secret, BatchGetSecretValue as AWS has it allowed."""
    statements = [
        {"Effect": "Allow", "Action": actions, "Resource": secret},
        {"Effect": "Allow", "Action": "secretsmanager:BatchGetSecretValue", "Resource": "*"},
    ]
    supervisor.put("role-policy", "reader:reads", {"role": "reader", "policy": json.dumps({"Statement": statements})})
    name = deploy(KEYS, name="reader", role="arn:aws:iam::000000000000:role/reader")
    found, _ = invoke(client_of(root, "lambda"), name)
    return found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]


def test_the_shells_secret_is_made_once_and_for_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = os.umask(0)
    try:
        with ThreadPoolExecutor(16) as together:
            (made,) = set(together.map(shell_secret, [tmp_path] * 50))
    finally:
        os.umask(before)
    (file,) = checkout_cache(tmp_path).iterdir()
    assert (file.read_text(), file.stat().st_mode & 0o777) == (made, 0o600)
    assert shell_secret(tmp_path / "another") != made
    assert len(made) >= 64
