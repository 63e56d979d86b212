"""Root's servers run as the account `postgres`: what that one puts in its folders leads root nowhere.

Run by anybody else, servers and supervisor are one account, which has nothing to gain from itself.
"""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from local.supervisor.certificates import Authority
from local.supervisor.client import SupervisorClient
from local.supervisor.postgres import Postgres, PostgresSettings
from local.supervisor.private_file import write_private
from local.supervisor.processes import give_to_servers, keep_from_servers, run, server_account
from tests.handler.clear_password import listening_postgresql
from tests.local.supervisor.conftest import INSTANCE, checkout, client_of, invoke, log_in, put_orders
from toolchain.checkout import laptop_state

pytestmark = pytest.mark.servers
SECRET = "of-root-alone"
AS_SERVER: dict[str, Any] = {"folder": Path("/"), "as_server": True, "seconds": 60}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with checkout(tmp_path_factory.mktemp("accounts")) as folder:
        yield folder


@pytest.fixture(scope="module")
def proxy(root: Path) -> dict[str, Any]:
    return put_orders(root, iam="DISABLED")


@pytest.fixture
def folders(root: Path, proxy: dict[str, Any]) -> list[Path]:
    return [laptop_state(root) / kind / "orders" for kind in ("instances", "proxies")]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of ours that nobody else may read, in a folder that nobody else may enter."""
    folder = tmp_path / "ours"
    folder.mkdir(mode=0o700)
    write_private(folder / "file", SECRET)
    return folder / "file"


def facts(victim: Path) -> list[tuple[int, int, int, str | None]]:
    found = []
    for path in (victim, victim.parent):
        status = path.stat()
        found.append((status.st_uid, status.st_gid, status.st_mode, path.read_text() if path.is_file() else None))
    return found


def plant(link: Path, target: Path) -> bool:
    """Put a link in the place of whatever is there, as the servers' account: whether it could."""
    if server_account() is None:
        return False
    script = 'rm -rf "$1" && ln -s "$2" "$1"'
    status, _ = run(["sh", "-c", script, "sh", str(link), str(target)], folder=Path("/"), as_server=True, seconds=60)
    return status == 0


def test_where_we_write_the_servers_put_nothing(folders: list[Path], victim: Path) -> None:
    for folder in folders:
        assert folder.stat().st_uid == os.geteuid()
        names = [each.name for each in folder.iterdir() if each.is_file()]
        assert len(names) >= 4
        for name in [*names, *(f"{each}.new" for each in names), "another"]:
            assert not plant(folder / name, victim), name


def test_links_that_were_put_while_the_folders_were_the_servers_lead_nowhere(
    root: Path, proxy: dict[str, Any], folders: list[Path], victim: Path
) -> None:
    before = facts(victim)
    instance, pooler = folders
    SupervisorClient.ensure(root)._end()
    give_to_servers(*folders)  # as releases up to 0.3 did
    ours = server_account() is None
    for name in ("postgresql.log", "server.pem", "server.key", "ca.pem", "postgresql.conf.new", "pg_hba.conf"):
        assert plant(instance / name, victim) or ours
    for name in ("pg_hba.conf", "pg_ident.conf", "postgresql.conf", "postmaster.pid"):
        assert plant(instance / "data" / name, victim) or ours
    for name in ("pgbouncer.log", "admin.password", "server.pem", "ca.pem", "pgbouncer.ini", "userlist.txt.new"):
        assert plant(pooler / name, victim) or ours
    assert plant(pooler / "private", victim.parent) or ours

    assert SupervisorClient.ensure(root).problems() == []
    with log_in(root, proxy, user="app", password="of-the-secret", prepare_threshold=None) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert facts(victim) == before
    for folder in folders:
        read = [each for each in folder.rglob("*") if each.is_file() and not each.is_symlink()]
        assert not [each for each in read if SECRET.encode() in each.read_bytes()]


def test_of_what_is_ours_another_account_reads_nothing_and_locks_nothing(
    root: Path, proxy: dict[str, Any], deploy: Callable[..., str]
) -> None:
    source = "def handler(event, context):\n    print('of-the-log')\n"
    invoke(client_of(root, "lambda"), deploy(source))
    state = laptop_state(root)
    ours = [each for each in state.rglob("*") if each.is_file() and each.stat().st_uid == os.geteuid()]
    assert {"function.log", "postgresql.log", "pgbouncer.log", "supervisor.log", "start.lock", "supervisor.lock"} <= {
        each.name for each in ours
    }
    servers = server_account()
    assert not [each for each in ours if each.stat().st_mode & 0o077 and servers is not None]
    _, text = run(["find", str(state), "-type", "f", "-readable", "-user", str(os.geteuid())], **AS_SERVER)
    readable = [each for each in text.splitlines() if each.startswith("/")]
    assert (readable == []) == (servers is not None)


