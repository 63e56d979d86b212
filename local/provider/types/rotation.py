"""The one application of AWS's Serverless Application Repository that the laptop deploys: it rotates a login."""

from pathlib import Path

from lambda_rds_proxy.engines import ENGINES, Engine
from lambda_rds_proxy.function.package import PackageError, build_package, this_machine

from ...supervisor.errors import LaptopError
from ..identifiers import arn, digest
from ..properties import Properties
from .row import AwsType, Resource
from .supervised import Supervised

_APPLICATION = ENGINES[Engine.POSTGRESQL].rotation_application
_FUNCTION = Path(__file__).parents[2] / "rotation_function"


class RotationApplication(Supervised):
    """The laptop's own rotation function."""

    kind = "function"

    def apply(self, resource: Resource) -> tuple[str, Properties]:
        application = str(resource.inputs.get("applicationId")).rsplit("/", 1)[-1]
        parameters = resource.inputs.get("parameters") or {}
        if application != _APPLICATION or "functionName" not in parameters:
            raise LaptopError(
                f"the laptop deploys of the Serverless Application Repository {_APPLICATION} only, under its "
                f"parameter functionName, and this is {application}; leave it (rotationDays) out on the local stack"
            )
        try:
            package = build_package(_FUNCTION, target=this_machine(), engine=Engine.POSTGRESQL)
        except PackageError as error:
            raise LaptopError(str(error)) from None
        spec = {
            "urn": resource.urn,
            "code": str(package),
            "handler": "lambda_function.lambda_handler",
            "timeout": 30,
            "memorySize": 128,  # as AWS's application deploys it
            "environment": {"EXCLUDE_CHARACTERS": str(parameters.get("excludeCharacters", ""))},
        }
        stack = f"stack/serverlessrepo-{resource.name}/{digest(resource.urn)}"
        outputs = self.put(str(parameters["functionName"]), spec, resource.region)
        return arn("cloudformation", resource.region, stack), outputs

    def key(self, identifier: str, state: Properties) -> str:
        return str((state.get("parameters") or {}).get("functionName"))

    def outputs(self, key: str, facts: Properties, region: str) -> Properties:
        return {"outputs": {"RotationLambdaARN": facts["arn"]}}


TYPES = (AwsType("aws:serverlessrepository/cloudFormationStack:CloudFormationStack", backed=RotationApplication()),)
