"""Resources that the supervisor's servers and functions stand behind."""

from collections.abc import Mapping
from pathlib import Path

from lambda_rds_proxy.function.package import this_machine

from . import ACCOUNT, laptop
from .gateway import Invocation, Secret, SecretRotation, SecretVersion
from .imports import tellable
from .laptop import Backed, BackedError
from .properties import Properties, archive_path
from .rotation_application import RotationApplication


class Instance:
    """aws:rds/instance:Instance → PostgreSQL."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name, before = str(inputs["identifier"]), olds.get("identifier", inputs["identifier"])
        if before != name:
            raise BackedError(
                f"the laptop cannot rename instance {before} to {name} in place as AWS does, as its data stands under "
                "its name; keep the identifier, or lose the data with `pulumi up --target-replace` and the URN"
            )
        spec = {
            "urn": urn,
            "engine": inputs.get("engine"),
            "engineVersion": inputs.get("engineVersion"),
            "instanceClass": inputs.get("instanceClass"),
            "dbName": inputs.get("dbName"),
            "port": inputs.get("port"),
            "username": inputs.get("username"),
            "manageMasterUserPassword": inputs.get("manageMasterUserPassword"),
            "password": inputs.get("password"),
            "parameterGroupName": inputs.get("parameterGroupName"),
            "asked": tellable(inputs),
            "iamDatabaseAuthenticationEnabled": inputs.get("iamDatabaseAuthenticationEnabled"),
        }
        facts = laptop.put("instance", name, spec)
        return facts["resourceId"], self._outputs(name, facts)

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        name = str(state.get("identifier"))
        facts = laptop.facts("instance", name)
        return None if facts is None else self._outputs(name, facts)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        laptop.delete("instance", str(state.get("identifier")))

    @staticmethod
    def _outputs(name: str, facts: Properties) -> Properties:
        region = facts["availabilityZone"][:-1]
        outputs: Properties = {
            "arn": f"arn:aws:rds:{region}:{ACCOUNT}:db:{name}",
            "address": facts["address"],
            "endpoint": f"{facts['address']}:{facts['port']}",
            "port": facts["port"],
            "resourceId": facts["resourceId"],
            "hostedZoneId": facts["hostedZoneId"],
            "availabilityZone": facts["availabilityZone"],
            "engineVersionActual": facts["engineVersionActual"],
            "status": "available",
        }
        if facts["masterSecretArn"]:
            outputs["masterUserSecrets"] = [
                {"secretArn": facts["masterSecretArn"], "secretStatus": "active", "kmsKeyId": ""}
            ]
        return outputs


class RolePolicy:
    """aws:iam/rolePolicy:RolePolicy → what the IAM gate allows a function's role."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = f"{inputs['role']}:{inputs['name']}"
        spec = {"urn": urn, "role": inputs["role"], "policy": inputs.get("policy")}
        laptop.put("role-policy", name, spec)
        return name, {}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return laptop.facts("role-policy", identifier)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        laptop.delete("role-policy", identifier)


class ParameterGroup:
    """aws:rds/parameterGroup:ParameterGroup → what an instance that names it is started with."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["name"])
        parameters = {each["name"]: str(each["value"]) for each in inputs.get("parameters") or []}
        laptop.put("parameter-group", name, {"urn": urn, "parameters": parameters, "asked": tellable(inputs)})
        return name, {"arn": f"arn:aws:rds:{region}:{ACCOUNT}:pg:{name}"}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return laptop.facts("parameter-group", identifier)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        laptop.delete("parameter-group", identifier)


class Proxy:
    """aws:rds/proxy:Proxy → PgBouncer."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["name"])
        keys = ("engineFamily", "auths", "defaultAuthScheme", "roleArn", "requireTls", "idleClientTimeout")
        spec = {"urn": urn, "asked": tellable(inputs), **{key: inputs.get(key) for key in keys}}
        facts = laptop.put("proxy", name, spec)
        if olds.get("name", name) != name:
            laptop.delete("proxy", str(olds["name"]))  # renamed: on AWS, too, the old endpoint is gone
        return name, {"arn": facts["arn"], "endpoint": facts["endpoint"]}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = laptop.facts("proxy", identifier)
        return None if facts is None else {"arn": facts["arn"], "endpoint": facts["endpoint"]}

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        laptop.delete("proxy", identifier)


