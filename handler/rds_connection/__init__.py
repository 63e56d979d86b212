"""The right small pool for a Lambda function behind RDS Proxy.

    from rds_connection import connection

    def handler(event, context):
        with connection(context) as conn:
            return conn.execute("SELECT 1").fetchone()[0]

The proxy does the pooling; an execution environment holds one connection, reuses it while it is warm, and replaces it
when it died. DB_ENGINE says whether that is psycopg's, with PostgreSQL, or PyMySQL's. For asyncio there is
`aconnection`, and `transaction` takes both kinds of function.
"""

import os
from typing import TYPE_CHECKING

from .driver import driver
from .environment import close, close_before_snapshot, invocation
from .errors import (
    ConfigurationError,
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    RdsConnectionError,
    UnfinishedTransactionError,
)
from .lease import aconnect, aconnection, connect, connection
from .settings import Settings
from .transactions import transaction

__all__ = [
    "ConfigurationError",
    "Connection",
    "NoConnectionError",
    "OutOfTimeError",
    "PoolExhaustedError",
    "RdsConnectionError",
    "Settings",
    "UnfinishedTransactionError",
    "aconnect",
    "aconnection",
    "close",
    "connect",
    "connection",
    "invocation",
    "transaction",
]

# Here, so that it is imported in a cold start's first phase, and the other engine's library never is.
_driver = driver(os.environ.get("DB_ENGINE") or "postgresql")
if TYPE_CHECKING:
    from .postgresql import Connection
else:
    Connection = _driver.Connection

close_before_snapshot()
