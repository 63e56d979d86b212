"""Serves the laptop's provider with an account in a file behind it: no server runs, and AWS's own doings are shown."""

import os
from pathlib import Path

from local.provider.__main__ import main
from local.provider.servicer import AwsServicer

from .account import Account
from .rows import functions, rows

FILE = "AWS_ACCOUNT_FILE"
"""The variable that names the account's file."""

if __name__ == "__main__":
    account = Account(Path(os.environ[FILE]))
    main(AwsServicer(rows(account), functions(account)))
