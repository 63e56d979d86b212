"""A database with two proxies of one small ceiling: at one clients wait as long as it takes, at the other hardly."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from local.gate.seen import Seen
from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority
from local.supervisor.proxy import Proxy
from tests.handler.cloud import APPLICATION, DATABASE, free_address, running
from tests.waiting import LIMIT_SECONDS

CEILING = 5
SHORT_TIMEOUT_SECONDS = 1
_TABLES = f"""
CREATE TABLE copied (number int);
CREATE TABLE orders (id bigserial PRIMARY KEY, number bigint);
GRANT ALL ON copied, orders, orders_id_seq TO {APPLICATION};
"""


@dataclass(frozen=True)
class Door:
    """A proxy, or the database itself, as clients know it: `at` has libpq's variables."""

    at: dict[str, str] = field(repr=False)
    proxy: Proxy

    def seen(self) -> Seen:
        """What its gate has seen."""
        return self.proxy.seen()

    @property
    def gate(self) -> int:
        """The gate's process."""
        assert self.proxy.gate.pid is not None
        return self.proxy.gate.pid


@dataclass(frozen=True)
class Stand:
    """The two proxies, and the database itself.

    Attributes:
        patient: a proxy with a borrow timeout that only a fault reaches.
        impatient: one with a borrow timeout of SHORT_TIMEOUT_SECONDS.
        straight: past both, as libpq's variables say it.
    """

    patient: Door
    impatient: Door
    straight: dict[str, str] = field(repr=False)


@contextmanager
def running_stand() -> Iterator[Stand]:
    """The servers, for the length of a block."""
    with running() as cloud:
        cloud.execute(_TABLES)
        # Who speaks the protocol by hand does so without TLS, also to the database itself.
        rules = cloud.folder / "postgres" / "pg_hba.conf"
        rules.write_text(f"{rules.read_text()}hostnossl all {APPLICATION} 127.0.0.0/8 scram-sha-256\n")
        cloud.postgres.server.signal(signal.SIGHUP)

        settings = replace(
            cloud.proxy.settings,
            require_tls=False,
            max_connections_percent=100 * CEILING // 40 + 1,
            connection_borrow_timeout=int(LIMIT_SECONDS),
        )
        cloud.proxy.change(settings)
        short = replace(settings, address=free_address(), connection_borrow_timeout=SHORT_TIMEOUT_SECONDS)
        audience = TokenAudience(host=short.name, port=short.port, region="eu-west-1", arn_prefix="arn:aws:rds-db:")
        impatient = Proxy(cloud.folder, "impatient", short, Authority(cloud.folder / "authority"), audience)
        impatient.start()

        def at(address: str) -> dict[str, str]:
            return {
                "PGHOST": address,
                "PGPORT": "5432",
                "PGUSER": APPLICATION,
                "PGPASSWORD": cloud.password,
                "PGDATABASE": DATABASE,
                "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": cloud.bundle,
            }

        try:
            yield Stand(
                Door(at(settings.address), cloud.proxy),
                Door(at(short.address), impatient),
                at(cloud.postgres.settings.address),
            )
        finally:
            impatient.stop()
