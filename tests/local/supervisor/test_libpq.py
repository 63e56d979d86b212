"""Connections of the supervisor's own, in the shell of somebody who works with other databases."""

from collections.abc import Iterator

import psycopg
import pytest

from tests.handler.cloud import Cloud, running

ELSEWHERE = {
    "PGHOSTADDR": "127.0.0.2",
    "PGPORT": "1",
    "PGUSER": "somebody",
    "PGSSLMODE": "disable",
    "PGOPTIONS": "-c statement_timeout=1",
    "PGREQUIREAUTH": "none",
    "PGTARGETSESSIONATTRS": "read-only",
    "PGCLIENTENCODING": "LATIN1",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with running() as found:
        yield found


@pytest.mark.servers
def test_nothing_that_is_exported_for_libpq_leads_the_supervisor_elsewhere(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    with cloud.postgres.superuser() as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)
    assert cloud.proxy.pooler.show("VERSION")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect("")  # and they do lead elsewhere
