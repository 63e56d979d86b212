"""Which databases RDS Proxy serves: by engine, and where the stack does not know it by what a connection text shows.

Three answers: True, False, and None where it is not known. Nothing better than its own endpoint can be asked for of a
database that no proxy serves.
"""

import re
from collections.abc import Iterator, Mapping

from .environment import terms, words
from .graph import Graph, Node
from .hosts import Endpoint, endpoints_in
from .resources import Kind
from .values import Json, number, texts

# source: RDS User Guide and Aurora User Guide, "Supported Regions and DB engines for Amazon RDS Proxy" (MariaDB, MySQL,
# PostgreSQL, SQL Server and the two of Aurora), "RDS Proxy limitations" (no RDS Custom, no Aurora Serverless v1), and
# "Features not supported in Aurora PostgreSQL Limitless Database" (RDS Proxy). DocumentDB and Neptune are reached over
# the RDS API's types too.
_UNSERVED = ("oracle", "db2", "custom-", "docdb", "neptune")

# Default ports by the beginning of the engine's name: RDS API reference, CreateDBInstance, Port.
_PORTS = {
    "postgres": 5432,
    "aurora-postgresql": 5432,
    "mysql": 3306,
    "mariadb": 3306,
    "aurora": 3306,
    "sqlserver": 1433,
}
_PORTS_SERVED = frozenset(map(str, _PORTS.values()))
_PORTS_UNSERVED = frozenset({"1521", "2484", "50000", "50001"})
_UNSERVED_SCHEME = re.compile(
    r"(?<![a-z0-9])(?:oracle|db2|ibm_db(?:_sa|2)?)(?:[+:][\w.-]*)*(?::?//|:?@)[^\s,;\"']*\Z", re.IGNORECASE | re.ASCII
)
_SERVED_SCHEME = re.compile(
    r"(?<![a-z0-9])(?:postgres(?:ql)?|mysql2?|mariadb|aurora|sqlserver|mssql|ecto)(?:[+:][\w.-]*)*//[^\s,;\"']*\Z",
    re.IGNORECASE | re.ASCII,
)
_PORT_AFTER = re.compile(r"(?::|,|\)?\s*\(\s*PORT\s*=\s*)([0-9]{4,5})(?![0-9])", re.IGNORECASE | re.ASCII)
_UNSERVED_IN_JSON = re.compile(
    r"[\"'](?:engine|type|client|dialect|driver)[\"']\s*:\s*[\"'](?:oracle|db2|custom-)|"
    r"[\"']port[\"']\s*:\s*[\"']?(?:1521|2484|5000[01])(?!\d)",
    re.IGNORECASE | re.ASCII,
)
_TNS_HOST = re.compile(r"\(\s*HOST\s*=\s*\Z", re.IGNORECASE)  # the descriptors of Oracle Net, in whatever order
_UNSERVED_WORDS = frozenset({"ORACLE", "ORACLEDB", "ORA", "TNS"})  # DB2 is the second one as well
_SERVED_WORDS = frozenset(
    {"PG", "PGHOST", "PGSQL", "POSTGRES", "POSTGRESQL", "MYSQL", "MARIADB", "MSSQL", "SQLSERVER", "AURORA"}
)
_ENGINE_WORDS = frozenset(
    {"ENGINE", "DIALECT", "DRIVER", "CLIENT", "TYPE", "VENDOR", "PROVIDER", "KIND", "CONNECTION", "ADAPTER", "PLATFORM"}
)
_ROLES = frozenset({"READ", "READER", "WRITE", "WRITER", "PRIMARY", "MASTER", "REPLICA", "RO", "RW"})
_ENDPOINTS = {
    "instance endpoint": "instance",
    "cluster endpoint": "cluster",
    "cluster reader endpoint": "cluster",
    "custom cluster endpoint": "clusterendpoint",
    "global cluster endpoint": "globalcluster",
}


