"""What a text names: DNS records, parameters and secrets of the same stack, in every way in which they are written."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from .environment import words
from .graph import Graph, Node
from .hosts import strings
from .reach import MOST
from .resources import Kind
from .values import Json, texts

# Only from the beginning of a label on: a long text without a dot is read once, not once from each of its characters.
_HOST_NAME = re.compile(r"(?<![a-z0-9_*-])[a-z0-9_*-]+(?:\.[a-z0-9_-]+)+", re.IGNORECASE | re.ASCII)
_TOKEN = re.compile(r"arn:[\w:/.+=@!-]+|[\w./+@!-]+", re.ASCII)
_ARN = re.compile(
    r"arn:[\w-]*:(?:ssm:[\w-]*:\d*:parameter(?P<parameter>/[\w./-]+)|"
    r"secretsmanager:[\w-]*:\d*:secret:(?P<secret>[\w./+=@!-]+?)(?:-\w{6})?(?::.*)?)\Z",
    re.ASCII,
)
# Dynamic references of CloudFormation and Serverless, and what libraries of configuration write before a name.
_RESOLVED = re.compile(
    r"(?:resolve:)?(?:aws-?)?(?P<service>ssm(?:-secure)?|secretsmanager)[:/]+(?P<name>[\w./+=@!-]+)", re.IGNORECASE
)
_REFERENCE_WORDS = frozenset(
    {"PARAMETER", "PARAMETERS", "PARAM", "PARAMS", "SSM", "SECRET", "SECRETS", "SECRETSMANAGER"}
)
_PATH_WORDS = _REFERENCE_WORDS | {"CONFIG", "CONFIGURATION", "PREFIX", "NAMESPACE", "SETTINGS"}
_NAMED = (Kind.PARAMETER, Kind.SECRET, Kind.SECRET_VERSION)
_LONGEST_NAME = 2048  # SSM API reference, PutParameter; each level of a longer one would be a text of its own


class References:
    """The holders of a stack by everything that can stand for them in a text."""

    def __init__(self, graph: Graph) -> None:
        self._hosts: dict[str, set[str]] = {}
        self._names: dict[str, set[str]] = {}
        self._below: dict[str, set[str]] = {}
        self._wildcards = False
        zones = _zones(graph)
        for record in graph.of(Kind.DNS_RECORD):
            for host in _hosts_of(record, zones.get(record.urn, frozenset())):
                self._wildcards |= host.startswith("*.")
                self._hosts.setdefault(host, set()).add(record.urn)
        for holder in graph.of(*_NAMED):
            paths = holder.provider.holder_names if holder.kind is not Kind.SECRET_VERSION else (("arn",),)
            for name in {text for path in paths for text in texts(holder.read(*path)) if text.strip()}:
                self._names.setdefault(name, set()).add(holder.urn)
                if holder.kind is Kind.PARAMETER:
                    self._add_path(name, holder.urn)

    def below(self, path: str) -> Iterable[str]:
        """The parameters and further paths right below a path."""
        return self._below.get(path, ())

    def in_content(self, content: Json) -> set[str]:
        """The holders that a content names: the record behind a host name, the parameter behind a path."""
        if not self._hosts and not self._names:
            return set()
        return {urn for text in _decoded(content) for urn in (*self._by_host(text), *self._by_name(text))}

    def in_variable(self, name: str, value: Json) -> tuple[set[str], set[str]]:
        """The holders that a variable's value names, and the paths under which it finds parameters."""
        if not self._hosts and not self._names:
            return set(), set()
        found, own = self.in_content(value), set(words(name))
        written: set[str] = set()
        for text in map(str.strip, strings(value)):
            # A name that could be any word says nothing, unless the variable says that it is the name of something.
            if own & _REFERENCE_WORDS:
                found |= self._names.get(text, set())
                if "/" in text and not text.startswith("/"):
                    written.add(f"/{text}")  # as code does with SSM_PREFIX=orders/prod
            written.add(text)
        paths = {text.rstrip("/") for text in written if text.startswith("/")}
        return found, {path for path in paths if path in self._below and path not in self._names}

    @staticmethod
    def is_path_like(name: str) -> bool:
        """Whether a variable of this name says that it holds a path of parameters."""
        return bool(_PATH_WORDS.intersection(words(name)))

    def _by_host(self, text: str) -> Iterator[str]:
        for match in _HOST_NAME.finditer(text) if self._hosts else ():
            host = match[0].lower()
            if host in self._hosts:  # a name of its own comes before a wildcard, as in DNS
                yield from self._hosts[host]
            elif self._wildcards:
                yield from self._hosts.get(f"*.{host.partition('.')[2]}", ())

    def _by_name(self, text: str) -> Iterator[str]:
        if not self._names:
            return
        for match in _TOKEN.finditer(text):
            token = match[0]
            if any(each in token for each in "/.:"):
                yield from self._names.get(token, ())
            arn = _ARN.match(token)
            if arn:
                name = arn["parameter"] or arn["secret"]
                yield from self._names.get(name, self._names.get(name[1:], ()) if arn["parameter"] else ())
        for match in _RESOLVED.finditer(text):
            name = match["name"]
            for each in (name, f"/{name}", name.rstrip("/")):
                yield from self._names.get(each, ())

    def _add_path(self, name: str, urn: str) -> None:
        if len(name) > _LONGEST_NAME:
            return
        below, path = urn, name
        while "/" in path:
            path = path.rpartition("/")[0]
            known = self._below.setdefault(path, set())
            if below in known:
                break
            known.add(below)
            below = path


def _decoded(content: Json) -> Iterator[str]:
    """The texts of a content, as they are and without the escapes of a URL: name=%2Forders%2Fdb-host."""
    for text in strings(content):
        yield text
        if "%2F" in text or "%2f" in text:
            yield unquote(text)


def _zones(graph: Graph) -> dict[str, frozenset[str]]:
    """Record's URN → the names of its zone."""
    by_id: dict[str, Node] = {}
    for zone in graph.of(Kind.DNS_ZONE):
        by_id |= {text: zone for key in ("zoneId", "id") for text in texts(zone.read(key))}
    found = {}
    for record in graph.of(Kind.DNS_RECORD):
        names = [text for key in ("hostedZoneName", "zoneName") for text in texts(record.read(key))]
        for key in ("zoneId", "hostedZoneId"):
            zones = [node for node in graph.precisely(record, key) if node.kind is Kind.DNS_ZONE]
            zones += [by_id[text] for text in texts(record.read(key)) if text in by_id]
            names += [text for zone in zones[:MOST] for text in texts(zone.read("name"))]
        found[record.urn] = frozenset(name.rstrip(".").lower() for name in names if name.strip("."))
    return found


def _hosts_of(record: Node, zones: frozenset[str]) -> set[str]:
    """The full names of a record; one that does not end as its zone does is a name within it."""
    found = {text.rstrip(".").lower() for key in ("fqdn",) for text in texts(record.read(key))}
    for text in texts(record.read("name")):
        name = text.rstrip(".").lower().replace("\\052", "*")
        inside = [name if name == zone or name.endswith(f".{zone}") else f"{name}.{zone}" for zone in zones]
        found.update(each.lstrip(".") for each in inside or [name])
    return {host for host in found if "." in host}
