"""What a gate is told: who may log in and how, where PgBouncer is, and what the proxy is asked to be."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..iam.tokens import Principal, TokenAudience


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """Of one gate; it is a file (0600), for it holds passwords and the keys of those who sign tokens.

    Attributes:
        address, port: where it listens.
        folder: its own, for the socket by which it tells what it has seen.
        pooler_folder, pooler_port: where PgBouncer's socket is.
        certificate, key: files of the proxy's certificate.
        audience: what a token must be for.
        tokens_per_second: how many it checks; None for as many as come.
        principals: access key → who signs with it.
        token_users: users who log in with a token, and with nothing else.
        passwords: of the other users, as the secrets have them.
        served_by: changes with the database and with what the proxy logs in there with.
        ceiling: database connections at most.
        borrow_timeout, idle_client_timeout: in seconds.
        client_limit: clients at most.
    """

    address: str
    port: int
    folder: str
    pooler_folder: str
    pooler_port: int
    certificate: str
    key: str
    audience: TokenAudience
    require_tls: bool = True
    tokens_per_second: int | None = None
    principals: Mapping[str, Principal] = field(default_factory=dict, repr=False)
    token_users: tuple[str, ...] = ()
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)
    served_by: str = ""
    ceiling: int = 1
    borrow_timeout: float = 120.0
    idle_client_timeout: float = 1800.0
    client_limit: int = 10_000
    init_query: str | None = None

    @property
    def opens_with(self) -> tuple[str, str | None]:
        """With another one of these, a database connection that was opened before is not what is asked for now."""
        return self.served_by, self.init_query

    def as_text(self) -> str:
        """As it stands in the file."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, file: Path) -> "GateSettings":
        """From the file."""
        said = json.loads(file.read_text())
        principals = {key: Principal(**each) for key, each in said["principals"].items()}
        read = {"audience": TokenAudience(**said["audience"]), "token_users": tuple(said["token_users"])}
        return cls(**{**said, **read, "principals": principals})
