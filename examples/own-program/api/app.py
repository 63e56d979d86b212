"""Answers from a query through the proxy."""

from rds_connection import connection


def handler(event, context):
    with connection(context) as conn:
        (answer,) = conn.execute("SELECT 1").fetchone()
    return {"answer": answer}
