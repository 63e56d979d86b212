"""The resources of the laptop cloud: remembered, and changed one at a time."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .account import Account
from .certificates import Authority
from .cloudwatch_logs import CloudWatchLogs
from .credentials import Credentials
from .errors import LaptopError
from .kinds.function import Functions
from .kinds.instance import Instances
from .kinds.kind import Kind
from .kinds.parameter_group import ParameterGroups
from .kinds.proxy import Proxies
from .kinds.role_policy import RolePolicies
from .kinds.target import Targets
from .kinds.target_group import TargetGroups
from .proxy_logins import ProxyLogins
from .secret_rotation import SecretRotation
from .secrets_manager import SecretsManager
from .state import Resource, State


class Cloud:
    """Everything one checkout's supervisor runs. All changes go through `put` and `delete`, one at a time.

    `functions`, `logs`, `secrets` and `rotation` are services that answer without our lock.
    """

    def __init__(
        self,
        folder: Path,
        *,
        account_hash: str,
        subnet: str,
        region: str,
        gateway: str,
        libraries: Callable[[], Path],
        shell_secret: str,
    ) -> None:
        self._lock = threading.RLock()
        self._state = State(folder / "resources.json")
        self._account = account = Account(
            folder=folder,
            state=self._state,
            authority=Authority(folder / "authority"),
            account_hash=account_hash,
            region=region,
            subnet=subnet,
        )
        self._credentials = credentials = Credentials(shell_secret)
        self.secrets = SecretsManager(folder / "secrets.pickle", region=region, changed=self._secrets_changed)
        logins = ProxyLogins(self._state, self.secrets.value, region=region)
        self._instances = Instances(account, self.secrets, logins)
        proxies = Proxies(account, logins, credentials)
        self.functions = Functions(account, credentials, gateway=gateway, libraries=libraries)
        self.logs = CloudWatchLogs(
            folder / "functions", self.functions.names, lambda resource: account.arn("logs", resource)
        )
        # In the order in which they can be brought back, and are told of changes.
        kinds: tuple[Kind, ...] = (
            ParameterGroups(),
            RolePolicies(),
            self._instances,
            proxies,
            TargetGroups(account),
            Targets(account, self._instances, proxies),
            self.functions,
        )
        self._kinds = {kind.name: kind for kind in kinds}
        self.rotation = SecretRotation(self.secrets, self.functions.succeeds, self.functions.exists)
        self.problems: list[str] = []

    def restore(self) -> None:
        """Bring back everything that was there when the last supervisor ended; what fails is kept in `problems`."""
        with self._lock:
            self._instances.forget_secrets_of_nobody()
            for name, kind in self._kinds.items():
                for resource in self._state.all(name) if kind.runs else ():
                    try:
                        kind.make(resource)
                    except (LaptopError, OSError) as error:
                        self.problems.append(f"{name} {resource.identifier}: {error}")
            self._settle()
            self.rotation.resume()

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to run."""
        return not self._state.all() and not len(self.secrets)

    def principals(self) -> dict[str, dict[str, Any]]:
        """Access key → secret and policy statements, of every function and of the shell, as of now."""
        return self._credentials.principals(self._state)

    def resources(self) -> list[dict[str, Any]]:
        """Every resource with its status."""
        with self._lock:
            found = [(each, self._kinds[each.kind]) for each in self._state.all()]
        # Asks servers: others go on.
        return [{**_shown(each), "status": kind.status(each), **kind.shown(each)} for each, kind in found]

    def describe(self, kind: str, identifier: str) -> dict[str, Any]:
        """What was asked for and the facts of a resource, both None when there is none; nothing secret is in it."""
        with self._lock:
            found = self._state.get(kind, identifier)
            shown = {} if found is None else _shown(found)
            return {"spec": shown.get("spec"), "facts": shown.get("facts")}

    def put(self, kind: str, identifier: str, spec: dict[str, Any]) -> dict[str, Any]:
        """Make a resource, or bring it to another specification; what exists already is adopted."""
        if kind not in self._kinds:
            raise LaptopError(f'the laptop has no resources of kind "{kind}"')
        with self._lock:
            known = self._state.get(kind, identifier)
            resource = Resource(kind, identifier, spec, dict(known.facts) if known else {})
            try:
                self._kinds[kind].make(resource)
            except BaseException:
                if known is None:
                    self._kinds[kind].drop(resource)
                raise
            self._state.put(resource)
            self._settle()
            return resource.facts

    def delete(self, kind: str, identifier: str) -> None:
        """Remove a resource; what is gone already is fine."""
        with self._lock:
            resource = self._state.get(kind, identifier)
            if resource is not None:
                self._kinds[kind].drop(resource)
                self._state.remove(kind, identifier)
                self._settle()

    def stop(self) -> None:
        """End every process, those first that came last; nothing is forgotten."""
        with self._lock:
            for kind in reversed(self._kinds.values()):
                kind.stop()

    def _settle(self) -> None:
        self._account.write_hosts()
        for kind in self._kinds.values():
            kind.settle()

    def _secrets_changed(self) -> None:
        with self._lock:
            self._settle()


def _shown(resource: Resource) -> dict[str, Any]:
    hidden = {"password", "environment"}
    spec = {key: value for key, value in resource.spec.items() if key not in hidden}
    return {"kind": resource.kind, "identifier": resource.identifier, "spec": spec, "facts": resource.facts}
