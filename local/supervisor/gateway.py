"""The laptop's AWS endpoint: Lambda's Invoke API, Secrets Manager, logs, who asks, and the supervisor's control API."""

# ruff: noqa: N802 - the library's names
import base64
import json
import re
import secrets
import threading
from collections.abc import Callable
from functools import partial
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from ..iam.statements import is_allowed
from .cloud import Cloud
from .environment_pool import ThrottledError
from .errors import LaptopError, RefusedError
from .http_handler import Handler
from .request_signatures import SignedRequest, access_key
from .secrets_manager import ACCOUNT

CONTROL = "/_laptop/"
_INVOKE = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
_LIST = "/2015-03-31/functions"
_TARGETS = {"secretsmanager": "secretsmanager", "Logs_20140328": "logs"}
# The one call of STS, which `pulumi logs` begins with.
_WHO = b"Action=GetCallerIdentity&"
# Of what else they say, nothing names a secret that they use.
_ABOUT_NONE = ("CreateSecret", "GetRandomPassword", "ListSecrets")
# Bytes of an event whose answer is waited for, and of one that is not: Lambda Developer Guide, "Lambda quotas" (6 MB, 1
# MB). The sentences are those of callers' logs in public issues (aws-athena-query-federation 793, ASFHyP3/hyp3 2241).
_LARGEST_EVENT = 6 * 1024 * 1024
_LARGEST_LATER = 1024 * 1024
_CONFIGURATION = re.compile(_LIST + r"/(?P<name>[^/]+)/configuration")


class Gateway(ThreadingHTTPServer):
    """Serves at one address until `shutdown`; `token` opens the control API, `ended` ends the supervisor."""

    daemon_threads = True
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, address: tuple[str, int], cloud: Cloud, token: str, *, ended: threading.Event) -> None:
        self.cloud = cloud
        self.token = token
        self.ended = ended
        super().__init__(address, _Handler)


class _Handler(Handler):
    server: Gateway

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        self._answer(self.body())

    def do_PUT(self) -> None:
        self._answer(self.body())

    def do_DELETE(self) -> None:
        self._answer(self.body())

    def _answer(self, body: bytes) -> None:
        if self.path.startswith(CONTROL):
            self._control(self.command, body)
            return
        try:
            self._aws(body)
        except RefusedError as refused:
            self._aws_error(refused.status, refused.kind, str(refused))

    def _aws(self, body: bytes) -> None:
        """Answer a call of AWS's API that somebody known here signed.

        Raises:
            RefusedError: nobody known here did, or who did may not.
        """
        path, target = self.path.split("?")[0].rstrip("/"), self.headers.get("X-Amz-Target", "")
        cloud = self.server.cloud
        service = "lambda" if path.startswith(_LIST) else _TARGETS.get(target.partition(".")[0])
        service = "sts" if not path and not target and body.startswith(_WHO) else service
        request = SignedRequest(method=self.command, target=self.path, headers=self.headers, body=body)
        principals = cloud.principals()
        signer = access_key(request, lambda key: principals.get(key, {}).get("secret"), service=service)
        check = partial(_check_use, signer, principals[signer]["statements"])
        configuration, invoke = _CONFIGURATION.fullmatch(path), _INVOKE.fullmatch(path)
        if configuration and self.command == "GET":
            self._configuration(unquote(configuration["name"]))
        elif path == _LIST and self.command == "GET":
            self._json(200, {"Functions": [{"FunctionName": name} for name in cloud.functions.names()]})
        elif invoke and self.command == "POST":
            name = unquote(invoke["name"])
            check("lambda:InvokeFunction", cloud.functions.arn(name))
            self._invoke(name, body)
        elif service == "secretsmanager" and self.command == "POST":
            self._secrets_manager(check, target, body)
        elif service == "logs" and self.command == "POST":
            self._logs(check, target, body)
        elif service == "sts" and self.command == "POST":
            self.send(200, {"Content-Type": "text/xml"}, _caller(signer))
        elif self.command == "POST":
            answered = "the laptop answers Lambda's Invoke, Secrets Manager, reading logs and who asks, nothing else"
            self._aws_error(404, "UnknownOperationException", answered)
        else:
            answered = f"the laptop does not answer {self.command} {self.path}"
            self._aws_error(404, "ResourceNotFoundException", answered)

    def _logs(self, check: Callable[[str, str], None], target: str, body: bytes) -> None:
        logs, action, asked = self.server.cloud.logs, target.partition(".")[2], _object(body)
        if asked is None:
            self._aws_error(400, "SerializationException", "the call is not JSON with an object")
            return
        check(f"logs:{action}", logs.resource(asked))
        self._json(200, logs.request(action, asked))

    def _secrets_manager(self, check: Callable[[str, str], None], target: str, body: bytes) -> None:
        cloud, action, asked = self.server.cloud, target.partition(".")[2], _object(body)
        if asked is None or not action.isalpha():
            self._aws_error(400, "SerializationException", "the call is not JSON with an object, or of no API")
            return
        for each, secret_id in _uses(action, asked):
            check(f"secretsmanager:{each}", cloud.secrets.arn(secret_id) or secret_id)
        if action == "RotateSecret":
            self.send(*cloud.rotation.request(asked))
            return
        self.send(*cloud.secrets.request(action, asked))
        self._end_when_empty()

    def _configuration(self, name: str) -> None:
        found = self.server.cloud.functions.configuration(name)
        if found is None:
            self._aws_error(404, "ResourceNotFoundException", f"Function not found: {name}", user=True)
        else:
            self._json(200, found)

    def _invoke(self, name: str, body: bytes) -> None:
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if too_large := _too_large(kind, len(body)):
            self._aws_error(413, "RequestEntityTooLargeException", too_large, user=True)
            return
        if not self.server.cloud.functions.exists(name):
            self._aws_error(404, "ResourceNotFoundException", f"Function not found: {name}", user=True)
            return
        if kind == "DryRun":
            self.send(204, {}, b"")
            return
        if kind == "Event":
            threading.Thread(
                target=self.server.cloud.functions.invoke_later, args=(name, body or b"{}"), daemon=True
            ).start()
            self.send(202, {}, b"")
            return
        try:
            answer = self.server.cloud.functions.invoke(name, body or b"{}")
        except ThrottledError as error:
            self._aws_error(429, "TooManyRequestsException", f"Rate Exceeded: {error}", user=True)
            return
        headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST"}
        if answer.error:
            headers["X-Amz-Function-Error"] = answer.error
        if self.headers.get("X-Amz-Log-Type") == "Tail":
            headers["X-Amz-Log-Result"] = base64.b64encode(answer.log).decode()
        self.send(200, headers, answer.payload)

    def _control(self, method: str, body: bytes = b"") -> None:
        if not secrets.compare_digest(
            self.headers.get("Authorization", "").encode(), f"Bearer {self.server.token}".encode()
        ):
            self._json(403, {"error": "this is the control API of another checkout's supervisor"})
            return
        cloud = self.server.cloud
        parts = [unquote(part) for part in self.path.removeprefix(CONTROL).split("/")]
        try:
            match method, parts:
                case "GET", ["ping"]:
                    self._json(200, {"problems": cloud.problems, "ending": self.server.ended.is_set()})
                case "GET", ["resources"]:
                    self._json(200, {"resources": cloud.resources()})
                case "GET", ["secrets", secret_id]:
                    self._json(200, {"value": cloud.secrets.value(secret_id)})
                case "POST", ["stop"]:
                    self._json(200, {})
                    self.server.ended.set()
                case "GET", ["resources", kind, identifier]:
                    self._json(200, cloud.describe(kind, identifier))
                case "PUT", ["resources", kind, identifier]:
                    self._json(200, {"facts": cloud.put(kind, identifier, json.loads(body))})
                case "DELETE", ["resources", kind, identifier]:
                    cloud.delete(kind, identifier)
                    self._json(200, {})
                    self._end_when_empty()
                case _:
                    self._json(404, {"error": f"no control call {method} {self.path}"})
        except LaptopError as error:
            self._json(409, {"error": str(error)})
        except Exception as error:
            self._json(500, {"error": f"the supervisor failed: {type(error).__name__}: {error}"})
            raise

    def _end_when_empty(self) -> None:
        if self.server.cloud.empty:
            self.wfile.flush()
            self.server.ended.set()

    def _aws_error(self, status: int, kind: str, message: str, *, user: bool = False) -> None:
        said = {"Type": "User" if user else "Service", "__type": kind, "Message": message, "message": message}
        body = json.dumps(said).encode()
        self.send(status, {"Content-Type": "application/json", "x-amzn-ErrorType": kind}, body)

    def _json(self, status: int, value: object) -> None:
        self.send(status, {"Content-Type": "application/json"}, json.dumps(value).encode())


