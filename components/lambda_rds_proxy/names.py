"""Physical names within AWS's rules, however long the logical name.

A proxy's log group must exist before the proxy and carries the proxy's name, so proxy and functions have names of their
own instead of Pulumi's random suffix. The same stack always gets the same names; another stack gets others. All else is
named by Pulumi, as long as what it makes of the logical name is what the provider takes.
"""

import hashlib
import re
from dataclasses import dataclass

# CreateDBProxy: [a-zA-Z](?:-?[a-zA-Z0-9]+)*, 1–63 (botocore's service model). Lambda's FunctionName and IAM's RoleName
# allow this alphabet too, with 64 characters.
MAX_LENGTH = 63
# What PostgreSQL and MySQL take without quotes: a database, or a user (of MySQL at most 32 characters).
IDENTIFIER = r"[a-z_][a-z0-9_]{0,62}"
# The provider is stricter than RDS, which keeps these names in lower case (source: terraform-provider-aws,
# `validIdentifier`).
RDS_NAME = r"[a-z](?:-?[a-z0-9]+)*"
_DIGEST_LENGTH = 7


@dataclass(frozen=True, kw_only=True)
class NameRule:
    """What the provider takes as the name of a type (source: the validators of terraform-provider-aws v6.58.0).

    `pattern` and `longest`: of the whole name, which Pulumi makes of the logical name, a hyphen and 7 digits; it keeps
    the logical name's case and cuts nothing. `lower_case`: of a name that we have to state.
    """

    pattern: str
    longest: int
    lower_case: bool = False

    def takes_automatic(self, name: str) -> bool:
        """Whether the provider takes what Pulumi makes of a logical name."""
        return self.takes(f"{name}-{'0' * _DIGEST_LENGTH}")

    def takes(self, name: str) -> bool:
        """Whether the provider takes a name."""
        return len(name) <= self.longest and bool(re.fullmatch(self.pattern, name, re.ASCII))


# An instance and a cluster, which are called as their subnet group, and a cluster's instances.
DATABASE = NameRule(pattern=RDS_NAME, longest=63, lower_case=True)
SUBNET_GROUP = NameRule(pattern=r"[0-9a-z_ .-]+", longest=255, lower_case=True)
PARAMETER_GROUP = NameRule(pattern=r"(?!.*--)[a-z][0-9a-z.-]*(?<!-)", longest=255, lower_case=True)
ROLE = NameRule(pattern=r"[\w+=,.@-]+", longest=64)
ROLE_POLICY = NameRule(pattern=r"[\w+=,.@-]+", longest=128)
SECRET = NameRule(pattern=r"[0-9A-Za-z/_+=.@-]+", longest=255)
SECURITY_GROUP = NameRule(pattern=r"(?!sg-)[\s\S]+", longest=255)


def physical_name(project: str, stack: str, *names: str, max_length: int = MAX_LENGTH, lower_case: bool = False) -> str:
    """A name made of project, stack and logical names: letters, digits, single hyphens; a letter comes first.

    A digest of all parts keeps two names apart where the text alone does not: when something had to be dropped, cut or
    written small, and when the stack's name holds a hyphen. Without one, where the stack's name ends can be seen:
    `dev` and `eu-orders` are shop-dev-eu-orders, `dev-eu` and `orders` are shop-dev-eu-orders-1a2b3c4.
    """
    parts = (project, stack, *names)
    whole = "-".join(parts)
    clean = re.sub(r"[^A-Za-z0-9]+", "-", whole.lower() if lower_case else whole).strip("-")
    if not clean or not clean[0].isalpha():
        clean = f"p-{clean}".rstrip("-")
    if clean == whole and len(clean) <= max_length and "-" not in stack:
        return clean
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{clean[: max_length - _DIGEST_LENGTH - 1].rstrip('-')}-{digest}"


def name_if_needed(rule: NameRule, project: str, stack: str, name: str) -> str | None:
    """None where Pulumi can name a resource itself, which is best; a name where the provider would refuse it.

    Pulumi fails, too, when the logical name with its suffix is too long.
    """
    if rule.takes_automatic(name):
        return None
    stated = physical_name(project, stack, name, max_length=min(rule.longest, 64), lower_case=rule.lower_case)
    # A project may be called sg.
    return stated if rule.takes(stated) else f"p-{stated[: rule.longest - 2]}"
