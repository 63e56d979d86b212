"""The SQL that makes an application's user, as text for people and for the admin function; needs no driver."""


def bootstrap_sql(user: str, database: str, rds_iam: bool) -> str:
    """What a master user runs to make `user` on `database`; the password is for the reader to fill in.

    Least privilege that lets an application own its tables: connect, and create in the `public` schema (PostgreSQL 15
    took that from everyone). `rds_iam` is for end-to-end IAM only: a user who has it cannot log in with a password, so
    a proxy that uses one would fail at random.
    """
    lines = [
        f"CREATE USER {_quoted(user)}" + (";" if rds_iam else " PASSWORD '…';"),
        f"GRANT CONNECT, TEMPORARY ON DATABASE {_quoted(database)} TO {_quoted(user)};",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {_quoted(user)};",
    ]
    if rds_iam:
        lines.append(f"GRANT rds_iam TO {_quoted(user)};")
    return "\n".join(lines)


def _quoted(identifier: str) -> str:
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'
