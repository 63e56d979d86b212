"""The right small pool for a Lambda function behind RDS Proxy.

    from rds_connection import connection

    def handler(event, context):
        with connection(context) as conn:
            return conn.execute("SELECT 1").fetchone()[0]

The proxy does the pooling; an execution environment holds one connection, reuses it while it is warm, and replaces it
when it died.
"""

from .errors import (
    ConfigurationError,
    NoConnectionError,
    OutOfTimeError,
    PoolExhaustedError,
    RdsConnectionError,
    UnfinishedTransactionError,
)
from .lease import close, close_before_snapshot, connect, connection
from .postgresql import Connection
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
    "close",
    "connect",
    "connection",
    "transaction",
]

close_before_snapshot()
