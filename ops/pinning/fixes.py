"""The rules of all engines by their names, and what avoids the pins of each. Pure."""

from collections.abc import Mapping

from . import postgresql
from .rule import Rule

RULES: Mapping[str, Rule] = {rule.name: rule for rule in postgresql.RULES}


def fix(rule: str) -> str:
    """In one sentence; empty for a name that no rule has."""
    return RULES[rule].fix if rule in RULES else ""
