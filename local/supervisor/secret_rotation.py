"""RotateSecret: stages a new version of a secret, and has the secret's own function do the four steps.

As Secrets Manager does (User Guide, "Rotate AWS Secrets Manager secrets"; API reference, RotateSecret): the answer
comes at once and the steps follow; one that fails is tried again from the first step, with the same version; until that
version is current, RotateSecret refuses to begin another and has that one tried again. It differs in that nothing is
rotated by the calendar: a laptop's secret changes when somebody asks for it.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from .errors import RefusedError
from .secrets_manager import SecretsManager

# AWS tries "multiple times" and does not say how often, nor when.
_PAUSES_SECONDS = (1.0, 3.0)
_STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")
_DAY_SECONDS = 86_400

Response = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""


class SecretRotation:
    """The rotations of all secrets; `run` invokes a function, by ARN, and tells whether it succeeded.

    `run` raises KeyError when there is no such function.
    """

    def __init__(
        self, secrets: SecretsManager, run: Callable[[str, bytes], bool], exists: Callable[[str], bool]
    ) -> None:
        self._secrets = secrets
        self._run = run
        self._exists = exists
        self._lock = threading.Lock()
        # Secret and version → whether it was asked for again meanwhile.
        self._under_way: dict[tuple[str, str], bool] = {}

    def request(self, asked: dict[str, Any]) -> Response:
        """Answer RotateSecret."""
        try:
            answer = self._begin(asked)
        except RefusedError as refused:
            return _response(400, {"__type": refused.kind, "message": str(refused)})
        return _response(200, answer)

    def resume(self) -> None:
        """Go on with the rotations that the end of the last supervisor interrupted."""
        for arn in self._secrets.arns(prefix=""):
            with self._secrets.editing(arn) as secret:
                token = _pending(secret)
                enabled = secret.rotation_enabled
            if enabled and token is not None:
                self._start(arn, token)

    def _begin(self, asked: dict[str, Any]) -> dict[str, str]:
        token = str(asked["ClientRequestToken"])
        at_once = asked.get("RotateImmediately", True)
        with self._secrets.editing(str(asked["SecretId"])) as secret:
            if secret is None or secret.is_deleted():
                raise RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
            function = asked.get("RotationLambdaARN") or secret.rotation_lambda_arn
            if not function:
                raise RefusedError(
                    "InvalidRequestException", "No Lambda rotation function ARN is associated with this secret."
                )
            if not self._exists(function):
                raise RefusedError(
                    "AccessDeniedException",
                    f"Secrets Manager cannot invoke the specified Lambda function: {function} is not on this laptop",
                )
            current = secret.versions.get(secret.default_version_id)
            if current is None:
                raise RefusedError("InvalidRequestException", f"The secret {secret.name} has no value to rotate.")
            days = (asked.get("RotationRules") or {}).get("AutomaticallyAfterDays")
            secret.rotation_requested = secret.rotation_enabled = True
            secret.rotation_lambda_arn = function
            if days is not None:
                secret.auto_rotate_after_days = days
            before = _pending(secret)
            if before is None:
                # Version and function are asked for by the steps, so the version stands there before the first one.
                secret.versions[token] = {
                    "createdate": int(time.time()),
                    "version_id": token,
                    "version_stages": ["AWSPENDING"],
                    **({} if at_once else {key: current[key] for key in current if key.startswith("secret_")}),
                }
                for version, each in secret.versions.items():
                    if version != token and "AWSPENDING" in each["version_stages"]:
                        each["version_stages"].remove("AWSPENDING")
        if before is not None:
            if at_once:
                self._start(secret.arn, before)
            raise RefusedError(
                "InvalidRequestException", "A previous rotation isn't complete. That rotation will be reattempted."
            )
        if at_once:
            self._start(secret.arn, token)
        else:
            self._try_out(secret.arn, token)
        return {"ARN": secret.arn, "Name": secret.name, "VersionId": token}

    def _try_out(self, arn: str, token: str) -> None:
        """Have the function test a login with a copy of the value; as on AWS its log alone tells how that went."""
        self._step("testSecret", arn, token)
        with self._secrets.editing(arn) as secret:
            if secret is not None:
                secret.versions.pop(token, None)

    def _start(self, arn: str, token: str) -> None:
        with self._lock:
            known = (arn, token) in self._under_way
            self._under_way[arn, token] = known
        if not known:
            threading.Thread(target=self._rotate, args=(arn, token), daemon=True, name="rotates-a-secret").start()

    def _rotate(self, arn: str, token: str) -> None:
        pauses = iter(_PAUSES_SECONDS)
        while not all(self._step(step, arn, token) for step in _STEPS):
            pause = next(pauses, None)
            if pause is not None:
                time.sleep(pause)
            elif self._asked_again(arn, token):
                pauses = iter(_PAUSES_SECONDS)
            else:
                return
        with self._lock:
            del self._under_way[arn, token]
        self._done(arn)

    def _asked_again(self, arn: str, token: str) -> bool:
        with self._lock:
            again = self._under_way.pop((arn, token))
            if again:
                self._under_way[arn, token] = False
            return again

    def _step(self, step: str, arn: str, token: str) -> bool:
        with self._secrets.editing(arn) as secret:
            function = None if secret is None else secret.rotation_lambda_arn
        event = {"Step": step, "SecretId": arn, "ClientRequestToken": token}
        try:
            return function is not None and self._run(function, json.dumps(event).encode())
        except KeyError:
            return False  # the function was deleted meanwhile

    def _done(self, arn: str) -> None:
        with self._secrets.editing(arn) as secret:
            if secret is not None:
                secret.last_rotation_date = int(time.time())
                if secret.auto_rotate_after_days:
                    secret.next_rotation_date = int(time.time()) + secret.auto_rotate_after_days * _DAY_SECONDS


def _pending(secret: Any) -> str | None:  # noqa: ANN401 - moto's own record
    """The version of a rotation that is not complete."""
    for version, each in secret.versions.items():
        if "AWSPENDING" in each["version_stages"] and "AWSCURRENT" not in each["version_stages"]:
            return str(version)
    return None


def _response(status: int, body: dict[str, str]) -> Response:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode()
