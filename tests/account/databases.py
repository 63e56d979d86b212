"""RDS's databases: versions, keys, snapshots, what waits for the maintenance window, logs; and instances.

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
OWN = {"backupRetentionPeriod": 1, "autoMinorVersionUpgrade": True, "iamDatabaseAuthenticationEnabled": False}
_INSTANCE_OWN = {**OWN, "multiAz": False, "caCertIdentifier": "rds-ca-rsa2048-g1", "storageType": "gp2"}


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
    # Whether every change asks for the version again while something else than what was given runs.
    repeats_version: ClassVar[bool] = False

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
        wanted = given.get("engineVersion")
        if self.repeats_version and wanted not in (None, before.get("engineVersionActual")):
            asked["engineVersion"] = versions.resolved(self.account, data["engine"], wanted)
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
            # The key of the master user's secret is not read back (source: resourceClusterRead): the secret has it.
            **{name: runs[name] for name in self.reads if name in runs and name != "masterUserSecretKmsKeyId"},
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
