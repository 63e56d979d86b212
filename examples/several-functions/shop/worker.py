"""Sends what was ordered."""

from rds_connection import connection


def handler(event, context):
    with connection(context) as conn:
        return {"sent": conn.execute("UPDATE orders SET sent = true WHERE NOT sent").rowcount}
