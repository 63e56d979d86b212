"""Where `python -m ops psql` goes, as whom, and what it hands to clients. AWS and the client are stand-ins."""

import json
import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.__main__ import app
from ops.psql import clients, command, login
from ops.psql.clients import Way
from ops.psql.login import Login
from ops.stack_outputs import StackError

PASSWORD = "precious"
SECRETS = {
    "arn:app": {"username": "app", "password": PASSWORD},
    "arn:other": {"username": "other", "password": PASSWORD},
    "arn:admin": {"username": "db_admin", "password": PASSWORD},
}
PROXY: dict[str, Any] = {
    "endpoint": "orders.proxy-a.eu-west-1.rds.amazonaws.com",
    "engineFamily": "POSTGRESQL",
    "auths": [{"secretArn": "arn:app", "iamAuth": "REQUIRED"}],
    "vpcSecurityGroupIds": ["sg-proxy"],
    "vpcSubnetIds": ["subnet-1", "subnet-2"],
}
DATABASE: dict[str, Any] = {
    "address": "orders.a.eu-west-1.rds.amazonaws.com",
    "engine": "postgres",
    "port": 5433,
    "username": "db_admin",
    "masterUserSecrets": [{"secretArn": "arn:admin"}],
    "vpcSecurityGroupIds": ["sg-database"],
}
OUTPUTS = {
    "proxyEndpoint": PROXY["endpoint"],
    "proxyPort": 5432,
    "databaseEndpoint": DATABASE["address"],
    "databaseName": "app_db",
    "databaseUser": "app",
}
RULES = [("sg-proxy", "sg-client"), ("sg-database", "sg-proxy"), ("sg-database", "sg-admin")]


def state(proxy: dict[str, Any] | None = None, database: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    of = [("aws:rds/proxy:Proxy", {**PROXY, **(proxy or {})})]
    of += [("aws:rds/instance:Instance", {**DATABASE, **(database or {})})]
    kind = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    of += [(kind, {"securityGroupId": group, "referencedSecurityGroupId": other}) for group, other in RULES]
    return [{"type": kind, "outputs": outputs} for kind, outputs in of]


class Service:
    """Of boto3's clients what is asked."""

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        return {"SecretString": json.dumps(SECRETS[SecretId])}

    def generate_db_auth_token(self, host: str, port: int, user: str) -> str:
        return f"token of {host}:{port} for {user}"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login, "boto3", SimpleNamespace(client=lambda _: Service()))
    monkeypatch.setattr(command, "known_outputs", lambda *_: OUTPUTS)
    monkeypatch.setattr(command, "stack_resources", lambda _: state())
    monkeypatch.setattr(command, "place_here", lambda: None)


def logged_in(*, outputs: dict[str, Any] | None = None, of: list[dict[str, Any]] | None = None, **asked: Any) -> Login:
    given = {"reader": False, "direct": False, "user": None, **asked}
    return login.login({**OUTPUTS, **(outputs or {})}, of or state(), **given)


def test_the_proxy_gets_a_fresh_token_of_the_stacks_user() -> None:
    found = logged_in()
    assert (found.host, found.port, found.user, found.database) == (PROXY["endpoint"], 5432, "app", "app_db")
    assert found.password() == f"token of {PROXY['endpoint']}:5432 for app"
    assert found.authority.name == "amazon-trust-services.pem" and found.authority.is_file()


def test_the_reader_endpoint_has_tokens_of_its_own() -> None:
    found = logged_in(reader=True, outputs={"readerEndpoint": "ro.endpoint.proxy-a"})
    assert found.password() == "token of ro.endpoint.proxy-a:5432 for app"


def test_the_database_lets_the_administrator_in_with_the_secrets_password() -> None:
    found = logged_in(direct=True)
    assert (found.host, found.port, found.user) == (DATABASE["address"], 5433, "db_admin")
    assert found.password() == PASSWORD
    assert found.authority.name == "rds.pem" and found.authority.is_file()


@pytest.mark.parametrize(("user", "password"), [("other", PASSWORD), ("app", None)])
def test_users_of_one_proxy_log_in_each_in_their_own_way(user: str, password: str | None) -> None:
    auths = [*PROXY["auths"], {"secretArn": "arn:other", "iamAuth": "DISABLED"}]
    found = logged_in(user=user, of=state({"auths": auths}))
    assert found.password() == (password or f"token of {PROXY['endpoint']}:5432 for {user}")


