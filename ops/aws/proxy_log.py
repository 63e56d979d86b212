"""The pins that a proxy's own log tells of.

AWS documents no line of it; these are quoted in public: prisma/prisma-engines#1692, elixir-ecto/postgrex#514 and
getlago/lago-api#6062, with and without time, endpoint and client. `debugLoggingUntil` has it name statements.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

import boto3

from ops.pinning import mysql, postgresql
from ops.pinning.counts import PinKey

from .function_events import filtered

_PINNED, _WILL_BE_PINNED = "client session was pinned", "client session will be pinned"
_PATTERN = f'?"{_PINNED}" ?"{_WILL_BE_PINNED}"'
_PAGES = 10
_CLIENT = re.compile(r"\[clientConnection=(\w+)\]")
# What would pin is told when a client prepares it, and that it has when it runs: then without the reason.
_PREPARED = "Running a prepared statement"
_ENGINES = {"POSTGRESQL": postgresql, "MYSQL": mysql}
# A client chooses its statements.
_LONGEST_REASON, _LONGEST_DIGEST = 300, 1_000


def pins_of(messages: Iterable[str], family: str = "POSTGRESQL") -> Counter[PinKey]:
    """Count the pins of which messages tell, in their order, of a proxy of an engine family; others are skipped."""
    prepared: dict[str, PinKey] = {}
    pins = Counter[PinKey]()
    for message in messages:
        what, _, why = message.partition("Reason: ")
        client = _CLIENT.search(what)
        if not why or not (_PINNED in what or _WILL_BE_PINNED in what):
            continue
        key = _key(why, _ENGINES.get(family, postgresql))
        if _WILL_BE_PINNED in what:
            if client:
                prepared[client[1]] = key
        elif client and key.reason.startswith(_PREPARED):
            pins[prepared.get(client[1], key)] += 1
        else:
            pins[key] += 1
    return pins


def _key(why: str, engine: Any) -> PinKey:  # noqa: ANN401 - a module of `ops.pinning`
    said, _, statement = why.partition('Digest: "')
    reason, digest = said.strip()[:_LONGEST_REASON], statement.strip().removesuffix(".").removesuffix('"')
    rule = engine.pins(digest)
    if rule is None:  # a reason that was logged without its statement
        rule = next((each for each in engine.RULES if each.from_log and reason.startswith(each.reason)), None)
    return PinKey(reason=reason, rule=rule.name if rule else "", digest=digest[:_LONGEST_DIGEST], user="")


def read_pins(proxy: str, family: str, start: float, end: float) -> tuple[Counter[PinKey], bool]:
    """Count the pins in a proxy's log group between two times in seconds since 1970.

    Returns:
        And whether these are all that there are.
    """
    group = f"/aws/rds/proxy/{proxy}"
    events, complete = filtered(boto3.client("logs"), group, start, end, _PATTERN, _PAGES)
    return pins_of((each.text for each in sorted(events, key=lambda each: each.at)), family), complete
