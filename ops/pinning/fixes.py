"""What avoids a pin, by the name of its rule. Pure."""

from . import postgresql

_FIXES = {rule.name: rule.fix for rule in postgresql.RULES}


def fix(rule: str) -> str:
    """In one sentence; empty for a name that no rule has."""
    return _FIXES.get(rule, "")