def _too_large(kind: str, size: int) -> str | None:
    """What Lambda says of an event of so many bytes; None where it takes it."""
    if kind == "Event":
        limit = f"{size} byte payload is too large for the Event invocation type (limit {_LARGEST_LATER} bytes)"
        return limit if size > _LARGEST_LATER else None
    limit = f"Request must be smaller than {_LARGEST_EVENT} bytes for the InvokeFunction operation"
    return limit if size >= _LARGEST_EVENT else None


def _caller(access_key: str) -> bytes:
    """What STS answers to GetCallerIdentity."""
    said = (
        f"<Arn>arn:aws:iam::{ACCOUNT}:user/{access_key}</Arn><UserId>{access_key}</UserId><Account>{ACCOUNT}</Account>"
    )
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"{said}</GetCallerIdentityResult></GetCallerIdentityResponse>"
    ).encode()


def _check_use(access_key: str, statements: list[dict[str, Any]], action: str, resource: str) -> None:
    """Check that the policies of who signed allow an action; a role without any is not judged.

    Raises:
        RefusedError: they do not.
    """
    if statements and not is_allowed(statements, action=action, resource=resource):
        raise RefusedError(
            "AccessDeniedException",
            f"the function of the key {access_key} is not authorized to perform: {action} on resource: {resource} "
            "because no policy of its role that the laptop can judge allows it",
        )


def _object(body: bytes) -> dict[str, Any] | None:
    """The object in a request's body; None where there is none."""
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _uses(action: str, asked: dict[str, Any]) -> list[tuple[str, str]]:
    """Which actions a call is, on which secrets: "*" where it names none, such as GetRandomPassword."""
    if action == "BatchGetSecretValue":
        # Service Authorization Reference, "AWS Secrets Manager": each secret must be allowed as well.
        named = asked.get("SecretIdList")
        each = [str(one) for one in named] if isinstance(named, list) and "Filters" not in asked else ["*"]
        return [(action, "*"), *(("GetSecretValue", one) for one in each)]
    return [(action, str(asked.get("SecretId", "*")) if action not in _ABOUT_NONE else "*")]
