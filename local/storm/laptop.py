"""The running laptop stack, as the storm needs it."""

import json
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore.session
import psycopg

from toolchain.checkout import LAPTOP_REGION, checkout_root, laptop_state
from toolchain.laptop_key import shell_secret

from ..gate.seen import Seen
from ..supervisor.client import SupervisorClient
from ..supervisor.credentials import Credentials
from ..supervisor.errors import LaptopError
from ..supervisor.postgres import Postgres
from ..supervisor.proxy import seen


@dataclass(frozen=True, kw_only=True)
class Route:
    """A route to the database: its host name, what stands there, and how the load logs in (a `DB_AUTH`)."""

    host: str
    path: str
    auth: str


@dataclass(frozen=True)
class LaptopStack:
    """The parts of the running stack; `state` is the folder of the laptop cloud."""

    client: SupervisorClient
    state: Path
    instance: dict[str, Any]
    proxy: dict[str, Any]
    function: dict[str, Any]
    user: str
    password: str = field(repr=False)

    @classmethod
    def find(cls, function: str | None = None) -> "LaptopStack":
        """The stack of this checkout.

        Args:
            function: whose handler is the load; the first one of an application when None.

        Raises:
            LaptopError: it is not up, or has no such function.
        """
        client = SupervisorClient.running()
        if client is None:
            raise LaptopError("the local stack is not up; run `make up`")
        found: dict[str, list[dict[str, Any]]] = {"function": [], "proxy": [], "instance": []}
        for each in client.resources():
            found.setdefault(each["kind"], []).append(
                {**each["facts"], "identifier": each["identifier"], **each["spec"]}
            )
        # The admin function is no application's: it has no database environment.
        functions = {
            each["identifier"]: each for each in found["function"] if not each["identifier"].endswith("-admin")
        }
        if not functions or not found["proxy"] or not found["instance"]:
            raise LaptopError("the local stack has no function behind a proxy; run `make up`")
        chosen = next((name for name in functions if function in (None, name)), None)
        if chosen is None:
            raise LaptopError(f'the local stack has no function "{function}"; it has {", ".join(functions)}')
        proxy = found["proxy"][0]
        secret = json.loads(client.secret(proxy["auths"][0]["secretArn"]))
        return cls(
            client=client,
            state=laptop_state(checkout_root()),
            instance=found["instance"][0],
            proxy=proxy,
            function=functions[chosen],
            user=secret["username"],
            password=secret["password"],
        )

    @property
    def database(self) -> str:
        """The application's database."""
        return str(self.instance["dbName"])

    @property
    def max_connections(self) -> int:
        """Of the database."""
        return int(self.instance["maxConnections"])

    @property
    def ceiling(self) -> int:
        """Connections that the proxy opens to the database at most."""
        text = (self.state / "proxies" / self.proxy["identifier"] / "pgbouncer.ini").read_text()
        return int(next(line.split(" = ")[1] for line in text.splitlines() if line.startswith("max_db_connections = ")))

    def gate(self) -> Seen:
        """What the proxy's gate has seen.

        Raises:
            LaptopError, OSError: it does not answer.
        """
        return seen(self.state, self.proxy["identifier"])

    @property
    def certificates(self) -> Path:
        """What verifies every server of the stack."""
        return self.state / "authority" / "ca.pem"

    @property
    def versions(self) -> dict[str, str]:
        """Of what takes part."""
        number = re.compile(r"\d+(?:\.\d+)+")
        binary = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        command = [binary or "true", "--version"]
        pooler = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603 - a list
        found = {"PostgreSQL": number.search(self.postgres.version), "PgBouncer": number.search(pooler)}
        return {name: version[0] for name, version in found.items() if version} | {"Python": platform.python_version()}

    @property
    def routes(self) -> dict[str, Route]:
        """The two routes that a storm takes."""
        # The application's user has no `rds_iam` at the database: who goes round the proxy needs the password.
        direct = Route(host=self.instance["address"], path="PostgreSQL", auth="password")
        # With `secret`, a thousand reads of one secret at the same moment would storm Secrets Manager instead.
        iam = self.proxy["auths"][0].get("iamAuth") == "REQUIRED"
        proxy = Route(host=self.proxy["endpoint"], path="gate → PgBouncer", auth="iam" if iam else "password")
        return {"direct": direct, "proxy": proxy}

    @property
    def keys(self) -> dict[str, str]:
        """The AWS access keys of the function: what its IAM tokens are signed with."""
        credentials, name = Credentials(shell_secret(checkout_root())), self.function["identifier"]
        return {
            "AWS_ACCESS_KEY_ID": credentials.access_key(name),
            "AWS_SECRET_ACCESS_KEY": credentials.secret_key(name),
            "AWS_REGION": LAPTOP_REGION,
        }

    @property
    def names(self) -> dict[str, str]:
        """Variables under which a process of this machine resolves the stack's host names."""
        wrapper = next(iter(sorted(Path("/usr/lib").glob("*/libnss_wrapper.so"))), None)
        return {
            "PATH": os.environ.get("PATH", ""),
            "LD_PRELOAD": str(wrapper or ""),
            "NSS_WRAPPER_HOSTS": str(self.state / "hosts"),
        }

    def environment(self, route: Route) -> dict[str, str]:
        """The environment of an execution environment that connects through `route`."""
        return {
            **self.names,
            **self.keys,
            "DB_HOST": route.host,
            "DB_PORT": "5432",
            "DB_NAME": self.database,
            "DB_USER": self.user,
            "DB_ENGINE": "postgresql",
            "DB_AUTH": route.auth,
            "DB_PASSWORD": self.password if route.auth == "password" else "",
            "DB_SSL_ROOT_CERT": str(self.certificates),
        }

    def login(self, route: Route) -> str:
        """What a client without the handler gives as its password: the password, or a token for 15 minutes."""
        if route.auth == "password":
            return self.password
        session = botocore.session.Session()
        session.set_credentials(self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"])
        signer = session.create_client("rds", region_name=self.keys["AWS_REGION"])
        token: str = signer.generate_db_auth_token(DBHostname=route.host, Port=5432, DBUsername=self.user)
        return token

    @property
    def postgres(self) -> Postgres:
        """The database's server."""
        return Postgres.running(self.state, self.instance["identifier"], self.instance)

    def lets_in(self) -> bool:
        """Whether the database takes a new connection of the application's user."""
        try:
            self.postgres.log_in(self.user, self.password, database=self.database, seconds=2).close()
        except psycopg.OperationalError:
            return False
        return True
