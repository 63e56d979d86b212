"""The pins that a proxy's own log tells of.

AWS documents no line of it; these are quoted in public: prisma/prisma-engines#1692, elixir-ecto/postgrex#514 and
getlago/lago-api#6062, with and without time, endpoint and client. Statements stand in it while `debugLoggingUntil` runs.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

import boto3

from ops.pinning import postgresql
from ops.pinning.counts import PinKey
from ops.pinning.rule import Rule

from .function_events import filtered

# A line that a prepared statement would pin, then at its first run one that it did.
_PATTERN = '?"client session was pinned" ?"client session will be pinned"'
_PAGES = 10
_LINE = re.compile(
    r"client session (?P<what>was|will be) pinned\b.*?\bReason: (?P<reason>.*?)\s*(?:Digest: \"(?P<digest>.*)\"?.*)?$",
    re.DOTALL,
)
_CLIENT = re.compile(r"\[clientConnection=(\w+)\]")
_PREPARED = "Running a prepared statement"
# A client chooses its statements, and their digests may be as long as they are.
_LONGEST_DIGEST = 200


def pins_of(messages: Iterable[str], rule_of: Callable[[str], Rule | None] = postgresql.pins) -> Counter[PinKey]:
    """Count the pins that a log's messages tell of, in their order; any other message is passed over.

    Args:
        rule_of: the rule that a statement meets.
    """
    prepared: dict[str, PinKey] = {}
    pins = Counter[PinKey]()
    for message in messages:
        found, client = _LINE.search(message), _CLIENT.search(message)
        if not found:
            continue
        said = client[1] if client else ""
        digest = (found["digest"] or "").rstrip('."')[:_LONGEST_DIGEST]
        rule = rule_of(digest) if digest else None
        key = PinKey(reason=found["reason"], rule=(rule or _by_reason(found["reason"])), digest=digest, user="")
        if found["what"] == "will be":
            prepared[said] = key
        else:
            pins[prepared.get(said, key) if found["reason"].startswith(_PREPARED) else key] += 1
    return pins
