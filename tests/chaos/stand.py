"""What one column of the matrix runs on: servers and environments of its own, nobody else's."""

import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import psycopg
from psycopg import sql

from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority
from local.supervisor.postgres import Postgres, PostgresSettings
from local.supervisor.processes import give_to_servers
from local.supervisor.proxy import Principals, Proxy
from local.supervisor.proxy_settings import ProxySettings, Target
from tests.chaos.addresses import free_address
from tests.chaos.environment import Environment
from tests.chaos.matrix import Auth, Style
from tests.chaos.secret import Secret, secret
from tests.chaos.wire import Wire

USER = "app"
DATABASE = "app_db"
BORROW_SECONDS = 1
_PORT = 5432
_REGION = "eu-west-1"
_END_SECONDS = 5.0
_MAX_CONNECTIONS = 40
_PERCENT = 25
# While this file is there, the database says that it starts: recovery waits for what an archive has.
_HOLD = "hold"
# Rows by number, in a table without a key: a row that is written twice has to show. `seconds_to_commit` makes COMMIT
# last, as a synchronous standby does. The one row of `shared` is for all to wait for. The role has the timeout that
# frees what a lost function holds.
_SCHEMA = """
ALTER ROLE app SET idle_in_transaction_session_timeout = '4s';
CREATE TABLE numbered (number bigint, seconds_to_commit float);
CREATE TABLE shared (times bigint);
INSERT INTO shared VALUES (0);
ALTER TABLE numbered OWNER TO app;
ALTER TABLE shared OWNER TO app;
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(NEW.seconds_to_commit); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON numbered DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.seconds_to_commit > 0) EXECUTE FUNCTION linger();
"""


