"""Takes an order."""

from rds_connection import connection


def handler(event, context):
    with connection(context) as conn:
        (number,) = conn.execute("INSERT INTO orders (item) VALUES (%s) RETURNING id", [event["item"]]).fetchone()
    return {"order": number}
