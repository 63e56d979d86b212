"""Resources that something real stands behind: the supervisor's servers and functions, and Secrets Manager."""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lambda_rds_proxy.package import this_machine
from toolchain.checkout import checkout_root, gateway_url

from ..supervisor.client import SupervisorClient
from ..supervisor.errors import LaptopError
from . import ACCOUNT
from .properties import Properties, archive_path
from .recorded import digest


class BackedError(RuntimeError):
    """The laptop could not make, read or delete a resource; the message is for the user."""


class Backed(Protocol):
    """What the provider needs of a backed type."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:
        """Create or update: (id, outputs beside the inputs)."""

    def read(self, identifier: str, state: Properties) -> Properties | None:
        """Outputs as they are now, or None when the resource is gone."""

    def delete(self, identifier: str, state: Properties) -> None:
        """Delete; what is gone already is fine."""


def _laptop(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the call returns
    try:
        return call()
    except LaptopError as error:
        raise BackedError(str(error)) from None


def _facts(kind: str, identifier: str) -> Properties | None:
    """Facts of a resource; None when it, or the whole supervisor, is gone."""

    def ask() -> Properties | None:
        # A supervisor that was killed left its state: starting it brings the resource back.
        return SupervisorClient.ensure().get(kind, identifier)

    found: Properties | None = _laptop(ask)
    return found


def _delete(kind: str, identifier: str) -> None:
    _laptop(lambda: SupervisorClient.ensure().delete(kind, identifier))


class Instance:
    """aws:rds/instance:Instance → PostgreSQL."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["identifier"])
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
        }
        facts = _laptop(lambda: SupervisorClient.ensure().put("instance", name, spec))
        return facts["resourceId"], {**self._outputs(facts), "arn": f"arn:aws:rds:{region}:{ACCOUNT}:db:{name}"}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = _facts("instance", str(state.get("identifier")))
        return None if facts is None else self._outputs(facts)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        _delete("instance", str(state.get("identifier")))

    @staticmethod
    def _outputs(facts: Properties) -> Properties:
        outputs: Properties = {
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
        _laptop(lambda: SupervisorClient.ensure().put("role-policy", name, spec))
        return name, {}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return _facts("role-policy", identifier)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        _delete("role-policy", identifier)


class ParameterGroup:
    """aws:rds/parameterGroup:ParameterGroup → what an instance that names it is started with."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["name"])
        parameters = {each["name"]: str(each["value"]) for each in inputs.get("parameters") or []}
        _laptop(lambda: SupervisorClient.ensure().put("parameter-group", name, {"urn": urn, "parameters": parameters}))
        return name, {"arn": f"arn:aws:rds:{region}:{ACCOUNT}:pg:{name}"}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return _facts("parameter-group", identifier)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        _delete("parameter-group", identifier)


class Proxy:
    """aws:rds/proxy:Proxy → PgBouncer."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["name"])
        keys = ("engineFamily", "auths", "requireTls", "idleClientTimeout", "debugLogging")
        spec = {"urn": urn, **{key: inputs.get(key) for key in keys}}
        facts = _laptop(lambda: SupervisorClient.ensure().put("proxy", name, spec))
        return name, {"arn": facts["arn"], "endpoint": facts["endpoint"]}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = _facts("proxy", identifier)
        return None if facts is None else {"arn": facts["arn"], "endpoint": facts["endpoint"]}

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        _delete("proxy", identifier)


class TargetGroup:
    """aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup → the pooler's limits."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        proxy = str(inputs["dbProxyName"])
        pool = inputs.get("connectionPoolConfig") or {}
        facts = _laptop(lambda: SupervisorClient.ensure().put("target-group", proxy, pool))
        return proxy, {"arn": facts["arn"], "name": facts["name"]}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = _facts("target-group", identifier)
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
        facts = _laptop(lambda: SupervisorClient.ensure().put("target", name, spec))
        return f"{proxy}/default/RDS_INSTANCE/{instance}", {
            key: facts[key] for key in ("endpoint", "port", "rdsResourceId", "targetArn", "type")
        }

    def read(self, identifier: str, state: Properties) -> Properties | None:
        return _facts("target", self._name(identifier, state))

    def delete(self, identifier: str, state: Properties) -> None:
        _delete("target", self._name(identifier, state))

    @staticmethod
    def _name(identifier: str, state: Properties) -> str:
        return f"{state.get('dbProxyName') or identifier.split('/')[0]}/{identifier.rsplit('/', 1)[1]}"


class Function:
    """aws:lambda/function:Function → execution environments on this machine."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        name = str(inputs["name"])
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
            "code": package,
            "handler": inputs.get("handler"),
            "timeout": inputs.get("timeout"),
            "memorySize": inputs.get("memorySize"),
            "environment": (inputs.get("environment") or {}).get("variables") or {},
            "reservedConcurrentExecutions": inputs.get("reservedConcurrentExecutions"),
        }
        facts = _laptop(lambda: SupervisorClient.ensure().put("function", name, spec))
        return name, self._outputs(facts)

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = _facts("function", identifier)
        return None if facts is None else self._outputs(facts)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        _delete("function", identifier)

    @staticmethod
    def _outputs(facts: Properties) -> Properties:
        outputs = {key: facts[key] for key in ("arn", "invokeArn", "version", "lastModified", "codeSha256")}
        return {**outputs, "sourceCodeSize": facts["codeSize"], "qualifiedArn": f"{facts['arn']}:{facts['version']}"}


