"""Finds RDS endpoints in any text and tells a proxy's from a database's.

The label right before the region decides (AWS Advanced JDBC Wrapper, RdsUtils): a name that merely contains "proxy" is
still an instance. Both label orders are accepted, since China and GovCloud have used both.
"""

import re
from dataclasses import dataclass, field

# Partitions' suffixes: botocore's partitions.json.
_SUFFIXES = (
    r"amazonaws\.com\.cn",
    r"amazonaws\.com",
    r"amazonaws\.eu",
    r"c2s\.ic\.gov",
    r"sc2s\.sgov\.gov",
    r"csp\.hci\.ic\.gov",
    r"cloud\.adc-e\.uk",
)
_REGION = r"(?:[a-z]{2,4}(?:-[a-z]+)+-[0-9]+|global)"
# Anything may stand before a host name ("-horders.…", "%40orders.…"), so only its tail is looked for, and each label is
# read once: a name before the deciding label, and nothing after the suffix (…amazonaws.com.evil.com is another host).
# GovCloud's certificate bundles come from truststore.pki.us-gov-west-1.rds.amazonaws.com.
# source: RDS User Guide, "Certificate bundles by AWS Region"
_ENDPOINT = re.compile(
    r"(?<=[a-z0-9]\.)"
    r"(?P<deciding>(?!pki\.)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)\."
    rf"(?:{_REGION}\.rds|rds\.{_REGION})\."
    rf"(?:{'|'.join(_SUFFIXES)})"
    r"(?![a-z0-9-])(?!\.[a-z0-9])",
    re.IGNORECASE | re.ASCII,
)
_SHARD_GROUP = "shard group endpoint"
_LIGHTSAIL = re.compile(r"ls-[0-9a-f]{40}")  # source: Lightsail API reference, RelationalDatabaseEndpoint
_NAMES_BEFORE = re.compile(r"[a-z0-9.-]*$", re.IGNORECASE | re.ASCII)
_KINDS = (
    ("proxy-", "proxy"),
    ("cluster-custom-", "custom cluster endpoint"),
    ("cluster-ro-", "cluster reader endpoint"),
    ("cluster-", "cluster endpoint"),
    ("global-", "global cluster endpoint"),
    ("shardgrp-", _SHARD_GROUP),
)
_AROUND = 400  # characters of a text that may say more about a host: a URL's scheme and port, the JSON around it


@dataclass(frozen=True)
class Endpoint:
    """An RDS host name; `kind` is "proxy", or how a database's endpoint is called; the text `before` and `after` it."""

    host: str
    kind: str
    before: str = field(default="", repr=False, compare=False)
    after: str = field(default="", repr=False, compare=False)

    @property
    def direct(self) -> bool:
        """Whether this goes straight to a database."""
        return self.kind != "proxy"

    @property
    def served(self) -> bool:
        """Whether a proxy can stand before it, as far as its name says: none before Aurora Limitless and Lightsail."""
        return self.kind != _SHARD_GROUP and not _LIGHTSAIL.fullmatch(self.identifier)

    @property
    def identifier(self) -> str:
        """The first label: the identifier of the instance or cluster."""
        return self.host.partition(".")[0]


def endpoints(text: str) -> list[Endpoint]:
    """Every RDS endpoint in a text: host, host:port, URL, JDBC, DSN, JSON or list."""
    found = []
    for match in _ENDPOINT.finditer(text):
        # 255 characters are DNS's longest name.
        before = _NAMES_BEFORE.search(text, max(0, match.start() - 255), match.start())
        names = before[0].lstrip(".-") if before else ""
        begin = match.start() - len(names)
        around = text[max(0, begin - _AROUND) : begin], text[match.end() : match.end() + _AROUND]
        found.append(Endpoint((names + match[0]).lower(), _kind(match["deciding"].lower()), *around))
    return found


def endpoints_in(value: object) -> list[Endpoint]:
    """Every RDS endpoint in a nested value."""
    return [found for text in strings(value) for found in endpoints(text)]


def _kind(deciding_label: str) -> str:
    return next((kind for prefix, kind in _KINDS if deciding_label.startswith(prefix)), "instance endpoint")


def strings(value: object) -> list[str]:
    """All texts in a nested value, keys included: a map or list of texts can hide a host as well."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in [*strings(key), *strings(item)]]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return []