class TargetGroup:
    """aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup → the pooler's limits."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        proxy = str(inputs["dbProxyName"])
        pool = inputs.get("connectionPoolConfig") or {}
        facts = laptop.put("target-group", proxy, pool)
        # AWS answers with the whole pool, whatever was left out.
        whole = {"maxConnectionsPercent": 100, "maxIdleConnectionsPercent": 50, "connectionBorrowTimeout": 120, **pool}
        return proxy, {"arn": facts["arn"], "name": facts["name"], "connectionPoolConfig": whole}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = laptop.facts("target-group", identifier)
        return None if facts is None else {"arn": facts["arn"], "name": facts["name"]}

    def delete(self, identifier: str, state: Properties) -> None:
        """AWS's own delete does nothing: the group goes with its proxy."""


class ProxyTarget:
    """aws:rds/proxyTarget:ProxyTarget → the pooler's database."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        proxy, instance = str(inputs["dbProxyName"]), inputs.get("dbInstanceIdentifier")
        if instance is None:
            raise BackedError(
                f"the laptop's proxy {proxy} cannot stand before a cluster: clusters are recorded only; "
                "use target instance"
            )
        name = f"{proxy}/{instance}"
        spec = {"proxyName": proxy, "dbInstanceIdentifier": instance}
        facts = laptop.put("target", name, spec)
        return f"{proxy}/default/RDS_INSTANCE/{instance}", {
            key: facts[key] for key in ("endpoint", "port", "rdsResourceId", "targetArn", "type")
        }

    def read(self, identifier: str, state: Properties) -> Properties | None:
        return laptop.facts("target", self._name(identifier, state))

    def delete(self, identifier: str, state: Properties) -> None:
        laptop.delete("target", self._name(identifier, state))

    @staticmethod
    def _name(identifier: str, state: Properties) -> str:
        return f"{state.get('dbProxyName') or identifier.split('/')[0]}/{identifier.rsplit('/', 1)[1]}"


class Function:
    """aws:lambda/function:Function → execution environments on this machine."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["name"])
        if "code" not in inputs:
            raise BackedError(
                f"function {name} comes from an image or from S3, and the laptop runs packages from disk only; "
                "give it `code`"
            )
        here = this_machine()
        if inputs.get("runtime") != here.runtime or inputs.get("architectures") not in (None, [here.architecture]):
            raise BackedError(
                f"function {name} is for {inputs.get('runtime')} on "
                f"{', '.join(inputs.get('architectures') or ['x86_64'])}, and this laptop runs {here.runtime} on "
                f"{here.architecture}; leave architecture out on the local stack"
            )
        package = archive_path(inputs.get("code"))
        if package is None:
            raise BackedError(
                f"the code of function {name} is not a FileArchive; the laptop takes a zip from disk only"
            )
        spec = {
            "urn": urn,
            "role": inputs.get("role"),
            "code": str(Path(package).absolute()),  # the supervisor runs elsewhere
            "handler": inputs.get("handler"),
            "timeout": inputs.get("timeout"),
            "memorySize": inputs.get("memorySize"),
            "environment": (inputs.get("environment") or {}).get("variables") or {},
            "reservedConcurrentExecutions": inputs.get("reservedConcurrentExecutions"),
        }
        facts = laptop.put("function", name, spec)
        return name, self._outputs(facts)

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = laptop.facts("function", identifier)
        return None if facts is None else self._outputs(facts)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        laptop.delete("function", identifier)

    @staticmethod
    def _outputs(facts: Properties) -> Properties:
        arn, sha = facts["arn"], facts["codeSha256"]
        return {
            "arn": arn,
            "invokeArn": facts["invokeArn"],
            "qualifiedArn": f"{arn}:{facts['version']}",
            "version": facts["version"],
            "lastModified": facts["lastModified"],
            "codeSha256": sha,
            "sourceCodeHash": sha,
            "sourceCodeSize": facts["codeSize"],
        }


BACKED: Mapping[str, Backed] = {
    "aws:iam/rolePolicy:RolePolicy": RolePolicy(),
    "aws:rds/instance:Instance": Instance(),
    "aws:rds/parameterGroup:ParameterGroup": ParameterGroup(),
    "aws:rds/proxy:Proxy": Proxy(),
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": TargetGroup(),
    "aws:rds/proxyTarget:ProxyTarget": ProxyTarget(),
    "aws:secretsmanager/secret:Secret": Secret(),
    "aws:secretsmanager/secretVersion:SecretVersion": SecretVersion(),
    "aws:secretsmanager/secretRotation:SecretRotation": SecretRotation(),
    "aws:serverlessrepository/cloudFormationStack:CloudFormationStack": RotationApplication(),
    "aws:lambda/function:Function": Function(),
    "aws:lambda/invocation:Invocation": Invocation(),
}
