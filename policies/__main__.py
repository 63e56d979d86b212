"""Starts the policy pack: building it serves it, so nothing else may stand here."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - said here, before anything is imported that an older Python cannot read
    sys.exit("rds-proxy-guard needs Python 3.11 or later; this is " + sys.version.split()[0])

from pulumi_policy import PolicyPack

from rds_proxy_guard.pack import build

if __name__ == "__main__":
    PolicyPack(**build())
