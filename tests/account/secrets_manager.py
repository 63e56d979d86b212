"""Secrets Manager: deleted secrets keep their names for a while; the application that rotates."""

import hashlib
from functools import cache

from local.provider.identifiers import digest
from local.provider.properties import Properties
from local.provider.types.row import Resource

from .account import Account, RefusedError, Service, arn
from .functions import Function


class Secret(Service):
    """A secret; the account knows it by its name, everybody else by its ARN."""

    kind = "secret"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        found = self.account.get(self.kind, resource.name)
        # source: Secrets Manager API Reference, CreateSecret and DeleteSecret.
        if found is not None and "goneOn" in found and found["goneOn"] > self.account.today:
            raise RefusedError(
                "InvalidRequestException",
                "You can't create this secret because a secret with this name is already scheduled for deletion.",
            )
        if found is not None and "goneOn" not in found:
            says = f"The operation failed because the secret {resource.name} already exists."
            raise RefusedError("ResourceExistsException", says)
        # Another six characters for each that is made.
        unique = digest(resource.unique, str(self.account.today), length=6)
        return self._put(resource, arn("secretsmanager", resource.region, f"secret:{resource.name}-{unique}"))

    def update(self, resource: Resource) -> tuple[str, Properties]:
        return self._put(resource, str(resource.olds["arn"]))

    def _put(self, resource: Resource, where: str) -> tuple[str, Properties]:
        kept = {key: resource.inputs.get(key) for key in ("description", "kmsKeyId")}
        self.account.put(self.kind, resource.name, {"arn": where, **kept})
        return where, {"arn": where}

    def found(self, identifier: str, state: Properties) -> Properties | None:
        name = _name(self.account, identifier)
        found = None if name is None else self.account.get(self.kind, name)
        if found is None or "goneOn" in found:
            return None
        return {"arn": found["arn"], "name": name, "description": found["description"], "kmsKeyId": found["kmsKeyId"]}

    def gone(self, identifier: str, state: Properties) -> None:
        name, days = _name(self.account, identifier), int(state.get("recoveryWindowInDays", 30))
        if name is None:
            return
        if days:
            found = self.account.get(self.kind, name) or {}
            self.account.put(self.kind, name, {**found, "goneOn": self.account.today + days})
        else:
            self.account.remove(self.kind, name)


def _name(account: Account, where: str) -> str | None:
    return next((name for name, each in account.all(Secret.kind).items() if each["arn"] == where), None)


class SecretVersion(Service):
    """A value of a secret."""

    kind = "secret-version"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        secret, value = str(resource.inputs["secretId"]), str(resource.inputs.get("secretString", ""))
        if _name(self.account, secret) is None:
            raise RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        version = hashlib.sha256(value.encode()).hexdigest()[:32]
        self.account.put(self.kind, f"{secret}|{version}", {})
        return f"{secret}|{version}", {"arn": secret, "versionId": version, "versionStages": ["AWSCURRENT"]}


class SecretRotation(Service):
    """A rotation, whose function must be there."""

    kind = "secret-rotation"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        secret, function = str(resource.inputs["secretId"]), str(resource.inputs.get("rotationLambdaArn"))
        if _name(self.account, secret) is None:
            raise RefusedError("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        if self.account.get(Function.kind, function.rsplit(":", 1)[-1]) is None:
            says = "Secrets Manager cannot invoke the specified Lambda function."
            raise RefusedError("AccessDeniedException", says)
        self.account.put(self.kind, secret, {key: resource.inputs.get(key) for key in _ROTATION})
        return secret, {"rotationEnabled": True}

    def found(self, identifier: str, state: Properties) -> Properties | None:
        found = self.account.get(self.kind, identifier)
        return found and {"rotationEnabled": True, **found}


_ROTATION = ("rotationRules", "rotationLambdaArn")


@cache
def _regions_with_applications() -> frozenset[str]:
    """source: botocore, data/endpoints.json, service `serverlessrepo`."""
    import boto3

    session = boto3.session.Session()
    partitions = session.get_available_partitions()
    found = (session.get_available_regions("serverlessrepo", partition_name=each) for each in partitions)
    return frozenset(region for regions in found for region in regions)


class RotationApplication(Service):
    """AWS's rotation function, which the Serverless Application Repository deploys as a stack of CloudFormation's."""

    kind = "application"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        if resource.region not in _regions_with_applications():
            host = f"serverlessrepo.{resource.region}.amazonaws.com"
            raise RefusedError("RequestError", f"send request failed: dial tcp: lookup {host}: no such host")
        stack = f"serverlessrepo-{resource.name}"
        if self.account.get(self.kind, stack) is not None:
            # source: CloudFormation API Reference, CreateStack, AlreadyExistsException.
            raise RefusedError("AlreadyExistsException", f"Stack [{stack}] already exists")
        return self.update(resource)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        stack, given = f"serverlessrepo-{resource.name}", resource.inputs
        function = str((given.get("parameters") or {})["functionName"])
        where = arn("lambda", resource.region, f"function:{function}")
        if not resource.olds and self.account.get(Function.kind, function) is not None:
            raise RefusedError("AlreadyExists", f"{function} already exists in stack")
        self.account.put(Function.kind, function, {"reserved": -1, "code": ""})
        self.account.put(self.kind, stack, {"function": function})
        identifier = arn("cloudformation", resource.region, f"stack/{stack}/{digest(resource.urn)}")
        return identifier, {"outputs": {"RotationLambdaARN": where}, "semanticVersion": "1.1.621"}

    def found(self, identifier: str, state: Properties) -> Properties | None:
        return None if self.account.get(self.kind, identifier.split("/")[1]) is None else {}

    def gone(self, identifier: str, state: Properties) -> None:
        stack = identifier.split("/")[1]
        found = self.account.get(self.kind, stack)
        if found is not None:
            self.account.remove(Function.kind, str(found["function"]))
        self.account.remove(self.kind, stack)