def test_a_proxy_for_iam_alone_has_no_secret_to_look_for() -> None:
    found = logged_in(user="anyone", of=state({"auths": [], "defaultAuthScheme": "IAM_AUTH"}))
    assert found.secret_arn is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"reader": True}, 'no output "readerEndpoint"; set readerEndpoint'),
        ({"outputs": {"proxyEndpoint": None}}, 'no output "proxyEndpoint"; run `pulumi up`'),
        ({"user": "nobody", "of": state({"auths": [{"secretArn": "arn:app"}]})}, 'of a user "nobody"'),
        ({"direct": True, "of": state(database={"masterUserSecrets": []})}, "name a user with --user"),
    ],
)
def test_what_the_stack_does_not_know_is_told(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(StackError, match=words):
        logged_in(**asked)


def run(*options: str) -> Any:
    return CliRunner().invoke(app, ["psql", *options])


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], dict[str, str]]]:
    """A `psql` and a `mysql` on PATH; what they are started with instead of starting them; a host that answers."""
    started: list[tuple[list[str], dict[str, str]]] = []
    for name in ("psql", "mysql"):
        (tmp_path / name).write_text("#!/bin/sh\necho mysql Ver 8.4\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "execvpe", lambda _, words, given: started.append((words, given)))
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: SimpleNamespace(close=lambda: None))
    return started


