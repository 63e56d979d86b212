"""Connections of the supervisor's own, whatever libpq finds in the environment, such as that of `ops psql --print`."""

from typing import Any

from psycopg import pq

# Of what has no default that can be said: nothing, in the words that libpq takes for that. `service` has none.
_NOTHING = {"hostaddr": "", "options": "", "require_auth": "", "client_encoding": "", "sslcertmode": "disable"}


def regardless_of_the_environment(**parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - libpq's parameters
    """These parameters, and of those that libpq would take from an environment variable its own defaults."""
    own = {each.keyword.decode(): each.compiled.decode() for each in pq.Conninfo.get_defaults() if each.compiled}
    return {**own, **_NOTHING, **parameters}