def _client(service: str) -> Any:  # noqa: ANN401 - boto3's clients are made at run time
    import boto3
    import botocore.config

    SupervisorClient.ensure()
    return boto3.client(
        service,
        endpoint_url=gateway_url(checkout_root()),
        region_name="eu-west-1",
        aws_access_key_id="laptop",
        aws_secret_access_key="laptop",  # noqa: S106 - the laptop's gateway checks no signature
        config=botocore.config.Config(read_timeout=920, retries={"max_attempts": 0}),
    )


class Secret:
    """aws:secretsmanager/secret:Secret → moto."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        client = _laptop(lambda: _client("secretsmanager"))
        name = str(inputs["name"])
        try:
            arn = client.describe_secret(SecretId=name)["ARN"]
            client.update_secret(SecretId=name, Description=str(inputs.get("description", "")))
        except client.exceptions.ResourceNotFoundException:
            arn = client.create_secret(Name=name, Description=str(inputs.get("description", "")))["ARN"]
        return arn, {"arn": arn}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        client = _laptop(lambda: _client("secretsmanager"))
        try:
            return {"arn": client.describe_secret(SecretId=identifier)["ARN"]}
        except client.exceptions.ResourceNotFoundException:
            return None

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        client = _laptop(lambda: _client("secretsmanager"))
        try:
            # A recovery window would keep the laptop's supervisor alive for a month.
            client.delete_secret(SecretId=identifier, ForceDeleteWithoutRecovery=True)
        except client.exceptions.ResourceNotFoundException:
            return


class SecretVersion:
    """aws:secretsmanager/secretVersion:SecretVersion → moto."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        client = _laptop(lambda: _client("secretsmanager"))
        secret = str(inputs["secretId"])
        stored = client.put_secret_value(SecretId=secret, SecretString=str(inputs.get("secretString", "")))
        return f"{secret}|{stored['VersionId']}", {"arn": stored["ARN"], "versionId": stored["VersionId"]}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return {}

    def delete(self, identifier: str, state: Properties) -> None:
        """The value goes with its secret, as AWSCURRENT cannot be taken away."""


class Invocation:
    """aws:lambda/invocation:Invocation → one real invocation, when it is created."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        client = _laptop(lambda: _client("lambda"))
        name = str(inputs["functionName"])
        answer = client.invoke(FunctionName=name, Payload=str(inputs["input"]).encode(), LogType="Tail")
        payload = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise BackedError(self._failure(name, payload, answer.get("LogResult", "")))
        return digest(name, str(inputs["input"]), length=32), {"result": payload}

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        return {}

    def delete(self, identifier: str, state: Properties) -> None:
        """What was done stays done."""

    @staticmethod
    def _failure(name: str, payload: str, log: str) -> str:
        try:
            error = json.loads(payload)
            text = f"{error.get('errorType')}: {error.get('errorMessage')}"
        except (ValueError, AttributeError):
            text = payload
        lines = base64.b64decode(log).decode(errors="replace").strip().splitlines()
        return f"function {name} failed: {text}" + (f"\nend of its log:\n{chr(10).join(lines[-5:])}" if lines else "")


BACKED: Mapping[str, Backed] = {
    "aws:iam/rolePolicy:RolePolicy": RolePolicy(),
    "aws:rds/instance:Instance": Instance(),
    "aws:rds/parameterGroup:ParameterGroup": ParameterGroup(),
    "aws:rds/proxy:Proxy": Proxy(),
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": TargetGroup(),
    "aws:rds/proxyTarget:ProxyTarget": ProxyTarget(),
    "aws:secretsmanager/secret:Secret": Secret(),
    "aws:secretsmanager/secretVersion:SecretVersion": SecretVersion(),
    "aws:lambda/function:Function": Function(),
    "aws:lambda/invocation:Invocation": Invocation(),
}
