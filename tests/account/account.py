"""An AWS account in a file: what is in it, and who may change it, one after the other.

The file is SQLite's: several providers, and the test beside them, write into it at once, and none writes all of it. Its
modules beside this one are AWS's services. Each knows a service's doings that a laptop without that service cannot, and
says from where (`source:`).
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from local.provider import ACCOUNT
from local.provider.properties import Properties
from local.provider.types.row import Backed, Resource
from local.supervisor.errors import LaptopError

_SECONDS = 60.0  # that another process may keep the file


class RefusedError(LaptopError):
    """What AWS answers when it does not do what it is asked: an error's code and its message."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(f"api error {code}: {message}")


class Account:
    """Everything in an account, by its kind and name; its settings are of a kind too."""

    def __init__(self, file: Path) -> None:
        self._mutex = threading.RLock()
        self._depth = 0
        self._file = sqlite3.connect(file, timeout=_SECONDS, isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA synchronous = OFF")
        self._file.execute("CREATE TABLE IF NOT EXISTS things (kind, name, data, PRIMARY KEY (kind, name))")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes anything in between, and what fails changes nothing."""
        with self._mutex:
            if not self._depth:
                self._file.execute("BEGIN IMMEDIATE")
            self._depth += 1
            done = False
            try:
                yield
                done = True
            finally:
                self._depth -= 1
                if not self._depth:
                    self._file.execute("COMMIT" if done else "ROLLBACK")

    def get(self, kind: str, name: str) -> Properties | None:
        """One thing, or None."""
        with self._mutex:
            found = self._file.execute("SELECT data FROM things WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        return json.loads(found[0]) if found else None

    def put(self, kind: str, name: str, data: Properties) -> None:
        """Make or change a thing."""
        with self._mutex:
            self._file.execute("INSERT OR REPLACE INTO things VALUES (?, ?, ?)", (kind, name, json.dumps(data)))

    def remove(self, kind: str, name: str) -> None:
        """Remove a thing; what is gone already is fine."""
        with self._mutex:
            self._file.execute("DELETE FROM things WHERE kind = ? AND name = ?", (kind, name))

    def all(self, kind: str) -> dict[str, Properties]:
        """Everything of a kind, by name."""
        with self._mutex:
            found = self._file.execute("SELECT name, data FROM things WHERE kind = ? ORDER BY name", (kind,)).fetchall()
        return {name: json.loads(data) for name, data in found}

    def left(self) -> list[tuple[str, str]]:
        """(kind, name) of everything in it but its settings."""
        with self._mutex:
            rows = self._file.execute("SELECT kind, name FROM things WHERE kind != 'setting' ORDER BY kind, name")
            return [(kind, name) for kind, name in rows.fetchall()]

    def setting(self, name: str, default: Any) -> Any:
        """What holds for the whole account."""
        found = self.get("setting", name)
        return default if found is None else found["value"]

    def set(self, name: str, value: Any) -> None:
        """State what holds for the whole account."""
        self.put("setting", name, {"value": value})

    @property
    def today(self) -> int:
        """The day, counted from when the account was made."""
        return int(self.setting("today", 0))

    def pass_days(self, days: int) -> None:
        """Let time go by."""
        self.set("today", self.today + days)


class Service(Backed):
    """What a service does with one type: made, changed, read and deleted while nobody else changes the account."""

    kind: ClassVar[str]

    def __init__(self, account: Account) -> None:
        self.account = account

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        with self.account.alone():
            return self.update(resource) if resource.olds else self.create(resource)

    def read(self, identifier: str, state: Properties) -> Properties | None:
        with self.account.alone():
            return self.found(identifier, state)

    def delete(self, identifier: str, state: Properties) -> None:
        with self.account.alone():
            self.gone(identifier, state)

    def create(self, resource: Resource) -> tuple[str, Properties]:
        """Make it: (id, outputs)."""
        raise NotImplementedError

    def update(self, resource: Resource) -> tuple[str, Properties]:
        """Change it: (id, outputs)."""
        return self.create(resource)

    def found(self, identifier: str, state: Properties) -> Properties | None:
        """What the provider reads of it now; None when it is gone."""
        return None if self.account.get(self.kind, identifier) is None else {}

    def gone(self, identifier: str, state: Properties) -> None:
        """Delete it."""
        self.account.remove(self.kind, identifier)


class Kept(Service):
    """A type whose service does with it what it is told; but a name can be taken, and who lost it is told.

    Its id and outputs are those of the type's row.
    """

    def __init__(self, account: Account, token: str) -> None:
        super().__init__(account)
        self._token = token

    def create(self, resource: Resource) -> tuple[str, Properties]:
        key = self._key(resource.id, resource.inputs)
        if self.account.get(self._token, key) is not None:
            raise RefusedError("AlreadyExists", f"{self._token.rsplit(':', 1)[1]} {key} already exists")
        return self.update(resource)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        # What it is made of stands in the state of the stack; a subnet's addresses are counted.
        kept = {"urn": resource.urn, "cidrBlock": resource.inputs.get("cidrBlock")}
        self.account.put(self._token, self._key(resource.id, resource.inputs), kept)
        return resource.id, resource.row.outputs(resource)

    def found(self, identifier: str, state: Properties) -> Properties | None:
        return None if self.account.get(self._token, self._key(identifier, state)) is None else {}

    def gone(self, identifier: str, state: Properties) -> None:
        self.account.remove(self._token, self._key(identifier, state))

    @staticmethod
    def _key(identifier: str, inputs: Properties) -> str:
        """Names are unique in what holds them: a policy in its role, a filter in its log group."""
        holder = next((str(inputs[key]) for key in ("role", "logGroupName", "function") if key in inputs), "")
        return f"{holder}/{identifier}" if holder else identifier


def arn(service: str, region: str, resource: str) -> str:
    """An ARN of this account."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"
