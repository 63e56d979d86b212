"""What the inline policies of IAM roles say, for whoever asks what a role may do."""

import json
from typing import Any

from .state import State

ROLE_POLICY = "role-policy"


def role_name(arn: object) -> str:
    """The name of a role from its ARN, whatever its path."""
    return str(arn).rsplit("/", 1)[-1]


def role_statements(state: State, role: str) -> list[dict[str, Any]]:
    """The statements of all policies of a role."""
    return [
        statement
        for policy in state.all(ROLE_POLICY)
        if policy.spec["role"] == role
        for statement in _statements(policy.spec.get("policy"))
    ]


def _statements(policy: object) -> list[dict[str, Any]]:
    try:
        found = json.loads(str(policy)).get("Statement", [])
    except (ValueError, AttributeError):
        return []
    return found if isinstance(found, list) else [found]
