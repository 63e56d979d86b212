"""The example handler: answers from a real query through the proxy."""

import os
from typing import Any

from rds_connection import connection


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 - Lambda's own types
    """`{"ok": true, "server": …, "via": …}`: what answered, and through which host."""
    with connection(context) as conn:
        (server,) = conn.execute(
            "SELECT format('PostgreSQL %s, database %s as %s, backend %s',"
            " current_setting('server_version'), current_database(), current_user, pg_backend_pid())"
        ).fetchone() or ("",)
    return {"ok": True, "server": server, "via": os.environ["DB_HOST"]}
