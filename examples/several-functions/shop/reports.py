"""Counts, as the user who may read and nothing else."""

from rds_connection import connection


def handler(event, context):
    with connection(context) as conn:
        orders, sent = conn.execute("SELECT count(*), count(*) FILTER (WHERE sent) FROM orders").fetchone()
    return {"orders": orders, "sent": sent}
