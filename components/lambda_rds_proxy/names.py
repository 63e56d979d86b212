"""Physical names within AWS's rules, however long the logical name.

A proxy's log group must exist before the proxy and carries the proxy's name, so proxy and functions have names of their
own instead of Pulumi's random suffix. The same stack always gets the same names; another stack gets others.
"""

import hashlib
import re

# CreateDBProxy: [a-zA-Z](?:-?[a-zA-Z0-9]+)*, 1–63 (botocore's service model). Lambda's FunctionName and IAM's RoleName
# allow this alphabet too, with 64 characters.
MAX_LENGTH = 63
# What PostgreSQL and MySQL take without quotes: a database, or a user (of MySQL at most 32 characters).
IDENTIFIER = r"[a-z_][a-z0-9_]{0,62}"
_DIGEST_LENGTH = 7


def physical_name(*parts: str, max_length: int = MAX_LENGTH) -> str:
    """A name made of `parts` (project, stack, logical name): letters, digits, single hyphens; a letter comes first.

    When something had to be dropped or cut, a digest of the parts keeps two such names apart.
    """
    whole = "-".join(parts)
    clean = re.sub(r"[^A-Za-z0-9]+", "-", whole).strip("-")
    if not clean or not clean[0].isalpha():
        clean = f"p-{clean}".rstrip("-")
    if clean == whole and len(clean) <= max_length:
        return clean
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{clean[: max_length - _DIGEST_LENGTH - 1].rstrip('-')}-{digest}"


def name_if_long(project: str, stack: str, name: str, *, max_length: int) -> str | None:
    """None where Pulumi can name a resource itself, which is best; a name where its suffix would not fit any more.

    Pulumi appends a hyphen and 7 digits to the logical name and fails when the result is above AWS's limit.
    """
    if len(name) + 1 + _DIGEST_LENGTH <= max_length:
        return None
    return physical_name(project, stack, name, max_length=max_length)
