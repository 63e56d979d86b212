"""The targets: which database is behind a proxy."""

from typing import Any

import psycopg

from ..account import Account
from ..errors import LaptopError
from ..state import Resource
from .instance import Instances
from .kind import Kind
from .proxy import Proxies


class Targets(Kind):
    """The target of each proxy."""

    name = "target"

    def __init__(self, account: Account, instances: Instances, proxies: Proxies) -> None:
        self._account = account
        self._state = account.state
        self._instances = instances
        self._proxies = proxies

    def make(self, resource: Resource) -> None:
        """Fill in its facts.

        Raises:
            LaptopError: there is no such proxy or instance, or the proxy has another target.
        """
        proxy, instance = resource.spec["proxyName"], resource.spec["dbInstanceIdentifier"]
        self._state.require("proxy", proxy, called="DBProxy")
        self._state.require("instance", instance, called="DBInstance")
        for other in self._state.all(self.name):
            if other.spec["proxyName"] == proxy and other.identifier != resource.identifier:
                raise LaptopError(
                    f"DBProxyTargetAlreadyRegistered: {proxy} has the target {other.spec['dbInstanceIdentifier']}"
                )
        arn = self._account.arn("rds", f"db:{instance}")
        resource.facts.update(self._address(resource), rdsResourceId=instance, targetArn=arn, type="RDS_INSTANCE")

    def settle(self) -> None:
        """Let it follow the address of its instance, and go with its proxy."""
        for target in self._state.all(self.name):
            if self._state.get("proxy", target.spec["proxyName"]) is None:
                self._state.remove(self.name, target.identifier)
            else:
                target.facts.update(self._address(target))

    def status(self, resource: Resource) -> str:
        """AWS's words: AVAILABLE, or UNAVAILABLE with a reason, told by logging in as each user of the proxy."""
        proxy = self._proxies.running.get(resource.spec["proxyName"])
        instance = self._instances.servers.get(resource.spec["dbInstanceIdentifier"])
        if proxy is None or instance is None or proxy.pooler.server.pid is None or instance.server.pid is None:
            return "UNAVAILABLE: CONNECTION_FAILED"
        for user, password in proxy.settings.users.items():
            if not password:
                continue  # logs in with the proxy's certificate, which is its alone
            try:
                instance.log_in(user, password, database=instance.settings.database, seconds=3).close()
            except psycopg.OperationalError as error:
                return "UNAVAILABLE: " + ("AUTH_FAILURE" if "authentication" in str(error) else "CONNECTION_FAILED")
        return "AVAILABLE"

    def _address(self, target: Resource) -> dict[str, Any]:
        """The facts of a target that are its instance's; none when that is gone."""
        found = self._state.get("instance", target.spec["dbInstanceIdentifier"])
        return {} if found is None else {"endpoint": found.facts["address"], "port": found.facts["port"]}
