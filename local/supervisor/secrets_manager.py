"""Secrets Manager: moto's, inside the supervisor, with the secrets kept in a file that only its owner can read."""

import json
import os
import pickle
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .errors import LaptopError

ACCOUNT = "000000000000"
# moto reads it when it is first imported.
os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT

_READ_ONLY = ("Get", "List", "Describe", "BatchGet", "Validate")


class SecretsManager:
    """The service behind the gateway; `changed` is called after every call that may have changed a secret."""

    def __init__(self, file: Path, *, region: str, changed: Callable[[], None]) -> None:
        import werkzeug.test
        from moto.moto_server.werkzeug_app import create_backend_app
        from moto.secretsmanager.models import secretsmanager_backends

        self._file = file
        self._changed = changed
        self._lock = threading.RLock()
        self._store: Any = secretsmanager_backends[ACCOUNT][region].secrets
        self._client = werkzeug.test.Client(create_backend_app("secretsmanager"), use_cookies=False)
        if file.exists():
            try:
                # Our own file, 0600, in a folder of ours: written by `_save` below.
                self._store.update(pickle.loads(file.read_bytes()))  # noqa: S301
            except Exception as error:  # a pickle that is damaged, or of another moto, raises anything
                raise LaptopError(f"the secrets in {file} cannot be read ({error}); `make down` forgets them") from None

    def request(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Answer one request of the Secrets Manager API: (status, headers, body)."""
        with self._lock:
            response = self._client.post("/", headers=list(headers.items()), data=body)
            answer = response.status_code, {"Content-Type": "application/x-amz-json-1.1"}, response.get_data()
            response.close()
            action = headers.get("X-Amz-Target", "").rsplit(".", 1)[-1]
            if action.startswith(_READ_ONLY):
                return answer
            self._save()
        self._changed()
        return answer

    def value(self, secret_id: str) -> str | None:
        """The current value of a secret by ARN or name, or None when it has none."""
        with self._lock:
            secret = self._store.get(secret_id)
            if secret is None or secret.is_deleted():
                return None
            version = secret.versions.get(secret.default_version_id) or {}
            found: str | None = version.get("secret_string")
            return found

    def arns(self, *, prefix: str) -> list[str]:
        """The ARNs of all secrets whose name starts so."""
        with self._lock:
            secrets = [each for each in self._store.values() if not each.is_deleted()]
            return [str(each.arn) for each in secrets if each.name.startswith(prefix)]

    def create(self, name: str, value: str, *, description: str) -> str:
        """Make a secret on behalf of a service, as RDS does for its master users: its ARN."""
        body = json.dumps(
            {
                "Name": name,
                "SecretString": value,
                "Description": description,
                "ClientRequestToken": os.urandom(16).hex(),
            }
        )
        status, _, answer = self.request(_signed("CreateSecret"), body.encode())
        if status != 200:
            raise LaptopError(f"the secret {name} could not be made: {answer.decode(errors='replace')}")
        arn: str = json.loads(answer)["ARN"]
        return arn

    def delete(self, secret_id: str) -> None:
        """Remove a secret at once."""
        body = json.dumps({"SecretId": secret_id, "ForceDeleteWithoutRecovery": True})
        self.request(_signed("DeleteSecret"), body.encode())

    def __len__(self) -> int:
        with self._lock:
            return sum(1 for secret in self._store.values() if not secret.is_deleted())

    def _save(self) -> None:
        aside = self._file.with_suffix(".new")
        aside.unlink(missing_ok=True)
        aside.touch(mode=0o600)
        aside.write_bytes(pickle.dumps(dict(self._store)))
        aside.replace(self._file)


def _signed(action: str) -> dict[str, str]:
    scope = "laptop/20260101/eu-west-1/secretsmanager/aws4_request"
    return {
        "X-Amz-Target": f"secretsmanager.{action}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Host": "secretsmanager.eu-west-1.amazonaws.com",
    }
