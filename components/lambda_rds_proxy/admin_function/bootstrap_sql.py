"""The SQL that makes an application's user, as text for people; needs no driver. The admin function does the same."""


def bootstrap_sql(user: str, database: str, rds_iam: bool) -> str:
    """What a master user runs in `database` to make `user`; the password is for the reader to fill in.

    Least privilege that lets an application own its tables: connect, and create in the schema `public`, which
    PostgreSQL 15 no longer allows everyone. `rds_iam` is for end-to-end IAM only: a user who has it cannot log in with
    a password, as the proxy does in the other modes.
    """
    lines = [
        f"CREATE ROLE {_quoted(user)} LOGIN" + (";" if rds_iam else " PASSWORD '…';"),
        f"GRANT CONNECT ON DATABASE {_quoted(database)} TO {_quoted(user)};",
        f"GRANT USAGE, CREATE ON SCHEMA public TO {_quoted(user)};",
    ]
    if rds_iam:
        lines.append(f"GRANT rds_iam TO {_quoted(user)};")
    return "\n".join(lines)


def _quoted(identifier: str) -> str:
    doubled = identifier.replace('"', '""')
    return f'"{doubled}"'
