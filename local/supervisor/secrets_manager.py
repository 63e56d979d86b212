"""Secrets Manager: moto's, inside the supervisor, with the secrets kept in a file that only its owner can read."""

import json
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import LaptopError
from .private_file import write_private

ACCOUNT = "000000000000"
# moto reads it when it is first imported.
os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT

# How long a reader waits for that; the proxies hear it at once unless an instance is being made.
_TELLING_SECONDS = 1.0
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
        self._told = threading.Condition(self._lock)
        self._untold = 0
        self._backend = secretsmanager_backends[ACCOUNT][region]
        self._store: Any = self._backend.secrets
        self._client = werkzeug.test.Client(create_backend_app("secretsmanager"), use_cookies=False)
        # By its scope moto knows the region.
        self._signed = f"AWS4-HMAC-SHA256 Credential=laptop/20000101/{region}/secretsmanager/aws4_request"
        if file.exists():
            try:
                # Our own file, 0600, in a folder of ours: written by `_save` below.
                self._store.update(pickle.loads(file.read_bytes()))  # noqa: S301
            except Exception as error:  # a pickle that is damaged, or of another moto, raises anything
                raise LaptopError(f"the secrets in {file} cannot be read ({error}); `make down` forgets them") from None

    def request(self, action: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Answer one call of the Secrets Manager API, such as GetSecretValue: (status, headers, body)."""
        if action.startswith(_READ_ONLY):
            with self._told:
                # Nobody is to be handed a password that the proxies do not take yet.
                self._told.wait_for(lambda: not self._untold, timeout=_TELLING_SECONDS)
                return self._answer(action, asked)
        with self._changing():
            answer = self._answer(action, asked)
            self._follow_current(str(asked.get("SecretId")))
        return answer

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep what the block changes, and tell of it."""
        with self._lock:
            yield
            self._save()
            self._untold += 1
        # Without our lock: whoever is told reads the values, under a lock of his own.
        try:
            self._changed()
        finally:
            with self._told:
                self._untold -= 1
                self._told.notify_all()

    def _answer(self, action: str, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        # Nothing of the client's own: moto reads every body as a form first, whose Action and SecretId go before those
        # that were judged. Without an ampersand the whole text is one field, of a name that nobody asks for.
        headers = {"X-Amz-Target": f"secretsmanager.{action}", "Authorization": self._signed}
        body = json.dumps(asked).replace("&", "\\u0026")
        response = self._client.post("/", headers=headers, data=body, content_type="application/x-amz-json-1.1")
        answer = response.status_code, {"Content-Type": "application/x-amz-json-1.1"}, response.get_data()
        response.close()
        return answer

    def _follow_current(self, secret_id: str) -> None:
        """Let the value without a stage be that of AWSCURRENT, which moto forgets when the stage is moved.

        A version without a stage is deprecated, and Secrets Manager deletes it: so nothing keeps an old password.
        """
        secret = self._store.get(secret_id)
        for version, each in list(secret.versions.items()) if secret is not None else ():
            if "AWSCURRENT" in each["version_stages"]:
                secret.set_default_version_id(version)
            if not each["version_stages"]:
                del secret.versions[version]

    @contextmanager
    def editing(self, secret_id: str) -> Iterator[Any]:
        """Moto's own record of a secret, None if there is none; what is changed in it is kept."""
        with self._lock:
            yield self._store.get(secret_id)
            self._save()

    def value(self, secret_id: str) -> str | None:
        """The current value of a secret by ARN or name, or None when it has none."""
        with self._lock:
            secret = self._store.get(secret_id)
            if secret is None or secret.is_deleted():
                return None
            version = secret.versions.get(secret.default_version_id) or {}
            found: str | None = version.get("secret_string")
            return found

    def arn(self, secret_id: str) -> str | None:
        """The ARN of a secret by ARN or name, or None when there is none."""
        with self._lock:
            secret = self._store.get(secret_id)
            return None if secret is None else str(secret.arn)

    def arns(self, *, prefix: str) -> list[str]:
        """The ARNs of all secrets whose name starts so."""
        with self._lock:
            secrets = [each for each in self._store.values() if not each.is_deleted()]
            return [str(each.arn) for each in secrets if each.name.startswith(prefix)]

    def create(self, name: str, value: str, *, description: str) -> str:
        """Make a secret on behalf of a service, as RDS does for its master users: its ARN."""
        with self._changing():
            version = os.urandom(16).hex()
            made = self._backend.create_secret(name, value, None, description, [], None, version, [], False)
        return str(json.loads(made)["ARN"])

    def delete(self, secret_id: str) -> None:
        """Remove a secret at once."""
        with self._changing():
            self._backend.delete_secret(secret_id, None, force_delete_without_recovery=True)

    def __len__(self) -> int:
        with self._lock:
            return sum(1 for secret in self._store.values() if not secret.is_deleted())

    def _save(self) -> None:
        write_private(self._file, pickle.dumps(dict(self._store)))
