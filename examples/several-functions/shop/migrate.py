"""Makes the table, and lets the other user read it: to be invoked once after each deployment, for it may run again."""

from rds_connection import transaction

_STATEMENTS = (
    "CREATE TABLE IF NOT EXISTS orders (id serial PRIMARY KEY, item text NOT NULL, sent boolean DEFAULT false)",
    "GRANT SELECT ON orders TO reporting",
)


@transaction
def handler(conn, event, context):
    for statement in _STATEMENTS:
        conn.execute(statement)
    return {"statements": len(_STATEMENTS)}
