"""What one column of the matrix runs on: servers and environments of its own, nobody else's."""

import contextlib
import functools
import itertools
import json
import logging
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import psycopg
from moto.server import ThreadedMotoServer
from psycopg import sql

from local.iam.tokens import TokenAudience
from local.supervisor.certificates import Authority
from local.supervisor.errors import LaptopError
from local.supervisor.postgres import Postgres, PostgresSettings
from local.supervisor.proxy import Proxy
from local.supervisor.proxy_settings import ProxySettings, Target
from tests.chaos.environment import Environment
from tests.chaos.matrix import Auth
from tests.chaos.wire import Wire

USER = "app"
DATABASE = "app_db"
BORROW_SECONDS = 1
_PORT = 5432
_MOTO_PORT = 4566
_REGION = "eu-west-1"
_END_SECONDS = 5.0
_MAX_CONNECTIONS = 40
_PERCENT = 25
_numbers = itertools.count(10)
_claims: list[socket.socket] = []
# Rows by number, in a table without a key: a row that is written twice has to show. `seconds_to_commit` makes COMMIT
# last, as a synchronous standby does.
_SCHEMA = """
CREATE TABLE numbered (number bigint, seconds_to_commit float);
ALTER TABLE numbered OWNER TO app;
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(NEW.seconds_to_commit); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON numbered DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.seconds_to_commit > 0) EXECUTE FUNCTION linger();
"""


@dataclass(kw_only=True)
class Stand:
    """A database, its proxy with a wire in front of it, and the environments that use them with one kind of login.

    Attributes:
        variables: of the functions that use it.
        keys: access key and secret key of who signs the tokens.
    """

    auth: Auth
    postgres: Postgres
    proxy: Proxy
    variables: dict[str, str] = field(repr=False)
    keys: tuple[str, str] = field(repr=False)
    wire: Wire
    secret: "Secret | None"
    password: str = field(repr=False)
    environments: list[Environment] = field(default_factory=list)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error may contain."""
        return (self.password, "X-Amz-Signature")

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


@dataclass(frozen=True)
class Secret:
    """A secret in a Secrets Manager of our own."""

    manager: Any
    arn: str

    def put(self, password: str) -> None:
        """Its next version."""
        self.manager.put_secret_value(SecretId=self.arn, SecretString=_login(password))


@contextmanager
def stand(auth: Auth, environments: int) -> Iterator[Stand]:
    """A stand with so many environments, for the length of a block.

    Raises:
        LaptopError: a server is not installed, or does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"lambda-rds-proxy-chaos-{auth}-"))
    folder.chmod(0o755)  # the servers run as another account when we are root
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        authority = Authority(folder / "authority")
        password = secrets.token_urlsafe(24)
        postgres = Postgres(folder / "postgres", _database(), authority)
        stack.callback(postgres.stop)
        postgres.start()
        address = _address()
        variables = {
            "DB_HOST": address,
            "DB_PORT": str(_PORT),
            "DB_NAME": DATABASE,
            "DB_USER": USER,
            "DB_AUTH": auth.value,
            "DB_SSL_ROOT_CERT": str(authority.bundle),
            "AWS_REGION": _REGION,
        }
        access_key, secret_key = "CHAOS" + secrets.token_hex(7).upper(), secrets.token_urlsafe(24)
        secret = None
        if auth is Auth.IAM:
            variables |= {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key}
        elif auth is Auth.SECRET:
            secret = _secret(stack, password, variables)
        else:
            variables["DB_PASSWORD"] = password
        prefix = f"arn:aws:rds-db:{_REGION}:000000000000:dbuser:prx-chaos/"
        # A token is for the host that the client connects to: the wire.
        audience = TokenAudience(host=address, port=_PORT, region=_REGION, arn_prefix=prefix)
        proxy = Proxy(folder, "chaos", _proxy(auth, postgres.settings, password), authority, audience)
        stack.callback(proxy.stop)
        statement = {"Effect": "Allow", "Action": "rds-db:connect", "Resource": prefix + USER}
        proxy.start({access_key: {"secret": secret_key, "statements": [statement]}})
        upstream = (proxy.settings.address, _PORT)
        wire = Wire(folder / "wire", authority, address=address, port=_PORT, upstream=upstream)
        stack.callback(wire.close)
        made = Stand(
            auth=auth,
            postgres=postgres,
            proxy=proxy,
            variables=variables,
            keys=(access_key, secret_key),
            wire=wire,
            secret=secret,
            password=password,
        )
        made.query(f"CREATE ROLE {USER} LOGIN PASSWORD '{password}'")
        made.query(_SCHEMA)
        for _ in range(environments):
            environment = Environment(variables, folder)
            stack.callback(environment.end)
            made.environments.append(environment)
        yield made


def _address() -> str:
    """An address of our own: below those that checkouts take, and another one at each call."""
    return f"{_subnet()}.{next(_numbers)}"


@functools.cache
def _subnet() -> str:
    """The first three numbers of addresses that no other run on this machine has: a socket claims them while we live.

    Raises:
        LaptopError: so many runs are under way that none was found.
    """
    for _ in range(100):
        found = f"127.{32 + secrets.randbelow(32)}.{secrets.randbelow(256)}"
        with contextlib.suppress(OSError):
            _claims.append(socket.create_server((f"{found}.1", _PORT)))
            return found
    raise LaptopError("no loopback addresses are free: too many runs of `make chaos` are under way")


def _database() -> PostgresSettings:
    return PostgresSettings(
        name="chaos.c0ffee123456.eu-west-1.rds.amazonaws.com",
        address=_address(),
        port=_PORT,
        database=DATABASE,
        username="master",
        password=secrets.token_urlsafe(24),
        max_connections=_MAX_CONNECTIONS,
    )


def _proxy(auth: Auth, database: PostgresSettings, password: str) -> ProxySettings:
    return ProxySettings(
        name="chaos.proxy-c0ffee123456.eu-west-1.rds.amazonaws.com",
        address=_address(),
        port=_PORT,
        connection_borrow_timeout=BORROW_SECONDS,
        max_connections_percent=_PERCENT,
        target=Target(address=database.address, port=database.port, max_connections=database.max_connections),
        users={USER: password},
        token_users=frozenset({USER} if auth is Auth.IAM else ()),
    )


def _secret(stack: ExitStack, password: str, variables: dict[str, str]) -> Secret:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request otherwise
    server = ThreadedMotoServer(ip_address=_address(), port=_MOTO_PORT, verbose=False)
    server.start()
    stack.callback(server.stop)
    host, port = server.get_host_and_port()
    access = {"AWS_ACCESS_KEY_ID": "chaos", "AWS_SECRET_ACCESS_KEY": "chaos"}
    variables |= {**access, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    manager = boto3.client(
        "secretsmanager",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=_REGION,
        **{name.lower(): value for name, value in access.items()},
    )
    secret = Secret(manager, manager.create_secret(Name="chaos", SecretString=_login(password))["ARN"])
    variables["DB_SECRET_ARN"] = secret.arn
    return secret


def _login(password: str) -> str:
    return json.dumps({"username": USER, "password": password})
