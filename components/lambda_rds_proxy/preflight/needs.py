"""What a stack needs of its account, as its settings say; `serverless_database.needs` derives it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class NewDatabase:
    """A database that is made.

    `rds_engine` and `family` are RDS's names, `zones` in how many its class must be there, `parameters` the values that
    the stack states (None: not known here), `snapshot` what it is restored from.
    """

    rds_engine: str
    family: str
    version: str
    version_in_full: bool
    instance_class: str
    is_cluster: bool
    zones: int
    storage_gib: int | None
    multi_az: bool
    iam_authentication: bool
    performance_insights: bool
    parameters: Mapping[str, str | None]
    snapshot: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """A VPC that others made, and its subnets for this stack."""

    vpc_id: str
    subnet_ids: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """What of a stack is there already, by its state: names by kind, how many of each quota, what is reserved."""

    names: Mapping[str, frozenset[str]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    reserved_concurrency: int = 0
    database: str | None = None


@dataclass(frozen=True, kw_only=True)
class Needs:
    """All of it.

    `names` are those that the stack states itself, by kind: log group, function, …; what Pulumi names is taken by
    nobody. `functions` are the names that the settings have for them, `counts` how many of what has a quota. `database`
    is None where one is there, `target` its identifier; `unread` are keys that are encrypted.
    """

    project: str
    stack: str
    region: str
    names: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    addresses: Mapping[str, int]
    proxy_name: str
    proxy_family: str
    percent: int
    other_proxies_percent: int
    most_percent: int
    functions: tuple[str, ...]
    zones: int = 2
    allowed_accounts: tuple[str, ...] = ()
    forbidden_accounts: tuple[str, ...] = ()
    role_to_assume: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    permissions_boundary: str | None = None
    reserved_concurrency: int = 0
    stated_concurrency: int | None = None
    database: NewDatabase | None = None
    target: str | None = None
    target_is_cluster: bool = False
    target_group: str | None = None
    vpc: ExistingVpc | None = None
    reads_secrets: bool = True
    makes_endpoint: bool = False
    endpoint_group: str | None = None
    flow_logs: bool = False
    rotation_application: str | None = None
    data_key: str | None = None
    log_key: str | None = None
    topic: str | None = None
    unread: tuple[str, ...] = ()
    deployed: Deployed = field(default_factory=Deployed)

    @property
    def database_identifier(self) -> str | None:
        """The database that others' proxies may stand in front of, too: an existing one, or the stack's own."""
        return self.target or self.deployed.database