def test_the_password_is_in_the_environment_and_in_no_command_line(
    client: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGHOST", "PGSERVICE", "PGPASSFILE", "PGSSLMODE", "MYSQL_PWD"):
        monkeypatch.setenv(name, "of another login")
    done = run("--direct", "--", "-c", "select 1")
    assert done.exit_code == 0, done.output
    ((words, given),) = client
    assert words == ["psql", "-c", "select 1"]
    own = {name: value for name, value in given.items() if name.startswith("PG") or name == "MYSQL_PWD"}
    assert own == {
        "PGHOST": DATABASE["address"], "PGPORT": "5433", "PGDATABASE": "app_db", "PGUSER": "db_admin",
        "PGPASSWORD": PASSWORD, "PGSSLMODE": "verify-full", "PGSSLROOTCERT": given["PGSSLROOTCERT"],
    }  # fmt: skip


def test_a_tunnel_changes_the_address_and_neither_name_nor_token(
    client: list[tuple[list[str], dict[str, str]]],
) -> None:
    assert run("--at", "127.0.0.1:15432").exit_code == 0
    ((_, given),) = client
    assert (given["PGHOST"], given["PGHOSTADDR"], given["PGPORT"]) == (PROXY["endpoint"], "127.0.0.1", "15432")
    assert given["PGPASSWORD"] == f"token of {PROXY['endpoint']}:5432 for app"


def mysql(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "known_outputs", lambda *_: {**OUTPUTS, "proxyPort": 3306})
    monkeypatch.setattr(command, "stack_resources", lambda _: state({"engineFamily": "MYSQL"}))


def test_a_stack_with_mysql_starts_mysql(
    client: list[tuple[list[str], dict[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    mysql(monkeypatch)
    assert run("--", "-e", "select 1").exit_code == 0
    ((words, given),) = client
    assert words[0] == "mysql" and words[-3:] == ["app_db", "-e", "select 1"]
    assert {"--ssl-mode=VERIFY_IDENTITY", "--enable-cleartext-plugin", "--user=app", "--port=3306"} <= set(words)
    assert given["MYSQL_PWD"] == f"token of {PROXY['endpoint']}:3306 for app" not in words
    done = run("--at", "127.0.0.1:13306")
    assert done.exit_code == 2 and "/etc/hosts" in done.output


def test_mariadbs_client_has_options_of_its_own() -> None:
    found = logged_in(of=state({"engineFamily": "MYSQL"}))
    words = clients.command(found, Way(address=None, port=3306, authority="ca.pem"), mariadb=True)
    assert "--ssl-verify-server-cert" in words and not any("cleartext" in each or "mode" in each for each in words)


@pytest.mark.parametrize("engine", ["psql", "mysql"])
@pytest.mark.usefixtures("client")
def test_a_missing_client_is_named_with_the_package(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / engine).unlink()
    if engine == "mysql":
        mysql(monkeypatch)
    done = run()
    assert done.exit_code == 2
    assert f"{engine} is not installed; run: sudo apt-get install" in " ".join(done.output.split())


def test_what_cannot_be_reached_is_told_with_the_ways_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, **__: Any) -> None:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", unreachable)
    done = run()
    assert done.exit_code == 2
    assert "by a machine in sg-client:" in done.stderr and "subnet-1, subnet-2" in done.stderr
    (parameters,) = [line for line in done.stderr.splitlines() if "--parameters" in line]
    assert json.loads(shlex.split(parameters)[1]) == {
        "host": [PROXY["endpoint"]], "portNumber": ["5432"], "localPortNumber": ["15432"],
    }  # fmt: skip
    assert f"ssh -N -L 15432:{PROXY['endpoint']}:5432" in done.stderr
    assert "--at 127.0.0.1:15432" in done.stderr
    assert "in sg-proxy or sg-admin:" in run("--direct").stderr


@pytest.mark.parametrize("options", [(), ("--direct",)])
def test_what_is_printed_for_other_clients_has_no_password(options: tuple[str, ...]) -> None:
    done = run(*options, "--print")
    assert done.exit_code == 0, done.output
    url, jdbc, *shell = done.stdout.splitlines()
    host = DATABASE["address"] if options else PROXY["endpoint"]
    assert url.startswith("# postgresql://") and f"@{host}:" in url and "sslmode=verify-full" in url
    assert jdbc.startswith(f"# jdbc:postgresql://{host}:") and "sslmode=verify-full" in jdbc
    assert PASSWORD not in done.stdout and "token of" not in done.stdout
    assert shell[-1].startswith(f'export PGPASSWORD="$({sys.executable} -c ')


@pytest.mark.parametrize("engine", ["postgresql", "mysql"])
def test_a_shell_takes_all_that_is_printed_and_nothing_else_happens(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    python = tmp_path / "a python"
    python.write_text("#!/bin/sh\necho of-the-shell\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    if engine == "mysql":
        mysql(monkeypatch)
    shown = run("--at", f"{PROXY['endpoint']}:13306" if engine == "mysql" else "127.0.0.1:15432", "--print").stdout
    variable = "MYSQL_PWD" if engine == "mysql" else "PGPASSWORD"
    done = subprocess.run(
        ["/bin/bash", "-ec", f'eval "$PRINTED"; echo "${variable}"'],
        env={"PRINTED": shown, "PATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("of-the-shell\n", "")
    assert "# JDBC takes no hostaddr: first have" in shown


@pytest.mark.parametrize(
    ("words", "of_client"),
    [
        (("-c", "select 1"), ["-c", "select 1"]),
        (("-Atc", "select 1", "--direct"), ["-Atc", "select 1"]),
        (("--csv", "--command=select 1"), ["--csv", "--command=select 1"]),
        (("--", "--user", "x"), ["--user", "x"]),
    ],
)
def test_what_is_no_option_of_ours_is_the_clients(
    words: tuple[str, ...], of_client: list[str], client: list[tuple[list[str], dict[str, str]]]
) -> None:
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert client[0][0] == ["psql", *of_client]


@pytest.mark.parametrize(
    ("slip", "meant"),
    [("--readr", "reader"), ("--usr=x", "user"), ("--stak", "stack"), ("--prnt", "print"), ("--dirct", "direct")],
)
def test_a_slip_in_an_option_of_ours_is_not_handed_on(slip: str, meant: str) -> None:
    done = run(slip)
    assert done.exit_code == 2
    assert done.stderr == f"error: there is no option {slip.partition('=')[0]}; did you mean --{meant}?\n"


USERS = [
    {"type": "lambda-rds-proxy:index:DatabaseUser", "outputs": {"reference": {"user": name, "auth": "iam"}}}
    for name in ("app", "reporting")
]
TWO = {"auths": [*PROXY["auths"], {"secretArn": "arn:other", "iamAuth": "REQUIRED"}]}


def test_a_user_that_the_stack_has_not_made_is_told_with_the_nearest() -> None:
    with pytest.raises(StackError, match=r'no database user "reportin"; did you mean "reporting"\?'):
        logged_in(user="reportin", of=[*state(TWO), *USERS])
    with pytest.raises(StackError, match="it has app, reporting"):
        logged_in(user="x", of=[*state(TWO), *USERS])
    assert logged_in(user="reporting", of=[*state(TWO), *USERS]).user == "reporting"


@pytest.mark.parametrize(
    ("proxy", "users"),
    [
        ({"auths": [], "defaultAuthScheme": "IAM_AUTH"}, USERS),  # whoever may log in to the database
        (TWO, USERS[:1]),  # a secret of a user that is not the stack's
        (TWO, [{**each, "outputs": {}} for each in USERS]),
    ],
)
def test_where_the_stack_does_not_know_all_users_any_is_tried(proxy: dict[str, Any], users: list[Any]) -> None:
    assert logged_in(user="reportin", of=[*state(proxy), *users]).user == "reportin"


@pytest.mark.parametrize(
    ("options", "words"),
    [(("--reader", "--direct"), "give one of them"), (("--at", "here"), "must be an address and a port")],
)
def test_options_that_say_nothing_sensible_are_refused(options: tuple[str, ...], words: str) -> None:
    done = run(*options)
    assert done.exit_code == 2 and words in " ".join(done.output.split())
