"""Instances and what belongs to one: an instance is PostgreSQL, started with its parameter group."""

from ...supervisor.client import SupervisorClient
from ...supervisor.errors import LaptopError
from .. import ACCOUNT
from ..identifiers import arn
from ..properties import Properties
from .limits import Matching
from .row import AwsType, Found, Resource
from .supervised import Supervised

# Arguments that no call of RDS's answers with: secrets, and what is for the provider alone.
_UNREADABLE = (
    *("password", "passwordWo", "passwordWoVersion", "manageMasterUserPassword", "snapshotIdentifier"),
    *("applyImmediately", "skipFinalSnapshot", "finalSnapshotIdentifier", "deleteAutomatedBackups"),
    "allowMajorVersionUpgrade",
)


def identifier_limit(argument: str) -> Matching:
    """The rule of CreateDBInstance and CreateDBCluster, which botocore's model has in prose only."""
    return Matching(
        argument,
        r"(?=.{1,63}\Z)[a-z](?:-?[a-z0-9])*",
        "AWS takes 1 to 63 lower-case letters, digits and single hyphens, a letter first",
    )


class Instance(Supervised):
    """PostgreSQL."""

    kind = "instance"
    shown = ("address", "port", "resourceId", "hostedZoneId", "availabilityZone", "engineVersionActual")

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        name, before = resource.name, resource.olds.get("identifier", resource.name)
        if before != name:
            raise LaptopError(
                f"the laptop cannot rename instance {before} to {name} in place as AWS does, as its data stands under "
                "its name; keep the identifier, or lose the data with `pulumi up --target-replace` and the URN"
            )
        keys = (
            *("engine", "engineVersion", "instanceClass", "dbName", "port", "username", "manageMasterUserPassword"),
            *("password", "parameterGroupName", "iamDatabaseAuthenticationEnabled"),
        )
        given = {key: resource.inputs.get(key) for key in keys}
        asked = resource.row.readable_arguments(resource.inputs)
        outputs = self.put(name, {"urn": resource.urn, **given, "asked": asked}, resource.region)
        return outputs["resourceId"], outputs

    def key(self, identifier: str, state: Properties) -> str:
        return str(state.get("identifier"))

    def outputs(self, key: str, facts: Properties, region: str) -> Properties:
        endpoint, secret = f"{facts['address']}:{facts['port']}", facts["masterSecretArn"]
        secrets = [{"secretArn": secret, "secretStatus": "active", "kmsKeyId": ""}] if secret else None
        more = {"arn": arn("rds", region, f"db:{key}"), "endpoint": endpoint, "masterUserSecrets": secrets}
        return {**super().outputs(key, facts, region), **more, "status": "available"}

    @classmethod
    def find(cls, import_id: str) -> Found | None:
        """By its resource id, else by its identifier; it gets its resource id."""
        instances = [each for each in SupervisorClient.ensure().resources() if each["kind"] == cls.kind]
        found = {each["identifier"]: each for each in instances}
        found |= {each["facts"]["resourceId"]: each for each in instances}
        if import_id not in found:
            return None
        identifier, spec, facts = (found[import_id][key] for key in ("identifier", "spec", "facts"))
        keys = ("engine", "engineVersion", "instanceClass", "dbName", "username", "parameterGroupName")
        known = {key: spec[key] for key in keys if spec.get(key) is not None}
        # CreateDBInstance, where the caller says nothing.
        engine, major = str(spec.get("engine")), str(facts["engineVersionActual"]).split(".")[0]
        chosen = {"parameterGroupName": f"default.{engine}{major}", "performanceInsightsEnabled": False}
        # The provider's own importer sets these two, as it cannot ask for them.
        imported = {"skipFinalSnapshot": True, "deleteAutomatedBackups": True}
        asked = spec.get("asked") or {}
        given = {"identifier": identifier, "port": facts["port"], **chosen, **known, **asked, **imported}
        return facts["resourceId"], given


def looked_up(identifier: str) -> Properties:
    """What getInstance answers, as far as the laptop knows it.

    Raises:
        ValueError: there is no such instance.
    """
    spec = SupervisorClient.ensure().spec(Instance.kind, identifier)
    facts = SupervisorClient.ensure().get(Instance.kind, identifier)
    if spec is None or facts is None:
        raise ValueError(f'the laptop has no instance "{identifier}"')
    groups = (spec.get("asked") or {}).get("vpcSecurityGroupIds") or []
    shown = {key: facts[key] for key in ("address", "port", "resourceId")}
    return {"id": identifier, "dbInstanceIdentifier": identifier, "vpcSecurityGroups": groups, **shown}


class ParameterGroup(Supervised):
    """What an instance that names it is started with."""

    kind = "parameter-group"

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        name, asked = resource.name, resource.row.readable_arguments(resource.inputs)
        parameters = {each["name"]: str(each["value"]) for each in resource.inputs.get("parameters") or []}
        facts = SupervisorClient.ensure().put(
            self.kind, name, {"urn": resource.urn, "parameters": parameters, "asked": asked}
        )
        return name, self.outputs(name, facts, resource.region)

    def outputs(self, key: str, facts: Properties, region: str) -> Properties:
        return {"arn": arn("rds", region, f"pg:{key}")}

    @classmethod
    def find(cls, import_id: str) -> Found | None:
        spec = SupervisorClient.ensure().spec(cls.kind, import_id)
        return None if spec is None else (import_id, {"name": import_id, **(spec.get("asked") or {})})


TYPES = (
    AwsType(
        "aws:rds/instance:Instance",
        limits=(identifier_limit("identifier"),),
        unreadable=_UNREADABLE,
        backed=Instance(),
        find=Instance.find,
    ),
    AwsType("aws:rds/parameterGroup:ParameterGroup", backed=ParameterGroup(), find=ParameterGroup.find),
    AwsType(
        "aws:rds/subnetGroup:SubnetGroup",
        outputs=lambda group: {"arn": group.arn("rds", f"subgrp:{group.name}")},  # whose VPC only its subnets know
    ),
    AwsType(
        "aws:rds/eventSubscription:EventSubscription",
        outputs=lambda events: {"arn": events.arn("rds", f"es:{events.name}"), "customerAwsId": ACCOUNT},
    ),
)
