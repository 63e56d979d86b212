"""How everyone else talks to a checkout's supervisor: finds it, or starts it."""

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psutil

from toolchain.checkout import checkout_root, laptop_state
from toolchain.exclusion import only_ours

from .errors import LaptopError
from .file_lock import held
from .running_code import birth, code_digest

# It has brought back every server by then.
_START_SECONDS = 180.0
_END_SECONDS = 40.0
# Making an instance takes a second or two; a loaded machine gets its time.
_CALL_SECONDS = 180.0


class SupervisorClient:
    """A running supervisor."""

    def __init__(self, root: Path, card: dict[str, Any]) -> None:
        self._root = root
        self._url = urlsplit(str(card["url"]))
        self._token = str(card["token"])
        self.pid = int(card["pid"])
        self._born = card.get("born")
        self._code = card.get("code")
        self.url = str(card["url"])

    @classmethod
    def running(cls, root: Path | None = None) -> "SupervisorClient | None":
        """The supervisor of a checkout, if one runs."""
        root = root or checkout_root()
        try:
            card = json.loads((laptop_state(root) / "supervisor.json").read_text())
            found = cls(root, card)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if found._lives() else None

    @classmethod
    def ensure(cls, root: Path | None = None) -> "SupervisorClient":
        """The supervisor of a checkout, started if none runs; one that is just ending is waited for.

        Raises:
            LaptopError: it does not start; with the reason it gave.
        """
        root = root or checkout_root()
        if sys.platform != "linux":
            raise LaptopError(f"the laptop cloud needs Linux or WSL2, and this is {sys.platform}")
        folder = laptop_state(root)
        # Several resources are made at once: the first caller starts it, the others wait here.
        with held(folder / "start.lock", seconds=_START_SECONDS) as alone:
            if not alone:
                raise LaptopError(
                    f"another process has been starting the laptop's supervisor for {_START_SECONDS:.0f} s"
                )
            found = cls.running(root)
            if found is not None and found._ending():
                found._wait_for_end()
                found = None
            return found or cls._start(root, folder)

    @classmethod
    def _start(cls, root: Path, folder: Path) -> "SupervisorClient":
        log = folder / "supervisor.log"
        ours = checkout_root()
        environment = {**os.environ, "PYTHONPATH": f"{ours}:{ours / 'components'}"}
        with open(log, "wb", opener=only_ours) as output:
            process = subprocess.Popen(  # noqa: S603 - a list of words, no shell
                [sys.executable, "-m", "local.supervisor", str(root)],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            found = cls.running(root)
            if found is not None:
                if found.pid != process.pid:
                    process.terminate()  # one whose starter was killed was first
                return found
            if process.poll() is not None:
                break
            time.sleep(0.05)
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        raise LaptopError(f"the laptop's supervisor did not start: {lines[-1] if lines else 'it said nothing'}")

    def problems(self) -> list[str]:
        """What the supervisor could not bring back when it started."""
        found: list[str] = self._call("GET", "ping")["problems"]
        return found

    def put(self, kind: str, identifier: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Create or update a resource: its facts.

        Raises:
            LaptopError: with one sentence for the user.
        """
        facts: dict[str, Any] = self._call("PUT", f"resources/{kind}/{quote(identifier, safe='')}", spec)["facts"]
        return facts

    def get(self, kind: str, identifier: str) -> dict[str, Any] | None:
        """The facts of a resource, or None."""
        facts: dict[str, Any] | None = self._call("GET", f"resources/{kind}/{quote(identifier, safe='')}")["facts"]
        return facts

    def spec(self, kind: str, identifier: str) -> dict[str, Any] | None:
        """What was asked for when a resource was made or changed last, without what is secret; or None."""
        spec: dict[str, Any] | None = self._call("GET", f"resources/{kind}/{quote(identifier, safe='')}")["spec"]
        return spec

    def delete(self, kind: str, identifier: str) -> None:
        """Remove a resource; what is gone already is fine."""
        self._call("DELETE", f"resources/{kind}/{quote(identifier, safe='')}")

    def resources(self) -> list[dict[str, Any]]:
        """Every resource: kind, identifier, spec, facts, status; of a function also its throttles and DB_HOST."""
        found: list[dict[str, Any]] = self._call("GET", "resources")["resources"]
        return found

    def secret(self, secret_id: str) -> str:
        """The current value of a secret, by ARN.

        Raises:
            LaptopError: it has none.
        """
        value = self._call("GET", f"secrets/{quote(secret_id, safe='')}")["value"]
        if value is None:
            raise LaptopError(f"the secret {secret_id} has no value")
        return str(value)

    @property
    def is_outdated(self) -> bool:
        """Whether it was started with other code than this checkout has now."""
        return self._code != code_digest()

    def restart(self) -> "SupervisorClient":
        """End the supervisor and what it runs in good order, and let another one bring all of it back.

        Raises:
            LaptopError: it does not end, or the other one does not start.
        """
        self._end()
        return SupervisorClient.ensure(self._root)

    def stop(self) -> None:
        """End the supervisor and everything it runs, and remove its state."""
        self._end()
        folder = laptop_state(self._root)
        with held(folder / "start.lock", seconds=_START_SECONDS) as alone:
            if alone and self.running(self._root) is None:
                shutil.rmtree(folder, ignore_errors=True)

    def _end(self) -> None:
        with contextlib.suppress(LaptopError):
            self._call("POST", "stop")  # it may be ending already: its last resource is gone
        self._wait_for_end()

    def _lives(self) -> bool:
        """Whether its process still runs; another one may have its number by now."""
        if self._born is not None:
            return bool(birth(self.pid) == self._born)
        # One of a release that did not say when it was born.
        with contextlib.suppress(psutil.Error):
            command = psutil.Process(self.pid).cmdline()
            return birth(self.pid) is not None and command[-2:] == ["local.supervisor", str(self._root.resolve())]
        return False

    def _ending(self) -> bool:
        """Whether it takes no more orders, though its process is there."""
        try:
            ending: bool = self._call("GET", "ping")["ending"]
        except LaptopError:
            return True
        return ending

    def _wait_for_end(self) -> None:
        deadline = time.monotonic() + _END_SECONDS
        while self._lives():
            if time.monotonic() > deadline:
                raise LaptopError(
                    f"the laptop's supervisor did not end within {_END_SECONDS:.0f} s; end it with `kill -9 {self.pid}`"
                )
            time.sleep(0.02)

    def _call(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=_CALL_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {self._token}"}
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/_laptop/{path}", body=content, headers=headers)
            response = connection.getresponse()
            answer: dict[str, Any] = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise LaptopError(
                f"the laptop's supervisor (process {self.pid}) does not answer at {self.url}: {error}"
            ) from None
        finally:
            connection.close()
        if response.status != 200:
            raise LaptopError(str(answer.get("error", f"the supervisor answered {response.status}")))
        return answer
