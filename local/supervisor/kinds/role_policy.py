"""The inline policies of IAM roles: stored, and read through `roles`."""

from ..roles import ROLE_POLICY
from .kind import Kind


class RolePolicies(Kind):
    """All policies."""

    name = ROLE_POLICY
