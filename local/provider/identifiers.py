"""Ids and ARNs in AWS's shapes, always the same for the same resource."""

import hashlib

from . import ACCOUNT


def digest(*parts: str, length: int = 17) -> str:
    """Hex digits that the same parts always get."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def arn(service: str, region: str, resource: str) -> str:
    """The ARN of a resource of the laptop's account; services without regions have an empty one."""
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def rds_domain(region: str, *, prefix: str = "") -> str:
    """The end of an RDS endpoint: all endpoints of an account in a region have the same 12 characters in it."""
    return f"{prefix}{digest('account', ACCOUNT, region, length=12)}.{region}.rds.amazonaws.com"
