"""A proxy is PgBouncer: its default target group has the pooler's limits, its target is the pooler's database."""

from collections.abc import Iterator

from ...supervisor.client import SupervisorClient
from ...supervisor.errors import LaptopError
from ..identifiers import rds_domain
from ..properties import Properties
from ..validators import Problem
from .limits import Modelled, Range, known_numbers
from .row import AwsType, Found, Resource
from .supervised import Supervised

# CreateDBProxy and ModifyDBProxyTargetGroup, where the caller says nothing.
_PROXY = {"requireTls": False, "idleClientTimeout": 1800, "debugLogging": False, "defaultAuthScheme": "NONE"}
_POOL = {"maxConnectionsPercent": 100, "maxIdleConnectionsPercent": 50, "connectionBorrowTimeout": 120}


class Proxy(Supervised):
    """PgBouncer."""

    kind = "proxy"
    shown = ("arn", "endpoint")

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        name, before = resource.name, str(resource.olds.get("name", resource.name))
        keys = ("engineFamily", "auths", "defaultAuthScheme", "roleArn", "requireTls", "idleClientTimeout")
        given = {key: resource.inputs.get(key) for key in keys}
        asked = resource.row.readable_arguments(resource.inputs)
        outputs = self.put(name, {"urn": resource.urn, "asked": asked, **given}, resource.region)
        if before != name:
            self.delete(before, resource.olds)  # renamed: on AWS, too, the old endpoint is gone
        return name, outputs

    @classmethod
    def find(cls, import_id: str) -> Found | None:
        spec = SupervisorClient.ensure().spec(cls.kind, import_id)
        if spec is None:
            return None
        known = {key: spec[key] for key in ("engineFamily", "auths", *_PROXY) if spec.get(key) is not None}
        return import_id, {"name": import_id, **_PROXY, **known, **(spec.get("asked") or {})}


class TargetGroup(Supervised):
    """The pooler's limits."""

    kind = "target-group"
    shown = ("arn", "name")

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        proxy = str(resource.inputs["dbProxyName"])
        pool = resource.inputs.get("connectionPoolConfig") or {}
        # AWS answers with the whole pool, whatever was left out.
        return proxy, {**self.put(proxy, pool, resource.region), "connectionPoolConfig": {**_POOL, **pool}}

    def delete(self, identifier: str, state: Properties) -> None:
        """AWS's own delete does nothing: the group goes with its proxy."""

    @classmethod
    def find(cls, import_id: str) -> Found | None:
        supervisor = SupervisorClient.ensure()
        if supervisor.get(Proxy.kind, import_id) is None:
            return None
        pool = supervisor.spec(cls.kind, import_id)
        if pool is None:
            supervisor.put(cls.kind, import_id, {})  # AWS makes it with the proxy, the laptop when it is asked for
        return import_id, {"dbProxyName": import_id, "connectionPoolConfig": {**_POOL, **(pool or {})}}


class ProxyTarget(Supervised):
    """The pooler's database."""

    kind = "target"
    shown = ("endpoint", "port", "rdsResourceId", "targetArn", "type")

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        proxy, instance = str(resource.inputs["dbProxyName"]), resource.inputs.get("dbInstanceIdentifier")
        if instance is None:
            raise LaptopError(
                f"the laptop's proxy {proxy} cannot stand in front of a cluster: clusters are recorded only; "
                "use target instance"
            )
        spec = {"proxyName": proxy, "dbInstanceIdentifier": instance}
        return f"{proxy}/default/RDS_INSTANCE/{instance}", self.put(f"{proxy}/{instance}", spec, resource.region)

    def key(self, identifier: str, state: Properties) -> str:
        return f"{state.get('dbProxyName') or identifier.split('/')[0]}/{identifier.rsplit('/', 1)[1]}"

    @classmethod
    def find(cls, import_id: str) -> Found | None:
        """All that a target is made of stands in its id; whether it is registered is read afterwards."""
        parts = import_id.split("/")
        if len(parts) != 4 or parts[1:3] != ["default", "RDS_INSTANCE"]:
            return None
        proxy, group, _, instance = parts
        return import_id, {"dbProxyName": proxy, "targetGroupName": group, "dbInstanceIdentifier": instance}


def _idle_connections(given: Properties) -> Iterator[Problem]:
    idle, limit = "connectionPoolConfig.maxIdleConnectionsPercent", "connectionPoolConfig.maxConnectionsPercent"
    for (_, found), (_, allowed) in zip(known_numbers(given, idle), known_numbers(given, limit), strict=False):
        if found > allowed:
            yield (
                idle,
                f"maxIdleConnectionsPercent is {found} (the provider sends 50 when it is left out); "
                f"AWS takes at most maxConnectionsPercent ({allowed})",
            )


TYPES = (
    AwsType(
        "aws:rds/proxy:Proxy",
        limits=(
            Modelled("rds", "CreateDBProxyRequest", name="DBProxyName"),
            Range("idleClientTimeout", 1, 28_800),
        ),
        backed=Proxy(),
        find=Proxy.find,
    ),
    AwsType(
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
        # The model has them in prose: ConnectionPoolConfiguration's own documentation.
        limits=(Range("connectionPoolConfig.connectionBorrowTimeout", 0, 300), _idle_connections),
        backed=TargetGroup(),
        find=TargetGroup.find,
    ),
    AwsType("aws:rds/proxyTarget:ProxyTarget", backed=ProxyTarget(), find=ProxyTarget.find),
    AwsType(
        "aws:rds/proxyEndpoint:ProxyEndpoint",
        limits=(Modelled("rds", "CreateDBProxyEndpointRequest", "dbProxyEndpointName", "dbProxyName"),),
        id=lambda endpoint: f"{endpoint.inputs.get('dbProxyName')}/{endpoint.inputs.get('dbProxyEndpointName')}",
        outputs=lambda endpoint: {
            "arn": endpoint.arn("rds", f"db-proxy-endpoint:prx-endpoint-{endpoint.unique}"),
            "endpoint": f"{endpoint.id.split('/')[1]}.endpoint.{rds_domain(endpoint.region, prefix='proxy-')}",
            "isDefault": False,
        },
    ),
)
