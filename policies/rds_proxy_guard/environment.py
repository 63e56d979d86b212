"""Which environment variables, by their names, carry a host."""

import re

# A word of the name says that its value is where to connect …
HOST_WORDS = frozenset(
    {
        "HOST",
        "HOSTNAME",
        "HOSTS",
        "ENDPOINT",
        "ADDRESS",
        "ADDR",
        "URL",
        "URI",
        "DSN",
        "SERVER",
        "CONNECTION",
        "JDBC",
        "CONN",
        "CONNSTR",
        "WRITER",
        "READER",
        "CONFIG",
    }
)
# … unless the last word says that it is something else.
OTHER_LAST_WORDS = frozenset(
    {
        "ARN",
        "PORT",
        "NAME",
        "ID",
        "USER",
        "USERNAME",
        "PASSWORD",
        "TIMEOUT",
        "LIMIT",
        "REGION",
        "IDENTIFIER",
        "MAX",
        "MIN",
        "SECRET",
        "PARAMETER",
        "ENABLED",
    }
)


def words(name: str) -> list[str]:
    """The words of a name in upper case: DB_HOST, dbHost and db-host alike."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return [word for word in re.split(r"[^A-Za-z0-9]+", spaced.upper()) if word]


def is_host_like(name: str) -> bool:
    """Whether a variable of this name carries a host, a URL or another connection text."""
    parts = words(name)
    if not parts or parts[-1] in OTHER_LAST_WORDS:
        return False
    return any(part in HOST_WORDS for part in parts) or parts in (["PGHOST"], ["DATABASE"], ["DB"])