def family_of(database: Node) -> str:
    """Which kind of endpoint a database has: of an instance, a cluster, a custom or global one, a shard group."""
    token = database.token.lower().replace("_", "")
    named = ("clusterendpoint", "globalcluster", "shardgroup", "clusterinstance", "cluster")
    found = next((name for name in named if name in token.rsplit(":", 1)[-1]), "instance")
    return "instance" if found == "clusterinstance" else found


def by_engine(database: Node) -> bool | None:
    """Whether RDS Proxy serves a database, by what it states itself."""
    provider = database.provider
    engine = database.read(*provider.engine)
    if (
        family_of(database) == "shardgroup"
        or (isinstance(engine, str) and engine.lower().startswith(_UNSERVED))
        or database.read(*provider.engine_mode) == "serverless"  # Aurora Serverless v1; v2 is "provisioned"
        or database.read(*provider.scalability) == "limitless"
        or "limitless" in str(database.read(*provider.engine_version))
    ):
        return False
    # One that is restored from a snapshot or replicates another states no engine. Clusters are MySQL's or PostgreSQL's.
    return True if isinstance(engine, str) or family_of(database) != "instance" else None


_Name = tuple[str, str]
"""A kind of endpoint and an identifier."""


def port_of(database: Node) -> float | None:
    """Where a database listens: as it states, or by its engine; None where neither is known."""
    stated = number(database.read(*database.provider.port))
    if stated is not None:
        return stated
    engine = database.read(*database.provider.engine)
    found = [port for begin, port in _PORTS.items() if isinstance(engine, str) and engine.lower().startswith(begin)]
    return found[0] if found else None


class Engines:
    """Which databases of a stack RDS Proxy serves."""

    def __init__(self, graph: Graph | None = None) -> None:
        self._graph = graph or Graph(())
        self._found: dict[str, bool | None] = {}
        self._names: dict[str, list[_Name]] = {}
        self._by_name: dict[_Name, dict[str, Node]] = {}
        self._verdicts: dict[_Name, set[bool | None]] = {}
        self._sources: set[_Name] = set()
        for database in self._graph.of(Kind.DATABASE):
            self.add(database)

    def add(self, database: Node) -> None:
        """One more database, or one anew."""
        known, names = self._names.get(database.urn), names_of(database)
        # One that no verdict was ever asked of changes none: else each database would cost what all before it did.
        if known is not None or not self._sources.isdisjoint(names):
            self._found.clear()
            self._verdicts.clear()
        for key in known or ():
            del self._by_name[key][database.urn]
        self._names[database.urn] = names
        for key in names:
            self._by_name.setdefault(key, {})[database.urn] = database
            if key in self._verdicts:
                self._verdicts[key].add(self.serves(database))

    def serves(self, database: Node) -> bool | None:
        """Whether RDS Proxy serves a database, by its engine or that of the one it belongs to or replicates."""
        chain: dict[str, bool | None] = {}
        current: Node | None = database
        verdict: bool | None = None
        while current is not None:
            if current.urn in self._found:
                verdict = self._found[current.urn]
                break
            if current.urn in chain:  # in a circle each replicates all
                circle = list(chain)[list(chain).index(current.urn) :]
                verdict = True if any(chain[urn] for urn in circle) else None
                break
            verdict = chain[current.urn] = by_engine(current)
            current = self._source(current) if verdict is not False else None
        for urn, own in reversed(chain.items()):
            verdict = own if own is False or verdict is None else verdict
            self._found[urn] = verdict
        return verdict

    def serves_host(self, endpoint: Endpoint, evidence: bool | None = None) -> bool | None:
        """Whether RDS Proxy serves the database of an endpoint; one that is not in the stack it does unless shown."""
        if not endpoint.served:
            return False
        key = _ENDPOINTS.get(endpoint.kind, ""), endpoint.identifier
        if key not in self._verdicts:
            self._verdicts[key] = {self.serves(database) for database in self._by_name.get(key, {}).values()}
        return combined(self._verdicts[key], evidence)

    def hosts_in(self, content: Json) -> dict[bool | None, list[Endpoint]]:
        """The databases' own endpoints in a content, by whether RDS Proxy serves them."""
        found: dict[bool | None, list[Endpoint]] = {}
        for endpoint in endpoints_in(content):
            if endpoint.direct:
                found.setdefault(self.serves_host(endpoint, shown_by(endpoint)), []).append(endpoint)
        return found

    def _source(self, database: Node) -> Node | None:
        properties = [path[0] for path in database.provider.engine_sources]
        fed = [node for node in self._graph.precisely(database, *properties) if node.kind is Kind.DATABASE]
        if fed:
            return fed[0]
        for key in _named_sources(database):
            self._sources.add(key)
            named = self._by_name.get(key, {})
            others = named.keys() - {database.urn}
            if others:
                return named[min(others)]
        return None


