"""Django's backend for PostgreSQL, with the connection of this environment's pool. Django looks for it under this name.

Where to connect and as whom is the `DB_*` environment. Django closes its connection at the end of each request, which
gives it back; so nothing of a request outlives it.
"""

from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel, get_adapters_template
from psycopg.adapt import AdaptersMap

from .. import Connection, connect

# A connection is given back after each request, and a cursor of the server's pins.
_FIXED = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "DISABLE_SERVER_SIDE_CURSORS": True}
_NOT_OURS = ("NAME", "USER", "PASSWORD", "HOST", "PORT")
_OPTIONS = {"isolation_level", "server_side_binding"}


class DatabaseWrapper(base.DatabaseWrapper):  # type: ignore[misc] # Django has no types
    """Django's connection object."""

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        super().__init__({**settings_dict, **_FIXED}, alias)

    def get_connection_params(self) -> dict[str, Any]:
        """The OPTIONS that mean something here.

        Raises:
            ImproperlyConfigured: settings say what the environment says, or what a proxy does not keep.
        """
        given, options = self.settings_dict, self.settings_dict["OPTIONS"]
        wrong = [name for name in _NOT_OURS if given[name]] + [f"OPTIONS[{name!r}]" for name in {*options} - _OPTIONS]
        if wrong:
            raise ImproperlyConfigured(
                f"DATABASES[{self.alias!r}] has {', '.join(sorted(wrong))}: leave them out, for rds_connection.django "
                f"connects as the DB_* environment says and takes of OPTIONS only {', '.join(sorted(_OPTIONS))}"
            )
        return dict(options)

    def _set_autocommit(self, autocommit: bool) -> None:
        # After OutOfTimeError there is no connection left to set, and that error is to be heard.
        if not self.connection.late:
            super()._set_autocommit(autocommit)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """The environment's connection, with Django's cursors and types until it is given back."""
        conn = connect()
        conn.cursor_factory = base.ServerBindingCursor if conn_params.get("server_side_binding") else base.Cursor
        # psycopg takes them when a connection is opened, and has no other way that is public and whole.
        conn._adapters = AdaptersMap(get_adapters_template(settings.USE_TZ, self.timezone))
        self.isolation_level = IsolationLevel(conn_params.get("isolation_level", IsolationLevel.READ_COMMITTED))
        if "isolation_level" in conn_params:
            conn.isolation_level = self.isolation_level
        return conn
