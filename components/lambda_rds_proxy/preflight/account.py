"""What an account answered. Each field is an answer of its own: what one question was refused hides no other's."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .answers import NOT_ASKED, Answer
from .network import Endpoint, RouteTable, Subnet, Vpc


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: GetCallerIdentity."""

    account: str
    arn: str


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What SimulatePrincipalPolicy says of an action on a resource."""

    action: str
    resource: str
    decision: str
    by_organization: bool = False
    by_boundary: bool = False


@dataclass(frozen=True, kw_only=True)
class Concurrency:
    """AccountLimit of GetAccountSettings."""

    limit: int
    unreserved: int


@dataclass(frozen=True, kw_only=True)
class Quota:
    """How much of something is used, of how much; `is_default` where the account's own limit was not told."""

    used: int
    most: int
    is_default: bool = False
    is_at_least: bool = False


@dataclass(frozen=True, kw_only=True)
class Versions:
    """The versions of a family that can be made now, oldest first, and the one that AWS makes of what is asked for."""

    offered: tuple[str, ...]
    chosen: str | None
    deprecated: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Offer:
    """An option of DescribeOrderableDBInstanceOptions: a class with one type of storage."""

    zones: tuple[str, ...]
    storage_type: str
    least_gib: int | None = None
    most_gib: int | None = None
    multi_az: bool = True
    iam_authentication: bool = True
    performance_insights: bool = True
    encryption: bool = True


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter of a family."""

    is_modifiable: bool
    allowed_values: str | None = None


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A snapshot to restore from."""

    rds_engine: str
    status: str
    encrypted: bool
    key: str | None = None
    storage_gib: int = 0
    version: str = ""


@dataclass(frozen=True, kw_only=True)
class Key:
    """A KMS key: DescribeKey."""

    arn: str
    state: str
    manager: str = "CUSTOMER"
    spec: str = "SYMMETRIC_DEFAULT"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """An SNS topic, and the key that encrypts it with that key's policy."""

    policy: str
    key: str | None = None
    key_policy: Answer[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Share:
    """The percent of a database's connections that a proxy in front of it may take."""

    proxy: str
    percent: Answer[int]


@dataclass(frozen=True, kw_only=True)
class Proxies:
    """The proxies in front of one database, and those whose targets were not seen: name → why."""

    shares: tuple[Share, ...]
    not_seen: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Account:
    """All of it; mappings are by what the needs call it."""

    caller: Answer[Caller] = NOT_ASKED
    decisions: Answer[tuple[Decision, ...]] = NOT_ASKED
    service_linked_role: Answer[bool] = NOT_ASKED
    concurrency: Answer[Concurrency] = NOT_ASKED
    quotas: Mapping[str, Answer[Quota]] = field(default_factory=dict)
    versions: Answer[Versions] = NOT_ASKED
    offers: Answer[tuple[Offer, ...]] = NOT_ASKED
    zones: Answer[tuple[str, ...]] = NOT_ASKED
    parameters: Answer[Mapping[str, Parameter]] = NOT_ASKED
    snapshot: Answer[Snapshot | None] = NOT_ASKED
    rotation: Answer[bool] = NOT_ASKED
    vpc: Answer[Vpc | None] = NOT_ASKED
    subnets: Answer[tuple[Subnet, ...]] = NOT_ASKED
    endpoints: Answer[tuple[Endpoint, ...]] = NOT_ASKED
    routes: Answer[tuple[RouteTable, ...]] = NOT_ASKED
    keys: Mapping[str, Answer[Key]] = field(default_factory=dict)
    key_policies: Mapping[str, Answer[str]] = field(default_factory=dict)
    topic: Answer[Topic] = NOT_ASKED
    names: Mapping[str, Answer[frozenset[str]]] = field(default_factory=dict)
    proxies: Answer[Proxies] = NOT_ASKED
