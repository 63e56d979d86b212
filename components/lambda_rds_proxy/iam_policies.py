"""IAM policies as JSON: who may assume a role, and statements for one resource each."""

import json
from collections.abc import Sequence
from typing import Any


def assume_role_policy(service: str) -> str:
    """Trust policy that lets one AWS service assume the role.

    `rds.amazonaws.com` gets no condition: RDS Proxy supports no global condition context keys.
    """
    return policy([{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}])


def policy(statements: Sequence[dict[str, Any]]) -> str:
    """A policy document with these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, sort_keys=True)


def allow(actions: Sequence[str], resource: str) -> dict[str, Any]:
    """A statement that allows actions on one resource."""
    return {"Effect": "Allow", "Action": sorted(actions), "Resource": resource}


def connect_arn(any_arn: str, *, region: str, resource_id: str, user: str) -> str:
    """What `rds-db:connect` names: a user on a proxy (`prx-…`), an instance (`db-…`) or a cluster (`cluster-…`).

    Partition and account are those of `any_arn`, so that the policy is right in GovCloud and China too.
    """
    _, partition, _, _, account, *_ = any_arn.split(":")
    return f"arn:{partition}:rds-db:{region}:{account}:dbuser:{resource_id}/{user}"