@dataclass(kw_only=True)
class Stand:
    """A database, its proxy with a wire in front of it, and the environments that use them with one kind of login.

    Attributes:
        proxy: where the name leads.
        another: where it led before, or may lead: not running as a rule.
        keys: access key and secret key of who signs the tokens.
        folder, variables: of the environments.
    """

    auth: Auth
    postgres: Postgres
    proxy: Proxy
    another: Proxy
    principals: Principals = field(repr=False)
    keys: tuple[str, str] = field(repr=False)
    wire: Wire
    secret: Secret | None
    password: str = field(repr=False)
    folder: Path
    variables: Mapping[str, str] = field(repr=False)
    environments: list[Environment] = field(default_factory=list)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may contain."""
        return (self.password, "X-Amz-Signature")

    def populate(self, count: int) -> None:
        """So many new environments in the place of those that there are."""
        while self.environments:
            self.environments.pop().end()
        for _ in range(count):
            self.environments.append(Environment(self.variables, self.folder))

    def query(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Rows of a statement that the superuser runs straight in the application's database."""
        with self.postgres.superuser(DATABASE) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def backends(self, condition: str = "true") -> int:
        """How many of the application's database connections meet a condition on `pg_stat_activity`."""
        found = self.query(f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{USER}' AND {condition}")
        return int(found[0][0])

    def rows(self) -> dict[int, int]:
        """How often each number is in the table."""
        return dict(self.query("SELECT number, count(*) FROM numbered GROUP BY number"))

    def borrow(self) -> "psycopg.Connection[Any]":
        """A client connection of somebody else, to the proxy and past the wire."""
        audience, password = self.proxy.audience, self.password
        if self.auth is Auth.IAM:
            access, secret = self.keys
            signer = boto3.Session(aws_access_key_id=access, aws_secret_access_key=secret, region_name=_REGION)
            password = signer.client("rds").generate_db_auth_token(audience.host, _PORT, USER)
        return psycopg.connect(
            host=self.proxy.settings.address,
            port=_PORT,
            dbname=DATABASE,
            user=USER,
            password=password,
            sslmode="require",
            prepare_threshold=None,
        )

    def terminate_backends(self) -> int:
        """End every database connection of the application, and wait until proxy and database know: how many."""
        found = self.query("SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", USER)
        killed = [row[0] for row in found]
        deadline = time.monotonic() + _END_SECONDS
        while self.query("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", killed) and time.monotonic() < deadline:
            time.sleep(0.01)
        for answers in (lambda: self.proxy.pooler.show("VERSION"), self.proxy.seen):
            answers()  # after it has read what was at its sockets
        return len(killed)

    def rotate(self, password: str) -> None:
        """Another password: of the user in the database, at the proxy, and in the secret, in this order."""
        self.password = password
        self.query(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(USER), sql.Literal(password)).as_string())
        self.change_proxy(users={USER: password})
        if self.secret is not None:
            self.secret.put(password)

    def change_proxy(self, **changes: Any) -> None:
        """Other settings of the proxy; its clients stay."""
        self.proxy.change(replace(self.proxy.settings, **changes))
        self.proxy.seen()  # it answers after it has read them

    def write_nothing(self, value: bool) -> None:
        """Whether the database is read-only, for all sessions from their next transaction on."""
        self.query(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        self.query("SELECT pg_reload_conf()")

    def start_another(self) -> None:
        """Start another server for the name to lead to. They share their storage, as the instances of Aurora do."""
        its = self.another.settings
        self.another.pooler.settings = replace(self.proxy.settings, name=its.name, address=its.address)
        self.another.start(self.principals)

    def demote(self) -> None:
        """The server ends what is under way, and writes nothing any more; it keeps its clients."""
        self.change_proxy(init_query="SET default_transaction_read_only = on")
        self.terminate_backends()

    def take_over(self) -> None:
        """The name leads to the other server, for who connects from now on; the old one stays as it is until `tidy`."""
        self.proxy, self.another = self.another, self.proxy
        self.wire.upstream = (self.proxy.settings.address, _PORT)

    @contextmanager
    def straight(self) -> Iterator[None]:
        """Environments talk to the database without a proxy, for the length of a block."""
        usual, self.wire.upstream = self.wire.upstream, (self.postgres.settings.address, _PORT)
        self.wire.close_lines(reset=False)
        try:
            yield
        finally:
            self.wire.upstream = usual
            self.wire.close_lines(reset=False)

    @contextmanager
    def restarting(self) -> Iterator[None]:
        """Shut the database down; it is starting for the length of a block, and has started at its end."""
        server = self.postgres.server
        server.stop()
        hold, recovery = server.folder / _HOLD, server.folder / "data" / "recovery.signal"
        for file in (hold, recovery):
            file.touch()
        give_to_servers(recovery)
        with ThreadPoolExecutor(1) as executor:
            started = executor.submit(server.start)
            try:
                yield
            finally:
                hold.unlink()
            started.result()

    def is_shared_row_held(self) -> bool:
        """Whether a transaction has written to the row that all want."""
        try:
            self.query("SELECT times FROM shared FOR UPDATE NOWAIT")
        except psycopg.errors.LockNotAvailable:
            return True
        return False

    def pinned(self) -> int:
        """How many sessions were pinned to a database connection."""
        return sum(sum(each.seen().pins.values()) for each in (self.proxy, self.another) if each.gate.pid)

    def tidy(self) -> None:
        """End what a cell left behind: transactions, and a server to which the name leads no more."""
        if self.backends("state <> 'idle'"):
            self.terminate_backends()
        self.another.stop()


@contextmanager
def stand(auth: Auth, environments: int, style: Style = Style.PLAIN) -> Iterator[Stand]:
    """A stand with so many environments of a function in this style, for the length of a block.

    Raises:
        LaptopError: a server is not installed, or does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"lambda-rds-proxy-chaos-{auth}-"))
    folder.chmod(0o755)  # the servers run as another account when we are root
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        authority = Authority(folder / "authority")
        password = secrets.token_urlsafe(24)
        postgres = Postgres(folder / "postgres", _database(folder / "postgres" / _HOLD), authority)
        stack.callback(postgres.stop)
        postgres.start()
        address = free_address()
        variables = {
            "DB_HOST": address,
            "DB_PORT": str(_PORT),
            "DB_NAME": DATABASE,
            "DB_USER": USER,
            "DB_AUTH": auth.value,
            "DB_SSL_ROOT_CERT": str(authority.bundle),
            "PGCHANNELBINDING": "disable",  # the wire ends TLS, and is no man in the middle but for that
            "AWS_REGION": _REGION,
            "CHAOS_STYLE": style.value,
        }
        access_key, secret_key = "CHAOS" + secrets.token_hex(7).upper(), secrets.token_urlsafe(24)
        its_secret = None
        if auth is Auth.IAM:
            variables |= {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
        elif auth is Auth.SECRET:
            its_secret = stack.enter_context(secret(USER, password, region=_REGION))
            variables |= its_secret.variables
        else:
            variables["DB_PASSWORD"] = password
        prefix = f"arn:aws:rds-db:{_REGION}:000000000000:dbuser:prx-chaos/"
        # A token is for the host that the client connects to: the wire.
        audience = TokenAudience(host=address, port=_PORT, region=_REGION, arn_prefix=prefix)
        proxy, another = (
            Proxy(folder, name, _proxy(name, auth, postgres.settings, password), authority, audience)
            for name in ("chaos", "another")
        )
        stack.callback(proxy.stop)
        stack.callback(another.stop)
        statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": prefix + USER}
        principals = {access_key: {"secret": secret_key, "statements": [statement]}}
        proxy.start(principals)
        upstream = (proxy.settings.address, _PORT)
        wire = Wire(folder / "wire", authority, address=address, port=_PORT, upstream=upstream)
        stack.callback(wire.close)
        made = Stand(
            auth=auth,
            postgres=postgres,
            proxy=proxy,
            another=another,
            principals=principals,
            keys=(access_key, secret_key),
            wire=wire,
            secret=its_secret,
            password=password,
            folder=folder,
            variables=variables,
        )
        made.query(f"CREATE ROLE {USER} LOGIN PASSWORD '{password}'")
        made.query(_SCHEMA)
        stack.callback(made.populate, 0)
        made.populate(environments)
        yield made


def _database(hold: Path) -> PostgresSettings:
    return PostgresSettings(
        name="chaos.c0ffee123456.eu-west-1.rds.amazonaws.com",
        address=free_address(),
        port=_PORT,
        database=DATABASE,
        username="master",
        password=secrets.token_urlsafe(24),
        max_connections=_MAX_CONNECTIONS,
        # Of a recovery that it is asked for: how long it lasts, and nobody is let in meanwhile.
        parameters={"restore_command": f"while [ -e {hold} ]; do sleep 0.05; done; false", "hot_standby": "off"},
    )


def _proxy(name: str, auth: Auth, database: PostgresSettings, password: str) -> ProxySettings:
    return ProxySettings(
        name=f"{name}.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com",
        address=free_address(),
        port=_PORT,
        connection_borrow_timeout=BORROW_SECONDS,
        max_connections_percent=_PERCENT,
        target=Target(address=database.address, port=database.port, max_connections=database.max_connections),
        users={USER: password},
        token_users=frozenset({USER} if auth is Auth.IAM else ()),
    )
