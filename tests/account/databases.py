"""RDS's instances, clusters and their members: versions, keys, snapshots, what waits for the maintenance window, logs.

Of a database the account keeps what runs (`runs`, by the provider's names), what waits (`waits`), and what the provider
cannot ask for.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from local.provider.identifiers import digest, rds_domain
from local.provider.properties import Properties
from local.provider.types.row import Resource

from . import engine_versions as versions
from . import logs
from .account import Account, RefusedError, Service, arn
from .keys import key_of
from .parameter_groups import must_fit

# source: RDS User Guide, "Settings for DB instances", and Aurora User Guide, "Settings for Amazon Aurora": what waits
# for the maintenance window unless ApplyImmediately is true. All else is done at once.
_WAITS = (
    *("instanceClass", "engineVersion", "allocatedStorage", "storageType", "multiAz"),
    "iamDatabaseAuthenticationEnabled",
)
# What CreateDBInstance and CreateDBCluster have a value for when nobody gives one.
_OWN = {"backupRetentionPeriod": 1, "autoMinorVersionUpgrade": True, "iamDatabaseAuthenticationEnabled": False}
_INSTANCE_OWN = {**_OWN, "multiAz": False, "caCertIdentifier": "rds-ca-rsa2048-g1", "storageType": "gp2"}


class Database(Service):
    """What instances and clusters share."""

    group_kind: ClassVar[str]
    group_argument: ClassVar[str]
    identifier_argument: ClassVar[str]
    noun: ClassVar[str]
    # The arguments that describe a database, and that the provider reads.
    reads: ClassVar[tuple[str, ...]] = (
        *("engineVersion", "dbSubnetGroupName", "port", "storageEncrypted", "kmsKeyId", "masterUserSecretKmsKeyId"),
        *("iamDatabaseAuthenticationEnabled", "backupRetentionPeriod", "deletionProtection", "storageType"),
        *("allocatedStorage", "copyTagsToSnapshot", "enabledCloudwatchLogsExports", "vpcSecurityGroupIds"),
    )
    own: ClassVar[Mapping[str, Any]]

    def create(self, resource: Resource) -> tuple[str, Properties]:
        name, given = resource.name.lower(), resource.inputs
        if self.account.get(self.kind, name) is not None:
            raise RefusedError(f"DB{self.noun}AlreadyExists", f"DB {self.noun.lower()} already exists: {name}")
        snapshot = self._snapshot(given)
        engine = str(snapshot.get("engine", given["engine"]))
        asked = given.get("engineVersion")
        if snapshot and (asked is None or snapshot["engineVersion"].startswith(f"{asked}.")):
            runs = snapshot["engineVersion"]
        else:
            runs = versions.resolved(self.account, engine, asked)
        must_fit(self.account, self.group_kind, given.get(self.group_argument), versions.family(engine, runs))
        data = {
            "engine": engine,
            "urn": resource.urn,
            "region": resource.region,
            "unique": resource.unique,
            "group": given.get(self.group_argument),
            "runs": {
                **self.own,
                "port": 3306 if "mysql" in engine else 5432,
                **{key: given[key] for key in self.reads if key in given},
                **self._keys(given, snapshot, resource.region),
                "engineVersion": runs,
            },
            "waits": {},
            **{key: snapshot.get(key, given.get(key)) for key in ("dbName", "databaseName", "username")},
        }
        self._put(name, data)
        return self._id(name, data), self._outputs(name, data, given)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        name, given, before = resource.name.lower(), resource.inputs, resource.olds
        data = self._there(name)
        asked = {key: given[key] for key in self.reads if key in given and given[key] != before.get(key)}
        if "engineVersion" in asked:
            asked["engineVersion"] = versions.upgraded(
                self.account,
                data["engine"],
                data["runs"]["engineVersion"],
                asked["engineVersion"],
                major=bool(given.get("allowMajorVersionUpgrade")),
            )
        asked |= {key: key_of(self.account, asked[key], data["region"], "rds") for key in asked if key in _KEYS}
        at_once = bool(given.get("applyImmediately"))
        waits = {key: value for key, value in asked.items() if key in _WAITS and not at_once}
        runs = {**data["runs"], **{key: value for key, value in asked.items() if key not in waits}}
        waits = {key: value for key, value in {**data["waits"], **waits}.items() if value != runs.get(key)}
        group = given.get(self.group_argument, data["group"])
        must_fit(self.account, self.group_kind, group, versions.family(data["engine"], runs["engineVersion"]))
        data |= {"runs": runs, "waits": {} if at_once else waits, "group": group}
        self._put(name, data)
        return self._id(name, data), self._outputs(name, data, given)

    def found(self, identifier: str, state: Properties) -> Properties | None:
        name = str(state.get(self.identifier_argument, identifier))
        data = self.account.get(self.kind, name)
        return data and self._outputs(name, data, state)

    def gone(self, identifier: str, state: Properties) -> None:
        name = str(state.get(self.identifier_argument, identifier))
        data = self.account.get(self.kind, name)
        if data is None:
            return
        if data["runs"].get("deletionProtection"):
            raise RefusedError(
                "InvalidParameterCombination",
                f"Cannot delete protected DB {self.noun}, please disable deletion protection and try again.",
            )
        if not state.get("skipFinalSnapshot"):
            take_snapshot(self.account, f"{self.kind}-snapshot", data, str(state.get("finalSnapshotIdentifier")))
        self.account.remove(self.kind, name)

    def _there(self, name: str) -> Properties:
        data = self.account.get(self.kind, name)
        if data is None:
            raise RefusedError(f"DB{self.noun}NotFound", f"DB{self.noun} {name} not found.")
        return data

    def _put(self, name: str, data: Properties) -> None:
        self.account.put(self.kind, name, data)
        for log in data["runs"].get("enabledCloudwatchLogsExports") or []:
            logs.write(self.account, f"/aws/rds/{self.kind}/{name}/{log}", "RDS")

    def _snapshot(self, given: Properties) -> Properties:
        """What a database is restored from; nothing when it is new."""
        name = given.get("snapshotIdentifier")
        if name is None:
            return {}
        found = self.account.get(f"{self.kind}-snapshot", str(name).rsplit(":", 1)[-1])
        if found is None:
            raise RefusedError(f"DB{self.noun}SnapshotNotFound", f"DB{self.noun}Snapshot not found: {name}")
        return found

    def _keys(self, given: Properties, snapshot: Properties, region: str) -> Properties:
        """How it is encrypted."""
        if snapshot and not self._restores_with_a_key:
            own: Properties = {key: snapshot.get(key) for key in ("storageEncrypted", "kmsKeyId")}
        elif given.get("storageEncrypted"):
            asked = given.get("kmsKeyId") or snapshot.get("kmsKeyId")
            own = {"storageEncrypted": True, "kmsKeyId": key_of(self.account, asked, region, "rds")}
        else:
            own = {"storageEncrypted": False}
        if given.get("manageMasterUserPassword"):
            asked = given.get("masterUserSecretKmsKeyId")
            own["masterUserSecretKmsKeyId"] = key_of(self.account, asked, region, "secretsmanager")
        return own

    _restores_with_a_key: ClassVar[bool] = True

    def _id(self, name: str, data: Properties) -> str:
        return name

    def _outputs(self, name: str, data: Properties, given: Properties) -> Properties:
        runs = data["runs"]
        shown = versions.shown(given.get("engineVersion"), runs["engineVersion"], data["waits"].get("engineVersion"))
        secret = arn("secretsmanager", data["region"], f"secret:rds!{self.kind}-{digest(name, 'secret')}-AbCdEf")
        key = runs.get("masterUserSecretKmsKeyId")
        return {
            **{key: runs[key] for key in self.reads if key in runs},
            "engineVersion": shown,
            "engineVersionActual": runs["engineVersion"],
            self.group_argument: data["group"],
            "hostedZoneId": "Z1TTGA775OQIYO",
            "masterUserSecrets": [{"secretArn": secret, "secretStatus": "active", "kmsKeyId": key}] if key else None,
        }


_KEYS = ("kmsKeyId", "masterUserSecretKmsKeyId", "performanceInsightsKmsKeyId")


def take_snapshot(account: Account, kind: str, data: Properties, name: str) -> None:
    """Keep what a database is, under a name that no other snapshot of the account has.

    source: the words: terraform-aws-rds 445, terraform-aws-rds-cluster 129.

    Raises:
        RefusedError: the name is taken.
    """
    if account.get(kind, name) is not None:
        if kind == "instance-snapshot":
            says = f"Cannot create the snapshot because a snapshot with the identifier {name} already exists."
            raise RefusedError("DBSnapshotAlreadyExists", says)
        says = f"Cannot create the cluster snapshot because one with the identifier {name} already exists."
        raise RefusedError("DBClusterSnapshotAlreadyExistsFault", says)
    kept = {key: data["runs"].get(key) for key in ("engineVersion", "storageEncrypted", "kmsKeyId")}
    more = {key: data.get(key) for key in ("engine", "dbName", "databaseName", "username")}
    account.put(kind, name, {key: value for key, value in {**kept, **more}.items() if value is not None})


class Instance(Database):
    """A DB instance."""

    kind, noun = "instance", "Instance"
    group_kind, group_argument, identifier_argument = "parameter-group", "parameterGroupName", "identifier"
    reads = (
        *Database.reads,
        *("instanceClass", "multiAz", "autoMinorVersionUpgrade", "caCertIdentifier", "publiclyAccessible"),
        *("performanceInsightsEnabled", "performanceInsightsRetentionPeriod", "performanceInsightsKmsKeyId"),
    )
    own = _INSTANCE_OWN
    # source: RDS API Reference, RestoreDBInstanceFromDBSnapshot, which has neither KmsKeyId nor StorageEncrypted.
    _restores_with_a_key = False

    def _id(self, name: str, data: Properties) -> str:
        return f"db-{data['unique'].upper()}"

    def _outputs(self, name: str, data: Properties, given: Properties) -> Properties:
        address, port = f"{name}.{rds_domain(data['region'])}", data["runs"]["port"]
        return {
            **super()._outputs(name, data, given),
            "address": address,
            "endpoint": f"{address}:{port}",
            "arn": arn("rds", data["region"], f"db:{name}"),
            "resourceId": self._id(name, data),
            "identifier": name,
            "availabilityZone": f"{data['region']}a",
            "status": "available",
            **{key: data[key] for key in ("dbName", "username") if data.get(key)},
        }


class Cluster(Database):
    """An Aurora cluster, which is nothing without a member."""

    kind, noun = "cluster", "Cluster"
    group_kind, group_argument = "cluster-parameter-group", "dbClusterParameterGroupName"
    identifier_argument = "clusterIdentifier"
    reads = (*Database.reads, "serverlessv2ScalingConfiguration")
    own = _OWN

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


def maintenance_window(account: Account) -> None:
    """What waits is done, and minor versions are upgraded where that is automatic.

    source: RDS User Guide, "Automatically upgrading the minor engine version": the databases with
    AutoMinorVersionUpgrade; Aurora User Guide, "Automatic minor version upgrades": all members of a cluster have it.
    """
    with account.alone():
        account.set("minor versions are upgraded", True)
        for kind in (Instance.kind, Cluster.kind):
            for name, data in account.all(kind).items():
                runs = {**data["runs"], **data["waits"]}
                own = members(account, name).values() if kind == Cluster.kind else [runs]
                if all(each.get("autoMinorVersionUpgrade", True) for each in own):
                    runs["engineVersion"] = versions.newest_minor(data["engine"], runs["engineVersion"])
                account.put(kind, name, {**data, "runs": runs, "waits": {}})
        for name, data in account.all(ClusterInstance.kind).items():
            account.put(ClusterInstance.kind, name, {**data, **data["waits"], "waits": {}})
