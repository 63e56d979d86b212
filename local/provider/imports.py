"""What `import` finds: resources that no state of Pulumi's knows, as the real provider reads them from AWS.

The import ids and what is read are those of terraform-provider-aws's documentation and its Read functions: an instance
comes by its identifier and gets its resource id, a target by four parts. What AWS does not tell is not read: passwords,
and arguments that are only for the provider.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..supervisor.client import SupervisorClient
from .laptop import told
from .properties import Properties

# Arguments that no call of AWS's answers with.
_UNTOLD = frozenset(
    {
        *("password", "passwordWo", "passwordWoVersion", "manageMasterUserPassword", "snapshotIdentifier"),
        *("applyImmediately", "skipFinalSnapshot", "finalSnapshotIdentifier", "deleteAutomatedBackups"),
        *("allowMajorVersionUpgrade", "__defaults"),
    }
)
# CreateDBProxy and ModifyDBProxyTargetGroup, where the caller says nothing.
_PROXY: Properties = {
    "requireTls": False,
    "idleClientTimeout": 1800,
    "debugLogging": False,
    "defaultAuthScheme": "NONE",
}
_POOL: Properties = {"maxConnectionsPercent": 100, "maxIdleConnectionsPercent": 50, "connectionBorrowTimeout": 120}
_PROXY_LOGS = "/aws/rds/proxy/"

Found = tuple[str, Properties]


def tellable(inputs: Properties) -> Properties:
    """The arguments that AWS remembers and tells whoever asks."""
    return {key: value for key, value in inputs.items() if key not in _UNTOLD}


def found(token: str, import_id: str) -> Found | None:
    """(id, arguments) of what is there, or None.

    Raises:
        BackedError: the supervisor cannot be asked.
    """
    reader = _READERS.get(token)
    if reader is None:
        return None
    with told():
        return reader(SupervisorClient.ensure(), import_id)


def is_importable(token: str) -> bool:
    """Whether the laptop can look for resources of a type."""
    return token in _READERS


def _instance(laptop: SupervisorClient, identifier: str) -> Found | None:
    spec, facts = laptop.spec("instance", identifier), laptop.get("instance", identifier)
    if spec is None or facts is None:
        return None
    keys = ("engine", "engineVersion", "instanceClass", "dbName", "username", "parameterGroupName")
    known = {key: spec[key] for key in keys if spec.get(key) is not None}
    # The provider's own importer sets these two, as it cannot ask for them.
    imported = {"skipFinalSnapshot": True, "deleteAutomatedBackups": True}
    # CreateDBInstance, where the caller says nothing.
    engine, major = str(spec.get("engine")), str(facts["engineVersionActual"]).split(".")[0]
    chosen = {"parameterGroupName": f"default.{engine}{major}", "performanceInsightsEnabled": False}
    given = {"identifier": identifier, "port": facts["port"], **chosen, **known, **_asked(spec), **imported}
    return facts["resourceId"], given


def _parameter_group(laptop: SupervisorClient, name: str) -> Found | None:
    spec = laptop.spec("parameter-group", name)
    return None if spec is None else (name, {"name": name, **_asked(spec)})


def _proxy(laptop: SupervisorClient, name: str) -> Found | None:
    spec = laptop.spec("proxy", name)
    if spec is None:
        return None
    known = {key: spec[key] for key in ("engineFamily", "auths", *_PROXY) if spec.get(key) is not None}
    return name, {"name": name, **_PROXY, **known, **_asked(spec)}


def _target_group(laptop: SupervisorClient, proxy: str) -> Found | None:
    if laptop.get("proxy", proxy) is None:
        return None
    pool = laptop.spec("target-group", proxy)
    if pool is None:
        pool = {}
        laptop.put("target-group", proxy, pool)  # AWS makes it with the proxy, the laptop when it is first asked for
    return proxy, {"dbProxyName": proxy, "connectionPoolConfig": {**_POOL, **pool}}


def _target(laptop: SupervisorClient, import_id: str) -> Found | None:
    parts = import_id.split("/")
    if len(parts) != 4 or parts[1:3] != ["default", "RDS_INSTANCE"]:
        return None
    proxy, group, _, instance = parts
    if laptop.get("target", f"{proxy}/{instance}") is None:
        return None
    return import_id, {"dbProxyName": proxy, "targetGroupName": group, "dbInstanceIdentifier": instance}


def _log_group(laptop: SupervisorClient, name: str) -> Found | None:
    """RDS makes the log group of a proxy itself, and keeps its logs for ever."""
    if not name.startswith(_PROXY_LOGS) or laptop.get("proxy", name.removeprefix(_PROXY_LOGS)) is None:
        return None
    return name, {"name": name, "retentionInDays": 0, "skipDestroy": False}


def _asked(spec: Mapping[str, Any]) -> Properties:
    asked: Properties = spec.get("asked") or {}
    return asked


_READERS: Mapping[str, Callable[[SupervisorClient, str], Found | None]] = {
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:rds/instance:Instance": _instance,
    "aws:rds/parameterGroup:ParameterGroup": _parameter_group,
    "aws:rds/proxy:Proxy": _proxy,
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": _target_group,
    "aws:rds/proxyTarget:ProxyTarget": _target,
}
