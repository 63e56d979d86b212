"""Which place a stack is for, AWS or the laptop: that follows from the account that it allows. Pure."""

import json
import os
from collections.abc import Mapping

LAPTOP_ACCOUNT = "000000000000"
# The laptop's shell says the account of stacks that allow none themselves (toolchain/shell.py).
ACCOUNT_VARIABLE = "LAMBDA_RDS_PROXY_ACCOUNT"
_ALLOWED = "aws:allowedAccountIds"


def is_laptop(config: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> bool:
    """Whether a stack is meant for the laptop's provider: it allows account 000000000000 and no other."""
    try:
        accounts = json.loads(config.get(_ALLOWED) or json.dumps([environment.get(ACCOUNT_VARIABLE)]))
    except ValueError:
        return False
    return bool(accounts == [LAPTOP_ACCOUNT])
