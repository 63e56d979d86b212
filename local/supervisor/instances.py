"""The DB instances: a PostgreSQL server and, where RDS manages it, the secret of its master user."""

import json
import secrets
import shutil
import uuid
from collections.abc import Mapping

from lambda_rds_proxy.engines import ENGINES, Engine

from .account import Account
from .errors import LaptopError
from .postgres import Postgres, PostgresSettings
from .secrets_manager import SecretsManager
from .state import Resource

_FACTS = ENGINES[Engine.POSTGRESQL]
POSTGRES_PORT = _FACTS.port
_HOSTED_ZONE = "Z29XKXDKYMONMX"  # RDS's own zone in eu-west-1
_MASTER_SECRET = "rds!db-"  # noqa: S105 - how RDS names the secrets that it manages


class Instances:
    """The servers of all instances, by identifier."""

    def __init__(self, account: Account, secrets_manager: SecretsManager) -> None:
        self._account = account
        self._secrets = secrets_manager
        self._servers: dict[str, Postgres] = {}

    def make(self, resource: Resource) -> None:
        """Start an instance, or again with other settings; fills in its facts.

        Raises:
            LaptopError: it is of another engine, or its server does not start.
        """
        name, spec, facts = resource.identifier, resource.spec, resource.facts
        if spec.get("engine") != "postgres":
            raise LaptopError(
                f'the laptop runs PostgreSQL instances only, and {name} has engine "{spec.get("engine")}"'
            )
        account = self._account
        group = account.state.get("parameter-group", str(spec.get("parameterGroupName")))
        parameters: dict[str, str] = group.spec["parameters"] if group else {}
        facts.setdefault("resourceId", "db-" + secrets.token_hex(13).upper())
        facts["address"] = f"{name}.{account.account_hash}.{account.region}.rds.amazonaws.com"
        facts["ip"] = account.ip("instance", name)
        facts["port"] = int(spec.get("port") or POSTGRES_PORT)
        facts["hostedZoneId"] = _HOSTED_ZONE
        facts["availabilityZone"] = f"{account.region}a"
        facts["maxConnections"] = int(
            parameters.get("max_connections") or _FACTS.instance.max_connections(str(spec.get("instanceClass")))
        )
        self._run(name, self._settings(resource, parameters))
        facts["engineVersionActual"] = self._servers[name].version

    def drop(self, resource: Resource) -> None:
        """End an instance and remove its files and its master user's secret; it may be half made."""
        name = resource.identifier
        running = self._servers.pop(name, None)
        if running is not None:
            running.delete()
        shutil.rmtree(self._account.folder / "instances" / name, ignore_errors=True)
        if resource.facts.get("masterSecretArn"):
            self._secrets.delete(resource.facts["masterSecretArn"])

    def get(self, name: str) -> Postgres | None:
        """The server of an instance, or None when none could be started."""
        return self._servers.get(name)

    def status(self, name: str) -> str:
        """RDS's word for an instance: failed when its server could not be started, else that of the server."""
        running = self.get(name)
        return "failed" if running is None else running.server.status

    def admit(self, roles: Mapping[str, Mapping[str, frozenset[str]]]) -> None:
        """Tell each database which proxies' roles may log in as whom: instance → role → users."""
        for name, database in self._servers.items():
            database.admit(roles.get(name, {}))

    def forget_secrets_of_nobody(self) -> None:
        """A supervisor that was killed while it made an instance leaves the secret of a master user that never was."""
        claimed = {each.facts.get("masterSecretArn") for each in self._account.state.all("instance")}
        for arn in self._secrets.arns(prefix=_MASTER_SECRET):
            if arn not in claimed:
                self._secrets.delete(arn)

    def stop(self) -> None:
        """End every server; nothing is forgotten."""
        for instance in self._servers.values():
            instance.stop()

    def _run(self, name: str, settings: PostgresSettings) -> None:
        running = self._servers.get(name)
        if running is not None and running.settings == settings:
            return
        instance = Postgres(self._account.folder / "instances" / name, settings, self._account.authority)
        if running is not None:
            running.stop()
        try:
            instance.start()
        except LaptopError:
            if running is not None:
                running.start()  # with its old settings: a change that fails must not cost the database
            raise
        self._servers[name] = instance

    def _settings(self, resource: Resource, parameters: Mapping[str, str]) -> PostgresSettings:
        spec, facts = resource.spec, resource.facts
        return PostgresSettings(
            name=facts["address"],
            address=facts["ip"],
            port=facts["port"],
            database=str(spec.get("dbName") or "postgres"),
            username=str(spec.get("username") or "postgres"),
            password=self._master_password(resource),
            max_connections=facts["maxConnections"],
            parameters=parameters,
            iam_authentication=bool(spec.get("iamDatabaseAuthenticationEnabled")),
        )

    def _master_password(self, resource: Resource) -> str:
        spec, facts = resource.spec, resource.facts
        if not spec.get("manageMasterUserPassword"):
            facts["masterSecretArn"] = None
            return str(spec.get("password") or "")
        if not facts.get("masterSecretArn"):
            value = {"username": spec.get("username"), "password": secrets.token_urlsafe(24)}
            facts["masterSecretArn"] = self._secrets.create(
                f"{_MASTER_SECRET}{uuid.uuid4()}",
                json.dumps(value),
                description=f"Secret associated with primary RDS DB instance: {resource.identifier}",
            )
        stored = self._secrets.value(facts["masterSecretArn"])
        if stored is None:
            raise LaptopError(f"the master user's secret of {resource.identifier} is gone; `make down`, then `make up`")
        return str(json.loads(stored)["password"])
