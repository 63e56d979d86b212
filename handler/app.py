"""The example handler: answers from a real query through the proxy."""

import os
from typing import Any

from rds_connection import connection


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 - Lambda's own types
    """`{"ok": true, "server": …, "via": …}`: what answered, and through which host."""
    with connection(context) as conn:
        row = conn.execute("SELECT current_setting('server_version'), current_database(), current_user").fetchone()
    version, database, user = row or ("", "", "")
    return {
        "ok": True,
        "server": f"PostgreSQL {version}, database {database} as {user}",
        "via": os.environ["DB_HOST"],
    }
