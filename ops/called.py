"""The name by which the tools were called, so that a step that they print can be typed as it stands."""

import os
import sys
from pathlib import Path

INSTALLED = "lambda-rds-proxy-ops"
# Set by a program that starts `python -m ops` under a name of its own.
_VARIABLE = "LAMBDA_RDS_PROXY_OPS_NAME"


def called() -> str:
    """`ops`, the installed program, or else `python -m ops`."""
    name = Path(sys.argv[0]).name
    return name if name == INSTALLED else os.environ.get(_VARIABLE, "python -m ops")
