"""Aurora's clusters and their members."""

from local.provider.identifiers import rds_domain
from local.provider.properties import Properties
from local.provider.types.row import Resource

from . import engine_versions as versions
from .account import Account, RefusedError, Service, arn
from .databases import OWN, Database


class Cluster(Database):
    """An Aurora cluster, which is nothing without a member."""

    kind, noun = "cluster", "Cluster"
    group_kind, group_argument = "cluster-parameter-group", "dbClusterParameterGroupName"
    identifier_argument = "clusterIdentifier"
    reads = (*Database.reads, "serverlessv2ScalingConfiguration")
    own = OWN
    # source: resourceClusterUpdate; terraform-provider-aws 45026: a prefix is AWS's default of the day, then.
    repeats_version = True

    def gone(self, identifier: str, state: Properties) -> None:
        if members(self.account, identifier):
            # source: RDS API Reference, InvalidDBClusterStateFault of DeleteDBCluster.
            raise RefusedError(
                "InvalidDBClusterStateFault",
                "Cluster cannot be deleted, it still contains DB instances in non-deleting state.",
            )
        super().gone(identifier, state)

    def _outputs(self, name: str, data: Properties, given: Properties) -> Properties:
        region = data["region"]
        return {
            **super()._outputs(name, data, given),
            "arn": arn("rds", region, f"cluster:{name}"),
            "endpoint": f"{name}.{rds_domain(region, prefix='cluster-')}",
            "readerEndpoint": f"{name}.{rds_domain(region, prefix='cluster-ro-')}",
            "clusterResourceId": f"cluster-{data['unique'].upper()}",
            "clusterIdentifier": name,
            "clusterMembers": [*members(self.account, name)],
            "availabilityZones": [f"{region}{zone}" for zone in "abc"],
            **{key: data[key] for key in ("databaseName",) if data.get(key)},
        }


def members(account: Account, cluster: str) -> dict[str, Properties]:
    """The instances of a cluster; the first that was made is the writer."""
    found = {name: each for name, each in account.all(ClusterInstance.kind).items() if each["cluster"] == cluster}
    return dict(sorted(found.items(), key=lambda item: int(item[1]["made"])))


class ClusterInstance(Service):
    """A member of a cluster, whose version is the cluster's."""

    kind = "cluster-instance"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        name, cluster = resource.name, self._cluster(resource.inputs)
        if self.account.get(self.kind, name) is not None:
            raise RefusedError("DBInstanceAlreadyExists", f"DB instance already exists: {name}")
        given = resource.inputs
        versions.resolved(self.account, str(given["engine"]), given.get("engineVersion"))
        if given["engine"] != cluster["engine"]:
            says = f"The engine name requested for your DB instance ({given['engine']}) doesn't match the engine name"
            raise RefusedError("InvalidParameterCombination", f"{says} of your DB cluster ({cluster['engine']}).")
        serverless = given["instanceClass"] == "db.serverless"
        if serverless and not cluster["runs"].get("serverlessv2ScalingConfiguration"):
            # source: Aurora User Guide, "Managing Aurora Serverless v2 DB clusters".
            says = (
                "Set the Serverless v2 scaling configuration on the parent DB cluster before creating a Serverless v2"
            )
            raise RefusedError("InvalidDBClusterStateFault", f"{says} DB instance.")
        return self._changed(resource, {**given}, made=len(members(self.account, str(given["clusterIdentifier"]))))

    def update(self, resource: Resource) -> tuple[str, Properties]:
        before = self.account.get(self.kind, resource.name) or {}
        given = {**resource.inputs}
        if not given.get("applyImmediately") and before.get("instanceClass"):
            given["instanceClass"] = before["instanceClass"]
        return self._changed(resource, given, made=int(before.get("made", 0)))

    def _changed(self, resource: Resource, given: Properties, *, made: int) -> tuple[str, Properties]:
        kept = {key: given[key] for key in _MEMBER_READS if key in given}
        cluster, asked = str(given["clusterIdentifier"]), resource.inputs["instanceClass"]
        waits = {"instanceClass": asked} if asked != kept["instanceClass"] else {}
        data = {"cluster": cluster, "made": made, "unique": resource.unique, "waits": waits, **kept}
        self.account.put(self.kind, resource.name, data)
        return resource.name, self._outputs(resource.name, data, given, resource.region)

    def found(self, identifier: str, state: Properties) -> Properties | None:
        data = self.account.get(self.kind, identifier)
        return data and self._outputs(identifier, data, state, str(state.get("region", "eu-west-1")))

    def _cluster(self, given: Properties) -> Properties:
        found = self.account.get(Cluster.kind, str(given["clusterIdentifier"]))
        if found is None:
            says = f"DBCluster {given['clusterIdentifier']} not found."
            raise RefusedError("DBClusterNotFoundFault", says)
        return found

    def _outputs(self, name: str, data: Properties, given: Properties, region: str) -> Properties:
        cluster = self._cluster({"clusterIdentifier": data["cluster"]})
        runs = cluster["runs"]["engineVersion"]
        return {
            **{key: data[key] for key in _MEMBER_READS if key in data},
            "arn": arn("rds", region, f"db:{name}"),
            "identifier": name,
            "endpoint": f"{name}.{rds_domain(region)}",
            "port": cluster["runs"]["port"],
            "dbiResourceId": f"db-{data['unique'].upper()}",
            "engineVersion": versions.shown(given.get("engineVersion"), runs),
            "engineVersionActual": runs,
            "writer": next(iter(members(self.account, data["cluster"])), name) == name,
            "availabilityZone": f"{region}a",
        }


_MEMBER_READS = (
    *("instanceClass", "engine", "dbSubnetGroupName", "publiclyAccessible", "autoMinorVersionUpgrade"),
    *("performanceInsightsEnabled", "performanceInsightsRetentionPeriod", "performanceInsightsKmsKeyId"),
)
