"""RDS Proxy: whose role, whose target, and how many addresses its subnets have."""

import ipaddress

from local.provider.identifiers import rds_domain
from local.provider.properties import Properties
from local.provider.types.row import Resource

from . import logs
from .account import RefusedError, Service, arn
from .clusters import Cluster, members
from .databases import Instance

# source: RDS API Reference, CreateDBProxy and ModifyDBProxyTargetGroup, where the caller says nothing.
_PROXY = {"requireTls": False, "idleClientTimeout": 1800, "debugLogging": False, "defaultAuthScheme": "NONE"}
_POOL = {"maxConnectionsPercent": 100, "maxIdleConnectionsPercent": 50, "connectionBorrowTimeout": 120}
_FAMILIES = {"postgres": "POSTGRESQL", "aurora-postgresql": "POSTGRESQL", "mysql": "MYSQL", "aurora-mysql": "MYSQL"}
# source: RDS User Guide, "Set up network prerequisites for RDS Proxy", and VPC User Guide, "Subnet CIDR blocks".
_ADDRESSES, _UP_TO_XLARGE, _TAKEN_BY_VPC = {"2xlarge": 15, "4xlarge": 25, "8xlarge": 45}, 10, 5


class Proxy(Service):
    """A proxy."""

    kind = "proxy"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        name, given = resource.name, resource.inputs
        if self.account.get(self.kind, name) is not None:
            raise RefusedError("DBProxyAlreadyExistsFault", f"DBProxy {name} already exists")
        if self.account.get("aws:iam/role:Role", str(given["roleArn"]).rsplit("/", 1)[-1]) is None:
            says = f"RDS is not authorized to assume service-linked role {given['roleArn']}"
            raise RefusedError("InvalidParameterValue", says)
        # source: RDS User Guide, "Viewing and interpreting RDS Proxy logs".
        logs.write(self.account, f"/aws/rds/proxy/{name}", "RDS")
        return self._put(resource, resource.unique)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        before = str(resource.olds.get("name", resource.name))
        unique = (self.account.get(self.kind, before) or {}).get("unique", resource.unique)
        if before != resource.name:
            self.account.remove(self.kind, before)
        return self._put(resource, str(unique))

    def _put(self, resource: Resource, unique: str) -> tuple[str, Properties]:
        reads = ("engineFamily", "auths", "roleArn", "vpcSubnetIds", "vpcSecurityGroupIds", *_PROXY)
        kept = {**_PROXY, **{key: resource.inputs[key] for key in reads if key in resource.inputs}}
        self.account.put(self.kind, resource.name, {"unique": unique, **kept})
        return resource.name, {**kept, **self._outputs(resource.name, unique, resource.region)}

    def _outputs(self, name: str, unique: str, region: str) -> Properties:
        return {
            "arn": arn("rds", region, f"db-proxy:prx-{unique}"),
            "endpoint": f"{name}.{rds_domain(region, prefix='proxy-')}",
        }

    def found(self, identifier: str, state: Properties) -> Properties | None:
        found = self.account.get(self.kind, identifier)
        if found is None:
            return None
        unique = found.pop("unique")
        return {**found, **self._outputs(identifier, str(unique), str(state.get("region", "eu-west-1")))}

    def gone(self, identifier: str, state: Properties) -> None:
        super().gone(identifier, state)
        self.account.remove(TargetGroup.kind, identifier)
        for name in self.account.all(ProxyTarget.kind):
            if name.startswith(f"{identifier}/"):
                self.account.remove(ProxyTarget.kind, name)


class TargetGroup(Service):
    """The pool's limits."""

    kind = "target-group"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        proxy = str(resource.inputs["dbProxyName"])
        if self.account.get(Proxy.kind, proxy) is None:
            raise RefusedError("DBProxyNotFoundFault", f"DBProxy {proxy} not found")
        # AWS answers with the whole pool, whatever was left out.
        pool = {**_POOL, **(resource.inputs.get("connectionPoolConfig") or {})}
        self.account.put(self.kind, proxy, {"connectionPoolConfig": pool})
        group = arn("rds", resource.region, f"target-group:prx-tg-{resource.unique}")
        return proxy, {"arn": group, "name": "default", "connectionPoolConfig": pool}

    def found(self, identifier: str, state: Properties) -> Properties | None:
        return self.account.get(self.kind, identifier)

    def gone(self, identifier: str, state: Properties) -> None:
        """AWS's own delete does nothing: the group goes with its proxy."""


class ProxyTarget(Service):
    """What stands behind a proxy."""

    kind = "target"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        given, proxy = resource.inputs, str(resource.inputs["dbProxyName"])
        instance, cluster = given.get("dbInstanceIdentifier"), given.get("dbClusterIdentifier")
        kind, name = (Instance.kind, str(instance)) if instance else (Cluster.kind, str(cluster))
        database, found = self.account.get(kind, name), self.account.get(Proxy.kind, proxy)
        noun = "Instance" if instance else "Cluster"
        if database is None or found is None:
            raise RefusedError(f"DB{noun}NotFoundFault", f"DB{noun} {name} not found, or no proxy {proxy}")
        if _FAMILIES[database["engine"]] != found["engineFamily"]:
            says = f"Engine {database['engine']} is not of the proxy's engine family {found['engineFamily']}"
            raise RefusedError("InvalidDBInstanceState", says)
        if cluster and not members(self.account, name):
            says = f"DB cluster {name} is not in a valid state: it has no instances"
            raise RefusedError("InvalidDBClusterStateFault", says)
        classes = [each["instanceClass"] for each in members(self.account, name).values()] if cluster else []
        self._need_addresses(found, [*classes, str(database["runs"].get("instanceClass", ""))])
        target = f"{proxy}/default/{'RDS_INSTANCE' if instance else 'TRACKED_CLUSTER'}/{name}"
        self.account.put(self.kind, target, {})
        return target, {
            "endpoint": f"{name}.{rds_domain(resource.region)}" if instance else None,
            "port": database["runs"]["port"],
            "rdsResourceId": name,
            "targetArn": arn("rds", resource.region, f"{'db' if instance else 'cluster'}:{name}"),
            "type": "RDS_INSTANCE" if instance else "TRACKED_CLUSTER",
        }

    def _need_addresses(self, proxy: Properties, classes: list[str]) -> None:
        """A proxy without addresses stays `insufficient-resource-limits` and never answers."""
        subnets = [self.account.get("aws:ec2/subnet:Subnet", str(each)) for each in proxy["vpcSubnetIds"]]
        blocks = [ipaddress.ip_network(each["cidrBlock"]) for each in subnets if each and "cidrBlock" in each]
        free = sum(each.num_addresses - _TAKEN_BY_VPC for each in blocks)
        needed = max(_ADDRESSES.get(each.rsplit(".", 1)[-1], _UP_TO_XLARGE) for each in classes)
        # One for each interface of database and Secrets Manager's endpoint, and of each group of functions.
        others = 1 + 3 * len(blocks)
        if blocks and free < needed + others:
            says = f"insufficient-resource-limits: {free} addresses, {needed + others} needed"
            raise RefusedError("InsufficientAvailableIPsInSubnetFault", says)
