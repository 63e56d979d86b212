"""What drivers and ORMs send on their own, and what avoids it: rules for the linter, facts for the doctor. Pure."""

from dataclasses import dataclass

from .postgresql import GUIDE
from .rule import Rule

_REFUSED = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-connecting.html"
_DJANGO = "https://docs.djangoproject.com/en/5.2/ref/databases/"

# Lower case → as PostgreSQL spells it: what RDS Proxy takes at login beside user and database ("Considerations for
# connecting to PostgreSQL"); everything else is refused.
STARTUP_PARAMETERS = {
    name.lower(): name
    for name in ("application_name", "client_encoding", "DateStyle", "TimeZone", "extra_float_digits", "search_path")
}

ASYNCPG_POOL = Rule(
    name="asyncpg-pool-reset",
    reason="asyncpg's pool sends RESET ALL whenever a connection is given back to it.",
    source="https://github.com/MagicStack/asyncpg/issues/1153",
    fix="give create_pool a reset= that does nothing (asyncpg 0.30 and later: it stands in for the query), or a "
    'connection_class whose get_reset_query() returns ""',
)
PSYCOPG_DEALLOCATE = Rule(
    name="psycopg-deallocate",
    reason="psycopg 3 prepares what is run often, and then sends DEALLOCATE ALL after a rollback, a DROP or an ALTER.",
    source="https://github.com/psycopg/psycopg/issues/1105",
    fix="connect with prepare_threshold=None",
)
PSYCOPG2_SESSION = Rule(
    name="psycopg2-session",
    reason="psycopg2 sends SET for this.",
    source="https://www.psycopg.org/docs/connection.html",
    fix="leave autocommit off, so that it goes into BEGIN; client_encoding goes into the connection string",
)
STARTUP_OPTIONS = Rule(
    name="startup-options",
    reason="RDS Proxy refuses the connection: Feature not supported: RDS Proxy currently doesn't support command-line "
    "options.",
    from_log=True,
    source="https://github.com/psycopg/psycopg2/issues/1577",
    fix="set it for the user (ALTER ROLE … SET …) or in the proxy's initialization query; search_path, TimeZone, "
    "DateStyle, client_encoding and extra_float_digits can be connection parameters of their own where the driver "
    "sends them at login",
)
STARTUP_PARAMETER = Rule(
    name="startup-parameter",
    reason="RDS Proxy refuses the connection: it takes no such parameter at login.",
    source=_REFUSED,
    fix="set it for the user (ALTER ROLE … SET …) or in the proxy's initialization query",
)
SERVER_SIDE_CURSOR = Rule(
    name="server-side-cursor",
    reason="A named cursor of psycopg or psycopg2 is a DECLARE.",
    source=GUIDE,
    fix="read pages by key (WHERE id > … ORDER BY id LIMIT …), or all rows at once",
)
STREAM_RESULTS = Rule(
    name="stream-results",
    reason="SQLAlchemy streams results over psycopg and psycopg2 by a named cursor, which is a DECLARE.",
    source="https://docs.sqlalchemy.org/en/21/core/connections.html#using-server-side-cursors-a-k-a-stream-results",
    contested="over asyncpg it is a portal of the protocol, which doesn't pin",
    fix="read pages by key, or all rows at once",
)
DJANGO_CURSORS = Rule(
    name="django-server-side-cursors",
    reason="Each QuerySet.iterator() of Django declares a cursor, outside a transaction one WITH HOLD.",
    source="https://github.com/dimagi/open-chat-studio/issues/4176",
    fix="set DISABLE_SERVER_SIDE_CURSORS to True in DATABASES",
)
DJANGO_TIME_ZONE = Rule(
    name="django-time-zone",
    reason="Django sends set_config('TimeZone', …) on each connection whose time zone is another one.",
    source=_DJANGO + "#optimizing-postgresql-s-configuration",
    fix="keep UTC, or set the user's own time zone to the same: ALTER ROLE … SET timezone TO …",
)
DJANGO_ROLE = Rule(
    name="django-assume-role",
    reason="Django sends SET ROLE on each connection.",
    source=_DJANGO,
    fix="log in as a user who has the rights, or set the role in the proxy's initialization query",
)
SQLALCHEMY_ISOLATION = Rule(
    name="pg8000-isolation",
    reason="SQLAlchemy sends SET SESSION CHARACTERISTICS over pg8000.",
    source="https://docs.sqlalchemy.org/en/21/dialects/postgresql.html#pg8000-transaction-isolation-level",
    fix="use psycopg, which says the level in BEGIN, or set default_transaction_isolation for the user",
)
SEQUENCE = Rule(
    name="sqlalchemy-sequence",
    reason="SQLAlchemy writes nextval into the INSERT for a Sequence.",
    source="https://docs.sqlalchemy.org/en/21/core/defaults.html#defining-sequences",
    fix="use Identity(): the database takes the number, and RETURNING tells it",
)
JDBC = Rule(
    name="pgjdbc-settings",
    reason="pgJDBC sends SET application_name, and up to 42.7.3 SET extra_float_digits, on each connection "
    "when it isn't told the server's version.",
    source="https://github.com/pgjdbc/pgjdbc/pull/4308",
    fix="add assumeMinServerVersion=9.0 to the URL: it then says them at login",
)
NPGSQL = Rule(
    name="npgsql-reset",
    reason="Npgsql's pool sends DISCARD ALL before a connection is used again.",
    source="https://github.com/npgsql/npgsql/issues/3731",
    fix="add No Reset On Close=true to the connection string",
)
MYSQL_PREPARED = Rule(
    name="mysql-prepared-cursor",
    reason="A prepared cursor uses prepared statements, which pin on MySQL.",
    source=GUIDE,
    fix="use a plain cursor: the driver puts the parameters into the text",
)
RULES = (
    *(ASYNCPG_POOL, PSYCOPG_DEALLOCATE, PSYCOPG2_SESSION, STARTUP_OPTIONS, STARTUP_PARAMETER, SERVER_SIDE_CURSOR),
    *(STREAM_RESULTS, DJANGO_CURSORS, DJANGO_TIME_ZONE, DJANGO_ROLE, SQLALCHEMY_ISOLATION, SEQUENCE, JDBC, NPGSQL),
    MYSQL_PREPARED,
)


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A statement that a driver sends without being asked.

    Attributes:
        digest: how its digest begins.
        driver: who sends it, and when.
        fix: the setting or code that avoids it.
        source: where that is stated or was read.
    """

    digest: str
    driver: str
    fix: str
    source: str


# The longer beginning first where one begins like another.
SENT = (
    Sent(
        digest="select pg_advisory_unlock_all(); close all; unlisten *; reset all",
        driver="asyncpg's pool, when a connection is given back",
        fix=ASYNCPG_POOL.fix,
        source=ASYNCPG_POOL.source,
    ),
    Sent(
        digest="select current_setting($1) as cur, set_config($2, $3, false) as new",
        driver="asyncpg, when it meets a type that it doesn't know: an enum, a domain, a composite",
        fix="cast such columns (::text), so that it needn't look the type up",
        source="asyncpg 0.32, connection.py, _introspect_types",
    ),
    Sent(
        digest="deallocate all",
        driver="psycopg 3, after a rollback once it has prepared",
        fix=PSYCOPG_DEALLOCATE.fix,
        source=PSYCOPG_DEALLOCATE.source,
    ),
    Sent(
        digest='declare "_django_curs_',
        driver="Django, for QuerySet.iterator()",
        fix=DJANGO_CURSORS.fix,
        source=DJANGO_CURSORS.source,
    ),
    Sent(
        digest="set datestyle to $1",
        driver="psycopg2, when the session's DateStyle isn't ISO",
        fix="set it for the user: ALTER ROLE … SET datestyle TO 'ISO'",
        source="psycopg2 2.9.10, connection_int.c",
    ),
    *(
        Sent(digest=f"set {name}", driver="pgJDBC, on each connection", fix=JDBC.fix, source=JDBC.source)
        for name in ("extra_float_digits", "application_name")
    ),
    Sent(
        digest="set default_transaction_",
        driver="psycopg2's set_session under autocommit",
        fix=PSYCOPG2_SESSION.fix,
        source=PSYCOPG2_SESSION.source,
    ),
    Sent(
        digest="set client_min_messages to",
        driver="Sequelize and Active Record, on each connection",
        fix='with Sequelize keepDefaultTimezone: true and dialectOptions: {clientMinMessages: "ignore"}; Active Record '
        "has no setting for it",
        source="Sequelize 6.37, dialects/postgres/connection-manager.js",
    ),
    Sent(
        digest="set session characteristics as transaction",
        driver="pgJDBC's setTransactionIsolation and setReadOnly, and SQLAlchemy over pg8000",
        fix="leave the level at the server's default, or set default_transaction_isolation for the user",
        source="https://github.com/risingwavelabs/risingwave/issues/24215",
    ),
    Sent(
        digest="discard all",
        driver="Npgsql's pool, and other pools that reset by it",
        fix=NPGSQL.fix,
        source=NPGSQL.source,
    ),
    Sent(
        digest="set client_encoding to",
        driver="ruby-pg and Active Record, on each connection",
        fix="set it in the proxy's initialization query, and Encoding.default_internal = nil",
        source="https://github.com/ged/ruby-pg/issues/368",
    ),
)


def sent_by(digest: str) -> Sent | None:
    """The driver that is known to send a statement with this digest; None when none is."""
    return next((each for each in SENT if digest.startswith(each.digest)), None)
