"""The example handler: answers from a real query through the proxy."""

import os
from typing import Any

from rds_connection import connection

_SERVER = {
    "postgresql": "SELECT format('PostgreSQL %s, database %s as %s, backend %s',"
    " current_setting('server_version'), current_database(), current_user, pg_backend_pid())",
    "mysql": "SELECT CONCAT('MySQL ', VERSION(), ', database ', DATABASE(), ' as ', CURRENT_USER(),"
    " ', connection ', CONNECTION_ID())",
}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001 - Lambda's own types
    """`{"ok": true, "server": …, "via": …}`: what answered, and through which host."""
    with connection(context) as conn:
        (server,) = conn.execute(_SERVER[os.environ.get("DB_ENGINE") or "postgresql"]).fetchone() or ("",)
    return {"ok": True, "server": server, "via": os.environ["DB_HOST"]}
