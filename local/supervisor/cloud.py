"""The resources of the laptop cloud: remembered, changed one at a time, and how kinds affect each other."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .account import Account
from .certificates import Authority
from .credentials import Credentials
from .errors import LaptopError
from .functions import Functions
from .instances import Instances
from .proxies import Proxies
from .proxy_logins import ProxyLogins
from .secret_rotation import SecretRotation
from .secrets_manager import SecretsManager
from .state import Resource, State

Spec = dict[str, Any]
Facts = dict[str, Any]


class Cloud:
    """Everything one checkout's supervisor runs. All changes go through `put` and `delete`, one at a time.

    `functions`, `secrets` and `rotation` are services that answer without our lock.
    """

    def __init__(
        self, folder: Path, *, account_hash: str, subnet: str, region: str, gateway: str, libraries: Callable[[], Path]
    ) -> None:
        self._lock = threading.RLock()
        self._state = State(folder / "resources.json")
        self._account = Account(
            folder=folder,
            state=self._state,
            authority=Authority(folder / "authority"),
            account_hash=account_hash,
            region=region,
            subnet=subnet,
        )
        credentials = Credentials(folder / "credentials.key")
        self.secrets = SecretsManager(folder / "secrets.pickle", region=region, changed=self._secrets_changed)
        self._logins = ProxyLogins(self._state, self.secrets.value, region=region)
        self._instances = Instances(self._account, self.secrets)
        self._proxies = Proxies(self._account, self._instances, logins=self._logins, credentials=credentials)
        self.functions = Functions(self._account, credentials, gateway=gateway, libraries=libraries)
        self.rotation = SecretRotation(self.secrets, self.functions.succeeds, self.functions.exists)
        self.problems: list[str] = []

    # Kinds in the order in which they can be brought back.
    def restore(self) -> None:
        """Bring back everything that was there when the last supervisor ended; what fails is kept in `problems`."""
        with self._lock:
            self._instances.forget_secrets_of_nobody()
            for kind in ("instance", "proxy", "function"):
                for resource in self._state.all(kind):
                    try:
                        self._make(resource)
                    except (LaptopError, OSError) as error:
                        self.problems.append(f"{kind} {resource.identifier}: {error}")
            self._settle()
            self.rotation.resume()

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to run."""
        return not self._state.all() and not len(self.secrets)

    def resources(self) -> list[dict[str, Any]]:
        """Every resource with its status."""
        with self._lock:
            found = self._state.all()
        # Asks servers: others go on.
        return [
            {
                **_shown(each),
                "status": self._status(each),
                **(self.functions.numbers(each.identifier) if each.kind == "function" else {}),
            }
            for each in found
        ]

    def describe(self, kind: str, identifier: str) -> dict[str, Any]:
        """What was asked for and the facts of a resource, both None when there is none; nothing secret is in it."""
        with self._lock:
            found = self._state.get(kind, identifier)
            shown = {} if found is None else _shown(found)
            return {"spec": shown.get("spec"), "facts": shown.get("facts")}

    def put(self, kind: str, identifier: str, spec: Spec) -> Facts:
        """Make a resource, or bring it to another specification; what exists already is adopted."""
        with self._lock:
            known = self._state.get(kind, identifier)
            resource = Resource(kind, identifier, spec, dict(known.facts) if known else {})
            try:
                self._make(resource)
            except BaseException:
                if known is None:
                    self._drop(resource)
                raise
            self._state.put(resource)
            self._settle()
            return resource.facts

    def delete(self, kind: str, identifier: str) -> None:
        """Remove a resource; what is gone already is fine."""
        with self._lock:
            resource = self._state.get(kind, identifier)
            if resource is None:
                return
            self._drop(resource)
            self._state.remove(kind, identifier)
            if kind == "proxy":
                self._state.remove("target-group", identifier)
                for target in self._state.all("target"):
                    if target.spec["proxyName"] == identifier:
                        self._state.remove("target", target.identifier)
            self._settle()

    def stop(self) -> None:
        """End every process; nothing is forgotten."""
        with self._lock:
            self.functions.stop()
            self._proxies.stop()
            self._instances.stop()

    def _make(self, resource: Resource) -> None:
        makers: dict[str, Callable[[Resource], None]] = {
            "parameter-group": lambda _: None,  # read by the instances that name it
            "role-policy": lambda _: None,  # read by the IAM gates
            "instance": self._instances.make,
            "proxy": self._proxies.make,
            "target-group": self._proxies.make_target_group,
            "target": self._proxies.make_target,
            "function": self.functions.make,
        }
        if resource.kind not in makers:
            raise LaptopError(f'the laptop has no resources of kind "{resource.kind}"')
        makers[resource.kind](resource)

    def _drop(self, resource: Resource) -> None:
        """End what a resource runs and remove its files; it may be half made."""
        if resource.kind == "function":
            self.functions.drop(resource.identifier)
        if resource.kind == "proxy":
            self._proxies.drop(resource.identifier)
        if resource.kind == "instance":
            self._instances.drop(resource)

    def _settle(self) -> None:
        """Bring all that runs to what is stored now; whoever knows it already is told nothing.

        It does not ask what has changed: a change that some server must hear of cannot be left out.
        """
        self._account.write_hosts()
        self._instances.admit(self._logins.roles())
        self._proxies.settle()

    def _secrets_changed(self) -> None:
        with self._lock:
            self._settle()

    def _status(self, resource: Resource) -> str:
        match resource.kind:
            case "instance":
                return self._instances.status(resource.identifier)
            case "proxy":
                return self._proxies.status(resource.identifier)
            case "target":
                return self._proxies.target_status(resource)
        return "available"


def _shown(resource: Resource) -> dict[str, Any]:
    hidden = {"password", "environment"}
    spec = {key: value for key, value in resource.spec.items() if key not in hidden}
    return {"kind": resource.kind, "identifier": resource.identifier, "spec": spec, "facts": resource.facts}
