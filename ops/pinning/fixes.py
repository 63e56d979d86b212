"""What avoids a pin: a driver's setting, or what its rule says. Pure."""

from collections.abc import Mapping

from . import mysql, postgresql
from .counts import PinKey
from .drivers import sent_by
from .rule import Rule

RULES: Mapping[str, Rule] = {rule.name: rule for rule in (*mysql.RULES, *postgresql.RULES)}
"""Those of all engines by their names; PostgreSQL's of a name that both have."""


def fix(key: PinKey) -> str:
    """In one sentence, with the driver that is known to send such a statement by itself; empty where none is known."""
    if sent := sent_by(key.digest):
        return f"sent by {sent.driver}: {sent.fix}"
    return RULES[key.rule].fix if key.rule in RULES else ""