def test_a_log_of_every_statement_holds_no_password_of_the_master(root: Path, proxy: dict[str, Any]) -> None:
    supervisor = SupervisorClient.ensure(root)
    supervisor.put("parameter-group", "chatty", {"parameters": {"log_statement": "all"}})
    managed = {key: value for key, value in INSTANCE.items() if key != "password"}
    spec = {**managed, "manageMasterUserPassword": True, "parameterGroupName": "chatty"}
    facts = supervisor.put("instance", "chatty", spec)
    supervisor.put("instance", "chatty", {**spec, "instanceClass": "db.t4g.small"})  # set once more, under the eyes
    value = client_of(root, "secretsmanager").get_secret_value(SecretId=facts["masterSecretArn"])["SecretString"]
    password = json.loads(value)["password"]
    with log_in(root, facts, password=password, application_name="chatty") as connection:
        connection.execute("SELECT 'the log is written'")
    log = (laptop_state(root) / "instances" / "chatty" / "postgresql.log").read_text()
    assert ("the log is written" in log, "ALTER ROLE" in log, password in log) == (True, True, False)
    supervisor.delete("instance", "chatty")


def test_another_account_is_no_environment_of_a_function(root: Path, deploy: Callable[..., str]) -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ['AWS_LAMBDA_RUNTIME_API']\n"
    address, _ = invoke(client_of(root, "lambda"), deploy(source))
    host, _, port = address.partition(":")
    ask = f"printf 'GET / HTTP/1.1\\r\\nHost: {address}\\r\\n\\r\\n' >&3; head -c 12 <&3"
    command = ["bash", "-c", f"exec 3<>/dev/tcp/{host}/{port}; {ask}"]
    ours, servers = (run(command, folder=Path("/"), as_server=each, seconds=60)[1] for each in (False, True))
    assert ours == "HTTP/1.1 404"
    assert ("HTTP" in servers) == (server_account() is None)


def test_a_server_becomes_nobody_else() -> None:
    account, groups = server_account(), os.getgroups()
    try:
        if account is not None:
            os.setgroups([*groups, 4])  # root may be in some, such as that of the logs
        _, text = run(["cat", "/proc/self/status"], **AS_SERVER)
    finally:
        if account is not None:
            os.setgroups(groups)
    status = {name: value.split() for name, _, value in (line.partition(":") for line in text.splitlines())}
    if account is not None:
        assert (set(status["Uid"]), set(status["Gid"])) == ({str(account.pw_uid)}, {str(account.pw_gid)})
        assert (status["Groups"], status["NoNewPrivs"], int(status["CapPrm"][0], 16)) == ([], ["1"], 0)


@pytest.mark.parametrize("name", ["links", "pipes"])
def test_a_folder_that_is_taken_back_holds_plain_files_and_folders_alone(
    tmp_path: Path, victim: Path, name: str
) -> None:
    folder = tmp_path / "taken"
    keep_from_servers(folder)
    (folder / "kept").write_text("ours")
    (folder / "within").mkdir()
    if name == "links":
        (folder / "link").symlink_to(victim)
        (folder / "hard").hardlink_to(victim)
    else:
        os.mkfifo(folder / "pipe")
    before = facts(victim)
    keep_from_servers(folder)
    if server_account() is not None:
        assert sorted(each.name for each in folder.iterdir()) == ["kept", "within"]
        assert facts(victim) == before


def test_a_private_file_goes_by_no_link(tmp_path: Path, victim: Path) -> None:
    file = tmp_path / "made"
    file.symlink_to(victim)
    file.with_name("made.new").symlink_to(victim)
    write_private(file, "new", of_servers=True)
    assert (file.is_symlink(), file.read_text(), file.stat().st_mode & 0o777) == (False, "new", 0o600)
    assert victim.read_text() == SECRET


@pytest.mark.parametrize("who", ["superuser", "user"])
def test_whoever_stands_in_the_place_of_a_server_is_shown_no_password(tmp_path: Path, who: str) -> None:
    with listening_postgresql(tmp_path, tls=True) as found:
        authority = Authority(tmp_path)
        at: dict[str, Any] = {"name": "orders", "address": found.address, "port": 5432}
        write_private(tmp_path / "rdsadmin.password", SECRET)
        login: dict[str, Any] = {"database": "app_db", "username": "db_admin", "password": SECRET, "max_connections": 9}
        server = Postgres(tmp_path, PostgresSettings(**at, **login), authority)
        asks: dict[str, Callable[[], object]] = {
            "superuser": server.superuser,
            "user": lambda: server.log_in("app", SECRET, database="app_db", seconds=10),
        }
        with pytest.raises(psycopg.OperationalError, match="authentication method requirement"):
            asks[who]()
        assert found.shown == []
