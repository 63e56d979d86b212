"""What each kind of client does to a database connection at RDS Proxy, and at the laptop's."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Row:
    """One kind.

    Attributes:
        kind: as the program has it, after its library.
        pins: the rule by which each of its sessions is pinned, of `ops.pinning`; empty when nothing it sends pins.
        held: whether a named prepared statement keeps its connection here. RDS Proxy multiplexes these.
    """

    kind: str
    pins: str = ""
    held: bool = False

    @property
    def keeps(self) -> bool:
        """Whether a client of this kind that stays has its connection for itself."""
        return bool(self.pins) or self.held


TABLE = (
    # psycopg prepares what it ran five times.
    Row(kind="psycopg-autocommit", held=True),
    Row(kind="psycopg-transactions", held=True),
    # A rollback has it count anew, and forget what it prepared with DEALLOCATE ALL.
    Row(kind="psycopg-rollbacks"),
    Row(kind="psycopg-seldom-rollbacks", pins="deallocate"),
    Row(kind="psycopg-unprepared"),
    Row(kind="psycopg-pipeline"),
    Row(kind="psycopg-cursor", pins="declare-cursor"),
    Row(kind="psycopg-copy"),
    Row(kind="asyncpg", held=True),
    Row(kind="asyncpg-uncached"),
    # What goes back to its pool is reset.
    Row(kind="asyncpg-pool", pins="reset"),
    Row(kind="sqlalchemy-psycopg", held=True),
    Row(kind="sqlalchemy-psycopg-reading"),
    Row(kind="sqlalchemy-asyncpg", held=True),
    Row(kind="set", pins="set"),
    Row(kind="temporary-table", pins="temporary"),
    Row(kind="listen", pins="listen"),
    Row(kind="advisory-lock", pins="advisory-lock"),
    Row(kind="transaction-lock"),
    Row(kind="pgx", held=True),
    Row(kind="pgx-cache-describe"),
    Row(kind="pgx-describe-exec"),
    Row(kind="pgx-exec"),
    Row(kind="pgx-simple"),
    Row(kind="pgx-batch", held=True),
    Row(kind="gorm", held=True),
    Row(kind="gorm-prepared", held=True),
    Row(kind="gorm-simple"),
    Row(kind="pg"),
    Row(kind="pg-named", held=True),
    # It sets its application_name with a statement, unless assumeMinServerVersion says that it need not.
    Row(kind="jdbc", pins="set"),
    Row(kind="jdbc-assuming", held=True),
    Row(kind="jdbc-unprepared"),
    Row(kind="jdbc-simple"),
    # COMMIT is prepared, too.
    Row(kind="jdbc-autosave", held=True),
)
