"""Starts the policy pack: building it serves it, so nothing else may stand here."""

from pulumi_policy import PolicyPack

from rds_proxy_guard.pack import build

if __name__ == "__main__":
    PolicyPack(**build())
