"""The right small pool for a Lambda function behind RDS Proxy.

    from rds_connection import connection

    def handler(event, context):
        with connection(context) as conn:
            return conn.execute("SELECT 1").fetchone()[0]

The proxy does the pooling; an execution environment holds one connection, reuses it while it is warm, and replaces it
once when it died.
"""

from .errors import ConfigurationError, DatabaseConnectionError, PoolExhaustedError
from .pool import Connection, Pool, connection
from .settings import Settings

__all__ = [
    "ConfigurationError",
    "Connection",
    "DatabaseConnectionError",
    "Pool",
    "PoolExhaustedError",
    "Settings",
    "connection",
]
