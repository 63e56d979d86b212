"""The laptop's AWS endpoint: Lambda's Invoke API, Secrets Manager, and the supervisor's control API."""

# ruff: noqa: N802 - the library's names
import base64
import json
import re
import secrets
import threading
from http.server import ThreadingHTTPServer
from urllib.parse import unquote

from .cloud import Cloud
from .environment_pool import ThrottledError
from .errors import LaptopError, RefusedError
from .http_handler import Handler
from .request_signatures import SignedRequest, access_key

CONTROL = "/_laptop/"
_INVOKE = re.compile(r"/2015-03-31/functions/(?P<name>[^/]+)/invocations")
_LIST = "/2015-03-31/functions"
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
            self._aws_error(403, refused.kind, str(refused))

    def _aws(self, body: bytes) -> None:
        """Answer a call of AWS's API that somebody known here signed.

        Raises:
            RefusedError: nobody known here did, or who did may not.
        """
        path, target = self.path.split("?")[0].rstrip("/"), self.headers.get("X-Amz-Target", "")
        cloud = self.server.cloud
        service = "secretsmanager" if target.startswith("secretsmanager.") else None
        service = "lambda" if path.startswith(_LIST) else service
        request = SignedRequest(method=self.command, target=self.path, headers=self.headers, body=body)
        signer = access_key(request, cloud.secret_key, service=service)
        configuration, invoke = _CONFIGURATION.fullmatch(path), _INVOKE.fullmatch(path)
        if configuration and self.command == "GET":
            self._configuration(unquote(configuration["name"]))
        elif path == _LIST and self.command == "GET":
            self._json(200, {"Functions": [{"FunctionName": name} for name in cloud.functions.names()]})
        elif invoke and self.command == "POST":
            self._invoke(unquote(invoke["name"]), body)
        elif service == "secretsmanager" and self.command == "POST":
            cloud.check_use(signer, target.replace(".", ":"), _secret_id(body))
            if target == "secretsmanager.RotateSecret":
                self.send(*cloud.rotation.request(body))
                return
            self.send(*cloud.secrets.request(dict(self.headers.items()), body))
            self._end_when_empty()
        elif self.command == "POST":
            answered = "the laptop answers Lambda's Invoke and Secrets Manager, nothing else"
            self._aws_error(404, "UnknownOperationException", answered)
        else:
            answered = f"the laptop does not answer {self.command} {self.path}"
            self._aws_error(404, "ResourceNotFoundException", answered)

    def _configuration(self, name: str) -> None:
        found = self.server.cloud.functions.configuration(name)
        if found is None:
            self._aws_error(404, "ResourceNotFoundException", f"Function not found: {name}", user=True)
        else:
            self._json(200, found)

    def _invoke(self, name: str, body: bytes) -> None:
        kind = self.headers.get("X-Amz-Invocation-Type", "RequestResponse")
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


def _secret_id(body: bytes) -> str:
    """Which secret a call is about; calls about none, such as GetRandomPassword, are about "*"."""
    try:
        return str(json.loads(body)["SecretId"])
    except (ValueError, KeyError, TypeError):
        return "*"
