"""What the database itself answers about an application's objects and rights, and what mends it. Pure."""

import re

# The driver's class, as SQLAlchemy quotes it as well, or MySQL's number.
# Source: PostgreSQL, "Error Codes", as psycopg and asyncpg call them; MySQL, "Server Error Message Reference".
_STEPS = tuple(
    (
        re.compile(
            rf"(?:\w+: \([\w.]+\.)?(?:{names})(?:Error)?\b|"
            rf"(?:Operational|Programming|Internal|Database)Error: (?:\([\w.]+\) )?\(?(?:{numbers})\b"
        ),
        step,
    )
    for names, numbers, step in (
        (
            "InsufficientPrivilege",
            "1044|1142|1143|1370",
            "as the owner, `python -m ops psql -- -c 'GRANT … ON … TO <user>'` "
            "(on MySQL `-e`, as a user that may grant)",
        ),
        (
            "Undefined(?:Table|Column|Function|Object)|InvalidSchemaName",
            "1049|1054|1146|1305",
            "the migration that makes it has not run, or in another database: run it "
            "(`python -m ops psql -- -f FILE`, docs/how-to/add-a-table.md)",
        ),
    )
)


def next_step(error: str, message: str) -> str | None:
    """What mends such an error; None for any other."""
    said = f"{error}: {message}"
    return next((step for pattern, step in _STEPS if pattern.match(said)), None)
