"""The schema that other languages see, as golden_schema.json has it.

What was removed, renamed, retyped or made required breaks programs that use it; what was added does not. After a change
that is meant: `python -m tests.components.golden_schema > tests/components/golden_schema.json`.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pulumi.provider.experimental.component import ComponentProvider

import lambda_rds_proxy

FILE = Path(__file__).with_suffix(".json")
# Belong to the release and to the packages it was made with, not to what a program may write.
_NOT_OURS = ("version", "dependencies", "language")


def served() -> dict[str, Any]:
    """The schema as the component package serves it now."""
    components = [getattr(lambda_rds_proxy, name) for name in lambda_rds_proxy.COMPONENTS]
    schema: dict[str, Any] = json.loads(ComponentProvider(components, "lambda-rds-proxy").schema or "")
    return {key: value for key, value in schema.items() if key not in _NOT_OURS}


if __name__ == "__main__":
    json.dump(served(), sys.stdout, indent=1, sort_keys=True)
    print()
