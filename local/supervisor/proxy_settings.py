"""What a proxy is asked to be."""

import hashlib
import json
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Target:
    """The database behind a proxy, by address (its certificate names that as well)."""

    address: str
    port: int
    max_connections: int


@dataclass(frozen=True, kw_only=True)
class ProxySettings:
    """Of one proxy; percents are of max_connections, timeouts in seconds.

    `users` is name → password at the database, which is empty for who has none there (IAM on both sides).
    """

    name: str
    address: str
    port: int
    require_tls: bool = True
    idle_client_timeout: int = 1800
    max_connections_percent: int = 100
    connection_borrow_timeout: int = 120
    init_query: str | None = None
    target: Target | None = None
    users: dict[str, str] = field(default_factory=dict, repr=False)
    token_users: frozenset[str] = frozenset()
    """Those of its users whom it lets in with a token, and with nothing else."""
    role: str | None = None
    """The role it logs in to the database as, with a certificate of that name; none with secrets alone."""
    client_limit: int = 10_000
    """How many client connections it takes: more than any storm here. RDS's own limit is not published."""

    @property
    def ceiling(self) -> int:
        """Database connections at most: floor(max_connections × percent), and at least one."""
        if self.target is None:
            return 1
        return max(1, self.target.max_connections * self.max_connections_percent // 100)

    @property
    def served_by(self) -> str:
        """Changes with the database behind it and with what it logs in there with; says nothing of that."""
        told = json.dumps([self.users, self.role, vars(self.target) if self.target else None], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()
