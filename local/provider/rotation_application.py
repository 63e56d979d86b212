"""The one application of AWS's Serverless Application Repository that the laptop deploys: it rotates a login."""

from pathlib import Path

from lambda_rds_proxy.engines import ENGINES, Engine
from lambda_rds_proxy.function.package import PackageError, build_package, this_machine

from . import ACCOUNT, laptop
from .laptop import BackedError
from .properties import Properties
from .recorded import digest

_ROTATION_APPLICATION = ENGINES[Engine.POSTGRESQL].rotation_application
_ROTATION_FUNCTION = Path(__file__).parents[1] / "rotation_function"
# As AWS's application deploys its function.
_ROTATION_SECONDS, _ROTATION_MEGABYTES = 30, 128


class RotationApplication:
    """aws:serverlessrepository/cloudFormationStack:CloudFormationStack → the laptop's own rotation function."""

    def apply(self, urn: str, inputs: Properties, olds: Properties, region: str) -> tuple[str, Properties]:  # noqa: ARG002
        application = str(inputs.get("applicationId")).rsplit("/", 1)[-1]
        parameters = inputs.get("parameters") or {}
        if application != _ROTATION_APPLICATION or "functionName" not in parameters:
            raise BackedError(
                f"the laptop deploys of the Serverless Application Repository {_ROTATION_APPLICATION} only, under its "
                f"parameter functionName, and this is {application}; leave it (rotationDays) out on the local stack"
            )
        try:
            package = build_package(_ROTATION_FUNCTION, target=this_machine(), engine=Engine.POSTGRESQL)
        except PackageError as error:
            raise BackedError(str(error)) from None
        spec = {
            "urn": urn,
            "code": str(package),
            "handler": "lambda_function.lambda_handler",
            "timeout": _ROTATION_SECONDS,
            "memorySize": _ROTATION_MEGABYTES,
            "environment": {"EXCLUDE_CHARACTERS": str(parameters.get("excludeCharacters", ""))},
        }
        facts = laptop.put("function", str(parameters["functionName"]), spec)
        name = f"stack/serverlessrepo-{inputs['name']}/{digest(urn)}"
        return f"arn:aws:cloudformation:{region}:{ACCOUNT}:{name}", self._outputs(facts)

    def read(self, identifier: str, state: Properties) -> Properties | None:  # noqa: ARG002
        facts = laptop.facts("function", self._function(state))
        return None if facts is None else self._outputs(facts)

    def delete(self, identifier: str, state: Properties) -> None:  # noqa: ARG002
        laptop.delete("function", self._function(state))

    @staticmethod
    def _function(state: Properties) -> str:
        return str((state.get("parameters") or {}).get("functionName"))

    @staticmethod
    def _outputs(facts: Properties) -> Properties:
        return {"outputs": {"RotationLambdaARN": facts["arn"]}}
