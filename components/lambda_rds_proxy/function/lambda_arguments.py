"""The arguments of pulumi-aws's `aws.lambda_.Function`: which may be given, and why the others may not. Pure.

What stands here in none of the three is no argument; a test compares with the class itself.
"""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from ..settings.spelling import Spelling

# Nothing here depends on them. What they need of the role, the network or a key is whoever's who gives them.
FREE = (
    "code_signing_config_arn",
    "dead_letter_config",
    "description",
    "file_system_config",
    "kms_key_arn",
    "publish",
    "replacement_security_group_ids",
    "skip_destroy",
    "source_kms_key_arn",
    "use_resource_timeout_for_propagation",
)
# The settings that have their place.
INSTEAD = {
    **{name: f"functions.{{}}.{name}" for name in ("environment", "ephemeral_storage", "handler", "layers", "timeout")},
    "architectures": "functions.{}.architecture",
    "memory_size": "functions.{}.memory",
    "reserved_concurrent_executions": "functions.{}.reserved_concurrency",
    "runtime": "stack.python",
    "tags": "stack.tags",
    "tracing_config": "functions.{}.tracing",
    **dict.fromkeys(
        (
            *("code", "code_sha256", "image_config", "image_uri", "package_type"),
            *("s3_bucket", "s3_key", "s3_object_version", "source_code_hash"),
        ),
        "functions.{}.path",
    ),
}
_MANAGED_INSTANCES = (
    "on Managed Instances an environment runs several invocations at once, and the pool, which lends one connection, "
    "and the connection budget count on one; it is not built yet"
)
# What would break something that is promised.
REFUSED = {
    "capacity_provider_config": _MANAGED_INSTANCES,
    "durable_config": (
        "a durable function runs from its beginning again after each wait, and what a transaction has done would be "
        "done again; it is not built yet"
    ),
    "logging_config": "alarms and the doctor read Lambda's text format in the function's own log group",
    "name": "log group, grants and alarms have the name that follows from project, stack and function",
    "publish_to": _MANAGED_INSTANCES,
    "region": "a function stands where its proxy is, in the provider's region",
    "replace_security_groups_on_destroy": "it is true, else the groups could not go before Lambda's interfaces",
    "role": "each function has a role of its own, with the grants for its one user; grant that role what is lacking",
    "snap_start": (
        "many environments would start from one snapshot of a published version, and whatever it holds of connections; "
        "it is not built yet"
    ),
    "tenancy_config": (
        "each tenant has environments of its own, which the connection budget does not know of; it is not built yet"
    ),
    "vpc_config": "a function stands in its proxy's VPC, in the security group that the proxy admits",
}


def as_python(given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments by their names in Python, which other languages and configurations write in camel case."""
    return {_in_python(name): value for name, value in given.items()}


def lambda_argument_problems(name: str, given: Mapping[str, Any], call: Spelling) -> Iterator[str]:
    """Each argument of the function `name` that may not be given, as a sentence with the reason."""
    for written in given:
        label, argument = f"{call(f'functions.{name}.lambda_arguments')}.{written}", _in_python(written)
        if argument in INSTEAD:
            yield f"{label} cannot be given here; {call(INSTEAD[argument].format(name))} has its place"
        elif argument in REFUSED:
            yield f"{label} cannot be given to a function here: {REFUSED[argument]}"
        elif argument not in FREE:
            close = get_close_matches(argument, [*FREE, *INSTEAD, *REFUSED], n=1, cutoff=0.7)
            hint = f"did you mean {call.step(close[0])}?" if close else "give " + ", ".join(map(call.step, FREE))
            yield f"{label} is no argument of pulumi-aws's aws.lambda_.Function; {hint}"


def _in_python(name: str) -> str:
    return re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
