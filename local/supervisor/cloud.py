"""The resources of the laptop cloud: what each kind is made of, and how kinds affect each other."""

import json
import platform
import secrets
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from lambda_rds_proxy.instance_classes import max_connections

from .certificates import Authority
from .credentials import Credentials
from .environment import Answer, FunctionSpec, Runtime
from .errors import LaptopError
from .functions import Function, ThrottledError, unpack
from .iam_proxy import IamGate
from .pgbouncer import PgBouncer, PgBouncerSettings, Target
from .postgres import Postgres, PostgresSettings
from .proxy_logins import ProxyLogins
from .secret_rotation import SecretRotation
from .secrets_manager import ACCOUNT, SecretsManager
from .state import Resource, State

Spec = dict[str, Any]
Facts = dict[str, Any]
_HOSTED_ZONE = "Z29XKXDKYMONMX"  # RDS's own zone in eu-west-1
_POSTGRES_PORT = 5432
_MASTER_SECRET = "rds!db-"  # noqa: S105 - how RDS names the secrets that it manages
# How long Lambda keeps an event that it cannot deliver.
_EVENT_SECONDS = 6 * 3600.0


class Cloud:
    """Everything one checkout's supervisor runs. All changes go through `put` and `delete`, one at a time."""

    def __init__(
        self, folder: Path, *, account_hash: str, subnet: str, region: str, gateway: str, libraries: Callable[[], Path]
    ) -> None:
        self._folder = folder
        self._account_hash = account_hash
        self._subnet = subnet
        self._region = region
        self._gateway = gateway
        self._libraries = libraries
        self._lock = threading.RLock()
        self._state = State(folder / "resources.json")
        self._authority = Authority(folder / "authority")
        self._credentials = Credentials(folder / "credentials.key")
        self._hosts = folder / "hosts"
        self._instances: dict[str, Postgres] = {}
        self._proxies: dict[str, PgBouncer] = {}
        self._gates: dict[str, IamGate] = {}
        self._functions: dict[str, Function] = {}
        self.secrets = SecretsManager(folder / "secrets.pickle", region=region, changed=self._secrets_changed)
        self._logins = ProxyLogins(self._state, self.secrets.value, region=region)
        self.rotation = SecretRotation(self.secrets, self._run_step, self._has_function)
        self.problems: list[str] = []

    # Kinds in the order in which they can be brought back.
    def restore(self) -> None:
        """Bring back everything that was there when the last supervisor ended; what fails is kept in `problems`."""
        with self._lock:
            self._write_hosts()
            self._forget_secrets_of_nobody()
            for kind in ("instance", "proxy", "function"):
                for resource in self._state.all(kind):
                    try:
                        self._make(resource)
                    except (LaptopError, OSError) as error:
                        self.problems.append(f"{kind} {resource.identifier}: {error}")
            self._admit_roles()
            self.rotation.resume()

    @property
    def empty(self) -> bool:
        """Whether there is nothing left to run."""
        return not self._state.all() and not len(self.secrets)

    def resources(self) -> list[dict[str, Any]]:
        """Every resource with its status."""
        with self._lock:
            found = self._state.all()
        return [{**_shown(each), "status": self._status(each)} for each in found]  # asks servers: others go on

    def get(self, kind: str, identifier: str) -> Facts | None:
        """The facts of a resource, or None."""
        with self._lock:
            found = self._state.get(kind, identifier)
            return None if found is None else found.facts

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
            self._settle(resource)
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
            if kind in ("target", "target-group"):
                proxy = resource.spec["proxyName"] if kind == "target" else identifier
                self._refresh_proxy(proxy)
            self._write_hosts()
            self._settle_grants(kind)

    def invoke(self, name: str, payload: bytes) -> Answer:
        """Invoke a function by name or ARN.

        Raises:
            KeyError: there is no such function.
            ThrottledError: all its environments are busy.
        """
        # Without our lock: invocations go on while an instance is made.
        return self._functions[bare_name(name)].invoke(payload)

    def invoke_later(self, name: str, payload: bytes) -> None:
        """Invoke for an event: nobody waits for the answer, and a throttled one is tried again, as Lambda does."""
        deadline = time.monotonic() + _EVENT_SECONDS
        while time.monotonic() < deadline:
            try:
                self.invoke(name, payload)
            except ThrottledError:
                time.sleep(1)
            except KeyError:
                return  # deleted meanwhile
            else:
                return

    def _has_function(self, name: str) -> bool:
        return bare_name(name) in self._functions

    def _run_step(self, name: str, event: bytes) -> bool:
        """Whether a step of a rotation succeeded."""
        try:
            return self.invoke(name, event).error is None
        except ThrottledError:
            return False

    def function_names(self) -> list[str]:
        """The names of all functions."""
        return sorted(self._functions)

    def function_configuration(self, name: str) -> dict[str, Any] | None:
        """What Lambda's GetFunctionConfiguration answers, by name or ARN; None when there is no such function."""
        function = self._functions.get(bare_name(name))
        if function is None:
            return None
        spec = function.spec
        return {
            "FunctionName": spec.name,
            "FunctionArn": f"arn:aws:lambda:{self._region}:{ACCOUNT}:function:{spec.name}",
            "Handler": spec.handler,
            "MemorySize": spec.memory,
            "Timeout": spec.timeout,
            "Architectures": ["arm64" if platform.machine() in ("aarch64", "arm64") else "x86_64"],
            "State": "Active",
        }

    def reap(self) -> None:
        """End execution environments that were idle for long."""
        for function in list(self._functions.values()):
            function.reap()

    def stop(self) -> None:
        """End every process; nothing is forgotten."""
        with self._lock:
            for function in self._functions.values():
                function.retire()
            for gate in self._gates.values():
                gate.stop()
            for proxy in self._proxies.values():
                proxy.stop()
            for instance in self._instances.values():
                instance.stop()

    def _make(self, resource: Resource) -> None:
        makers: dict[str, Callable[[Resource], None]] = {
            "parameter-group": lambda _: None,  # read by the instances that name it
            "role-policy": lambda _: None,  # read by the IAM gates
            "instance": self._make_instance,
            "proxy": self._make_proxy,
            "target-group": self._make_target_group,
            "target": self._make_target,
            "function": self._make_function,
        }
        if resource.kind not in makers:
            raise LaptopError(f'the laptop has no resources of kind "{resource.kind}"')
        makers[resource.kind](resource)

    def _settle(self, resource: Resource) -> None:
        """What a stored resource means for others."""
        self._write_hosts()
        if resource.kind == "target-group":
            self._refresh_proxy(resource.identifier)
        if resource.kind == "target":
            self._refresh_proxy(resource.spec["proxyName"])
        if resource.kind == "instance":
            for target in self._state.all("target"):
                if target.spec["dbInstanceIdentifier"] == resource.identifier:
                    self._refresh_proxy(target.spec["proxyName"])
        self._settle_grants(resource.kind)

    def _admit_roles(self) -> None:
        """Tell each database which proxies' roles may log in as whom."""
        roles = self._logins.roles()
        for name, database in self._instances.items():
            database.admit(roles.get(name, {}))

    def _settle_grants(self, kind: str) -> None:
        """What a change means for who may log in where."""
        if kind == "role-policy":
            for name in list(self._proxies):
                self._refresh_proxy(name)
        if kind in ("role-policy", "function"):
            self._refresh_gates()
        if kind in ("role-policy", "instance", "proxy", "target"):
            self._admit_roles()

    def _make_instance(self, resource: Resource) -> None:
        name, spec, facts = resource.identifier, resource.spec, resource.facts
        if spec.get("engine") != "postgres":
            raise LaptopError(
                f'the laptop runs PostgreSQL instances only, and {name} has engine "{spec.get("engine")}"'
            )
        group = self._state.get("parameter-group", str(spec.get("parameterGroupName")))
        parameters: dict[str, str] = group.spec["parameters"] if group else {}
        facts.setdefault("resourceId", "db-" + secrets.token_hex(13).upper())
        facts["address"] = f"{name}.{self._account_hash}.{self._region}.rds.amazonaws.com"
        facts["ip"] = self._ip("instance", name)
        facts["port"] = int(spec.get("port") or _POSTGRES_PORT)
        facts["hostedZoneId"] = _HOSTED_ZONE
        facts["availabilityZone"] = f"{self._region}a"
        facts["maxConnections"] = int(
            parameters.get("max_connections")
            or max_connections(engine="postgresql", instance_class=str(spec.get("instanceClass")))
        )
        settings = PostgresSettings(
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
        running = self._instances.get(name)
        if running is None or running.settings != settings:
            instance = Postgres(self._folder / "instances" / name, settings, self._authority)
            if running is not None:
                running.stop()
            try:
                instance.start()
            except LaptopError:
                if running is not None:
                    running.start()  # with its old settings: a change that fails must not cost the database
                raise
            self._instances[name] = instance
        facts["engineVersionActual"] = self._instances[name].version

    def _master_password(self, resource: Resource) -> str:
        spec, facts = resource.spec, resource.facts
        if not spec.get("manageMasterUserPassword"):
            facts["masterSecretArn"] = None
            return str(spec.get("password") or "")
        if not facts.get("masterSecretArn"):
            value = {"username": spec.get("username"), "password": secrets.token_urlsafe(24)}
            facts["masterSecretArn"] = self.secrets.create(
                f"{_MASTER_SECRET}{uuid.uuid4()}",
                json.dumps(value),
                description=f"Secret associated with primary RDS DB instance: {resource.identifier}",
            )
        stored = self.secrets.value(facts["masterSecretArn"])
        if stored is None:
            raise LaptopError(f"the master user's secret of {resource.identifier} is gone; `make down`, then `make up`")
        return str(json.loads(stored)["password"])

    def _make_proxy(self, resource: Resource) -> None:
        name, facts = resource.identifier, resource.facts
        if resource.spec.get("engineFamily") != "POSTGRESQL":
            raise LaptopError(
                f"the laptop has a pooler for PostgreSQL only, and {name} is for {resource.spec.get('engineFamily')}: "
                "Debian packages none for MySQL. Preview works; for up use engine postgresql or AWS"
            )
        facts.setdefault("arn", f"arn:aws:rds:{self._region}:{ACCOUNT}:db-proxy:prx-{secrets.token_hex(9)[:17]}")
        facts["endpoint"] = f"{name}.proxy-{self._account_hash}.{self._region}.rds.amazonaws.com"
        facts["ip"] = self._ip("proxy", name)
        facts["port"] = _POSTGRES_PORT
        settings = self._proxy_settings(resource)
        running = self._proxies.get(name)
        if running is None:
            proxy = PgBouncer(self._folder / "proxies" / name, settings, self._authority)
            proxy.start()
            self._proxies[name] = proxy
        elif running.settings.gated != settings.gated:
            self._drop_proxy(name)
            self._make_proxy(resource)
            return
        elif running.settings != settings:
            running.change(settings)
        if settings.gated and name not in self._gates:
            gate = IamGate(self._folder / "gates" / name, self._folder / "proxies" / name, self._authority)
            gate.start(settings, self._door(resource), self._credentials.principals(self._state))
            self._gates[name] = gate

    def _door(self, resource: Resource) -> dict[str, Any]:
        facts = resource.facts
        proxy_id = facts["arn"].rsplit(":", 1)[1]
        return {
            "host": facts["endpoint"],
            "port": facts["port"],
            "region": self._region,
            "arn_prefix": f"arn:aws:rds-db:{self._region}:{ACCOUNT}:dbuser:{proxy_id}/",
        }

    def _refresh_gates(self) -> None:
        principals = self._credentials.principals(self._state)
        for name, gate in self._gates.items():
            resource = self._state.get("proxy", name)
            if resource is not None:
                gate.change(self._proxies[name].settings, self._door(resource), principals)

    def _proxy_settings(self, resource: Resource) -> PgBouncerSettings:
        name, spec, facts = resource.identifier, resource.spec, resource.facts
        group = self._state.get("target-group", name)
        pool = group.spec if group else {}
        percent = int(pool.get("maxConnectionsPercent") or 100)
        borrow = pool.get("connectionBorrowTimeout")
        logins = self._logins.of(resource)
        iam = any(auth.get("iamAuth") == "REQUIRED" for auth in spec.get("auths") or [])
        return PgBouncerSettings(
            name=facts["endpoint"],
            address=facts["ip"],
            port=facts["port"],
            require_tls=bool(spec.get("requireTls")),
            idle_client_timeout=int(spec.get("idleClientTimeout") or 1800),
            max_connections_percent=percent,
            connection_borrow_timeout=120 if borrow is None else int(borrow),
            init_query=pool.get("initQuery"),
            target=self._target_of(name),
            users={**dict.fromkeys(logins.own, ""), **logins.passwords},
            gated=iam or spec.get("defaultAuthScheme") == "IAM_AUTH",
            token_users=logins.token_users,
            role=logins.role if logins.own else None,
        )

    def _target_of(self, proxy: str) -> Target | None:
        for instance in self._logins.instances(proxy):
            facts = instance.facts
            return Target(address=facts["ip"], port=facts["port"], max_connections=facts["maxConnections"])
        return None

    def _make_target_group(self, resource: Resource) -> None:
        proxy = self._state.get("proxy", resource.identifier)
        if proxy is None:
            raise LaptopError(f"DBProxy {resource.identifier} not found")
        resource.facts.setdefault(
            "arn", f"arn:aws:rds:{self._region}:{ACCOUNT}:target-group:prx-tg-{secrets.token_hex(8)}"
        )
        resource.facts["name"] = "default"

    def _make_target(self, resource: Resource) -> None:
        proxy, instance = resource.spec["proxyName"], resource.spec["dbInstanceIdentifier"]
        if self._state.get("proxy", proxy) is None:
            raise LaptopError(f"DBProxy {proxy} not found")
        found = self._state.get("instance", instance)
        if found is None:
            raise LaptopError(f"DBInstance {instance} not found")
        for other in self._state.all("target"):
            if other.spec["proxyName"] == proxy and other.identifier != resource.identifier:
                raise LaptopError(
                    f"DBProxyTargetAlreadyRegistered: {proxy} has the target {other.spec['dbInstanceIdentifier']}"
                )
        resource.facts.update(
            endpoint=found.facts["address"],
            port=found.facts["port"],
            rdsResourceId=instance,
            targetArn=f"arn:aws:rds:{self._region}:{ACCOUNT}:db:{instance}",
            type="RDS_INSTANCE",
        )

    def _make_function(self, resource: Resource) -> None:
        name, spec = resource.identifier, resource.spec
        folder = self._folder / "functions" / name
        package = Path(str(spec["code"]))
        kept = folder / "package.zip"
        if package.is_file() and package != kept:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(package, kept)  # the user's copy may go; ours brings the function back after a reboot
        code, code_sha256, size = unpack(kept if kept.exists() else package, folder)
        reserved = spec.get("reservedConcurrentExecutions")
        function_spec = FunctionSpec(
            name=name,
            handler=str(spec["handler"]),
            timeout=int(spec.get("timeout") or 3),
            memory=int(spec.get("memorySize") or 128),
            environment={key: str(value) for key, value in (spec.get("environment") or {}).items()},
            reserved_concurrency=None if reserved in (None, -1) else int(reserved),
            code=code,
            access_key=self._credentials.access_key(name),
            secret_key=self._credentials.secret_key(name),
        )
        arn = f"arn:aws:lambda:{self._region}:{ACCOUNT}:function:{name}"
        resource.facts.update(
            arn=arn,
            invokeArn=f"arn:aws:apigateway:{self._region}:lambda:path/2015-03-31/functions/{arn}/invocations",
            codeSha256=code_sha256,
            codeSize=size,
            folder=str(code),
            version="$LATEST",
            lastModified=time.strftime("%Y-%m-%dT%H:%M:%S.000+0000", time.gmtime()),
        )
        known = self._functions.get(name)
        if known is not None:
            known.retire(function_spec)
            return
        runtime = Runtime(
            libraries=self._libraries(),
            address=f"{self._subnet}.1",
            gateway=self._gateway,
            region=self._region,
            extra={
                "DB_SSL_ROOT_CERT": str(self._authority.bundle),
                "LD_PRELOAD": _nss_wrapper(),
                "NSS_WRAPPER_HOSTS": str(self._hosts),
            },
        )
        self._functions[name] = Function(function_spec, folder, runtime)

    def _drop(self, resource: Resource) -> None:
        """End what a resource runs and remove its files; it may be half made."""
        kind, name = resource.kind, resource.identifier
        if kind == "function" and name in self._functions:
            self._functions.pop(name).retire()
        if kind == "function":
            shutil.rmtree(self._folder / "functions" / name, ignore_errors=True)
        if kind == "proxy":
            self._drop_proxy(name)
        if kind == "instance":
            running = self._instances.pop(name, None)
            if running is not None:
                running.delete()
            shutil.rmtree(self._folder / "instances" / name, ignore_errors=True)
            if resource.facts.get("masterSecretArn"):
                self.secrets.delete(resource.facts["masterSecretArn"])

    def _drop_proxy(self, name: str) -> None:
        if name in self._gates:
            self._gates.pop(name).delete()
        if name in self._proxies:
            self._proxies.pop(name).delete()

    def _forget_secrets_of_nobody(self) -> None:
        """A supervisor that was killed while it made an instance leaves the secret of a master user that never was."""
        claimed = {each.facts.get("masterSecretArn") for each in self._state.all("instance")}
        for arn in self.secrets.arns(prefix=_MASTER_SECRET):
            if arn not in claimed:
                self.secrets.delete(arn)

    def _refresh_proxy(self, name: str) -> None:
        resource, running = self._state.get("proxy", name), self._proxies.get(name)
        if resource is not None and running is not None:
            settings = self._proxy_settings(resource)
            if settings != running.settings:
                running.change(settings)
                self._refresh_gates()

    def _secrets_changed(self) -> None:
        with self._lock:
            for name in list(self._proxies):
                self._refresh_proxy(name)

    def _status(self, resource: Resource) -> str:
        server = None
        if resource.kind == "instance" and resource.identifier in self._instances:
            server = self._instances[resource.identifier].server
        if resource.kind == "proxy" and resource.identifier in self._proxies:
            server = self._proxies[resource.identifier].server
        if resource.kind == "target":
            return self._target_status(resource)
        if server is None:
            return "available" if resource.kind not in ("instance", "proxy") else "failed"
        return "available" if server.pid else "restarting"

    def _target_status(self, resource: Resource) -> str:
        """AWS's words: AVAILABLE, or UNAVAILABLE with a reason, told by logging in as each user of the proxy."""
        proxy = self._proxies.get(resource.spec["proxyName"])
        instance = self._instances.get(resource.spec["dbInstanceIdentifier"])
        if proxy is None or instance is None or proxy.server.pid is None or instance.server.pid is None:
            return "UNAVAILABLE: CONNECTION_FAILED"
        for user, password in proxy.settings.users.items():
            if not password:
                continue  # logs in with the proxy's certificate, which is the pooler's alone
            try:
                psycopg.connect(
                    host=instance.settings.address,
                    port=instance.settings.port,
                    dbname=instance.settings.database,
                    user=user,
                    password=password,
                    sslmode="require",
                    connect_timeout=3,
                ).close()
            except psycopg.OperationalError as error:
                return "UNAVAILABLE: " + ("AUTH_FAILURE" if "authentication" in str(error) else "CONNECTION_FAILED")
        return "AVAILABLE"

    def _ip(self, kind: str, identifier: str) -> str:
        return f"{self._subnet}.{self._state.address(kind, identifier)}"

    def _write_hosts(self) -> None:
        """The names of all servers, for the resolver of execution environments."""
        lines = []
        for kind, name in (("instance", "address"), ("proxy", "endpoint")):
            lines += [
                f"{each.facts['ip']} {each.facts[name]}\n" for each in self._state.all(kind) if "ip" in each.facts
            ]
        aside = self._hosts.with_suffix(".new")
        aside.write_text("127.0.0.1 localhost\n" + "".join(lines))
        aside.replace(self._hosts)


def bare_name(function: str) -> str:
    """The name of a function that is given by name or ARN, with or without a qualifier."""
    return function.split(":function:")[-1].split(":")[0]


def _shown(resource: Resource) -> dict[str, Any]:
    hidden = {"password", "environment"}
    spec = {key: value for key, value in resource.spec.items() if key not in hidden}
    return {"kind": resource.kind, "identifier": resource.identifier, "spec": spec, "facts": resource.facts}


def _nss_wrapper() -> str:
    found = sorted(Path("/usr/lib").glob("*/libnss_wrapper.so")) + sorted(Path("/usr/lib").glob("libnss_wrapper.so"))
    if not found:
        raise LaptopError("libnss_wrapper is not installed; run `make setup`, which installs it or says how")
    return str(found[0])
