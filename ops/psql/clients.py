"""What `psql`, `mysql` and other clients are told of a login; a password stands in an environment alone. Pure."""

import json
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from .login import Login


@dataclass(frozen=True, kw_only=True)
class Way:
    """How a login's host is reached: the name's address and port from here, and the authority of its certificate."""

    address: str | None
    port: int
    authority: str


def command(login: Login, way: Way, *, mariadb: bool = False) -> list[str]:
    """The program with its options: none of psql's, which reads its environment."""
    if not login.mysql:
        return ["psql"]
    verified = ["--ssl-verify-server-cert"] if mariadb else ["--ssl-mode=VERIFY_IDENTITY"]
    # A token is no password that a server could compare by a hash.
    token = ["--enable-cleartext-plugin"] if login.secret_arn is None and not mariadb else []
    to = [f"--host={login.host}", f"--port={way.port}", f"--user={login.user}", f"--ssl-ca={way.authority}"]
    return ["mysql", *to, *verified, *token, login.database]


def environment(login: Login, way: Way) -> dict[str, str]:
    """The client's variables without the password."""
    if login.mysql:
        return {}
    given = {
        "PGHOST": login.host,
        "PGHOSTADDR": way.address or "",
        "PGPORT": str(way.port),
        "PGDATABASE": login.database,
        "PGUSER": login.user,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": way.authority,
    }
    return {name: value for name, value in given.items() if value}


def child_environment(login: Login, way: Way, inherited: Mapping[str, str]) -> dict[str, str]:
    """That of the client's process, to which the password is added: no variable of another login is in it."""
    kept = {name: value for name, value in inherited.items() if not name.startswith("PG") and name != "MYSQL_PWD"}
    return {**kept, **environment(login, way)}


def password_variable(login: Login) -> str:
    """Where the client takes its password from."""
    return "MYSQL_PWD" if login.mysql else "PGPASSWORD"


def lines(login: Login, way: Way) -> list[str]:
    """What a shell takes, with a URL and one for JDBC as its comments; who runs it gets the password anew, unseen."""
    scheme = "mysql" if login.mysql else "postgresql"
    place = f"{login.host}:{way.port}/{quote(login.database)}"
    if login.mysql:
        asked = {"ssl-mode": "VERIFY_IDENTITY", "ssl-ca": way.authority}
        jdbc = {"user": login.user, "sslMode": "VERIFY_IDENTITY"}
    else:
        asked = {"sslmode": "verify-full", "sslrootcert": way.authority}
        jdbc = {"user": login.user, **asked}
        asked |= {"hostaddr": way.address} if way.address else {}
    told = [
        f"# {scheme}://{quote(login.user, safe='')}@{place}?{urlencode(asked, safe='/')}",
        f"# jdbc:{scheme}://{place}?{urlencode(jdbc, safe='/')}",
    ]
    if way.address:
        told.append(f"# JDBC takes no hostaddr: first have {login.host} mean {way.address}, as in /etc/hosts")
    told += [f"export {name}={shlex.quote(value)}" for name, value in environment(login, way).items()]
    python = shlex.quote(sys.executable)  # which has boto3, whatever `python` is in that shell
    told.append(f'export {password_variable(login)}="$({python} -c {shlex.quote(_asks(login))})"')
    return told + ([] if not login.mysql else [f"# {shlex.join(command(login, way))}"])


def _asks(login: Login) -> str:
    """A program that prints the password."""
    if login.secret_arn is None:
        given = ", ".join(json.dumps(each) for each in (login.host, login.port, login.user))
        return f'import boto3; print(boto3.client("rds").generate_db_auth_token({given}))'
    value = f'boto3.client("secretsmanager").get_secret_value(SecretId="{login.secret_arn}")["SecretString"]'
    return f'import boto3, json; print(json.loads({value})["password"])'