def combined(verdicts: set[bool | None], evidence: bool | None) -> bool | None:
    """What the databases of one name and a connection text say together: the stack knows better than the text."""
    if verdicts in ({True}, {False}):
        return True in verdicts
    if evidence is not None:
        return evidence
    return None if verdicts else True


def names_of(database: Node) -> list[_Name]:
    """(kind of endpoint, identifier) of a database."""
    family, provider = family_of(database), database.provider
    paths = provider.endpoint_names if family in ("clusterendpoint", "globalcluster") else provider.database_names
    return sorted({(family, name.lower()) for name in texts(database.first(paths))})


def _named_sources(database: Node) -> list[_Name]:
    found = []
    for path in database.provider.engine_sources:
        if path in database.provider.database_names and family_of(database) == "cluster":
            continue  # its own
        family = "cluster" if "luster" in path[0] else "instance"
        found += [(family, text.rsplit(":", 1)[-1].lower()) for text in texts(database.read(*path))]
    return found


def shown_by(endpoint: Endpoint) -> bool | None:
    """What the text around an endpoint says of the engine: its scheme, its port, the engine beside it in JSON."""
    if _SERVED_SCHEME.search(endpoint.before):
        return True
    port = _PORT_AFTER.match(endpoint.after)
    if (
        _UNSERVED_SCHEME.search(endpoint.before)
        or _TNS_HOST.search(endpoint.before)
        or (port and port[1] in _PORTS_UNSERVED)
        or _UNSERVED_IN_JSON.search(endpoint.before.rpartition("{")[2] + endpoint.after.partition("}")[0])
    ):
        return False
    return True if port and port[1] in _PORTS_SERVED else None


class Beside:
    """What the names of variables, and those that go with them, say of the engine: ORACLE_HOST, DB_PORT=1521."""

    def __init__(self, variables: Mapping[str, Json]) -> None:
        self._unserved = {stem for name, value in variables.items() for stem in _unserved_stems(words(name), value)}

    def shown(self, name: str) -> bool | None:
        """What is said of the database that a variable is about."""
        own = terms(name)
        if _SERVED_WORDS.intersection(own):
            return True
        if _UNSERVED_WORDS.intersection(own):
            return False
        stem = own[:-1]
        while stem and stem[-1] in _ROLES:
            stem = stem[:-1]
        return None if self._unserved.isdisjoint({words(name)[:-1], own[:-1], stem}) else False


def _unserved_stems(parts: tuple[str, ...], value: Json) -> Iterator[tuple[str, ...]]:
    """How the names begin that are about a database that RDS Proxy does not serve, as one of its variables shows it."""
    if not parts or isinstance(value, bool) or not isinstance(value, str | int | float):
        return
    stated = f"{value:g}" if isinstance(value, float) else str(value).strip().lower()
    if (parts[-1] == "PORT" and stated in _PORTS_UNSERVED) or parts[-1] == "SID":
        yield parts[:-1]
    if parts[-2:] == ("SERVICE", "NAME") and len(parts) > 2:  # what Oracle's listener calls a database
        yield parts[:-2]
    if stated.startswith(("oracle", "db2", "ibm_db", "ojdbc", "cx_oracle")):
        for at, part in enumerate(parts):
            if part in _ENGINE_WORDS and (at or len(parts) == 1):
                yield parts[:at]
