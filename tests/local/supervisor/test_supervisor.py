"""One supervisor per checkout: found again, brought back, and gone without a trace."""

import json
import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from local.supervisor.errors import LaptopError
from local.supervisor.postgres import PostgresSettings
from local.supervisor.processes import Server, lives
from tests.local.supervisor.conftest import INSTANCE, checkout, client_of, log_in, until
from tests.processes import is_running, kill, tree, wait_for_the_end
from tests.waiting import LIMIT_SECONDS
from toolchain.checkout import laptop_state, subnet

pytestmark = pytest.mark.servers


def test_it_is_found_again_and_started_once(root: Path, supervisor: SupervisorClient) -> None:
    assert SupervisorClient.ensure(root).pid == supervisor.pid
    found = SupervisorClient.running(root)
    assert found is not None and found.pid == supervisor.pid


def test_nobody_without_its_token_controls_it(root: Path, supervisor: SupervisorClient) -> None:
    supervisor._token = "guessed"
    with pytest.raises(LaptopError, match="another checkout's supervisor"):
        supervisor.resources()
    assert (laptop_state(root) / "supervisor.json").stat().st_mode & 0o077 == 0


def test_an_instance_is_what_rds_makes_of_it(root: Path, supervisor: SupervisorClient) -> None:
    facts = supervisor.put("instance", "orders", INSTANCE)
    assert facts["address"].startswith("orders.") and facts["address"].endswith(".eu-west-1.rds.amazonaws.com")
    assert facts["maxConnections"] == 79
    with log_in(root, facts) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("79",)
        assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone() == (False,)
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        assert {"rds_superuser", "rds_iam", "rdsadmin"} <= roles
    with pytest.raises(psycopg.OperationalError, match=r"no encryption|SSL off"):
        log_in(root, facts, sslmode="disable", sslrootcert=None)
    with pytest.raises(psycopg.OperationalError, match=r"does not match host name|certificate"):
        log_in(root, facts, host="another.name.example")


def test_rds_takes_over_the_password_of_a_master_user_and_keeps_the_data(
    root: Path, supervisor: SupervisorClient
) -> None:
    facts = supervisor.put("instance", "orders", INSTANCE)
    with log_in(root, facts) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    spec = {key: value for key, value in INSTANCE.items() if key != "password"}
    facts = supervisor.put("instance", "orders", {**spec, "manageMasterUserPassword": True})
    password = json.loads(supervisor.secret(facts["masterSecretArn"]))["password"]
    with log_in(root, facts, password=password) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        log_in(root, facts)


def test_what_was_asked_for_is_told_without_what_is_secret(supervisor: SupervisorClient) -> None:
    supervisor.put("instance", "orders", {**INSTANCE, "asked": {"allocatedStorage": 50}})
    spec = supervisor.spec("instance", "orders")
    assert spec is not None and "password" not in spec
    assert (spec["instanceClass"], spec["asked"]) == ("db.t4g.micro", {"allocatedStorage": 50})
    assert supervisor.spec("instance", "other") is None


def test_a_parameter_group_decides_max_connections(supervisor: SupervisorClient) -> None:
    supervisor.put("parameter-group", "small", {"parameters": {"max_connections": "33", "rds.force_ssl": "1"}})
    assert supervisor.put("instance", "orders", {**INSTANCE, "parameterGroupName": "small"})["maxConnections"] == 33


def test_a_server_that_does_not_start_says_why_and_leaves_nothing_half_made(
    root: Path, supervisor: SupervisorClient
) -> None:
    supervisor.put("parameter-group", "broken", {"parameters": {"work_mem": "nonsense"}})
    spec = {**INSTANCE, "manageMasterUserPassword": True, "parameterGroupName": "broken"}
    with pytest.raises(LaptopError, match=r'PostgreSQL orders ended: .*invalid value for parameter "work_mem"'):
        supervisor.put("instance", "orders", spec)
    assert not (laptop_state(root) / "instances" / "orders").exists()
    assert client_of(root, "secretsmanager").list_secrets()["SecretList"] == []
    assert supervisor.put("instance", "orders", INSTANCE)["maxConnections"] == 79


def test_a_change_that_fails_leaves_the_database_as_it_was(root: Path, supervisor: SupervisorClient) -> None:
    supervisor.put("parameter-group", "tuned", {"parameters": {"work_mem": "8MB"}})
    spec = {**INSTANCE, "parameterGroupName": "tuned"}
    facts = supervisor.put("instance", "orders", spec)
    supervisor.put("parameter-group", "tuned", {"parameters": {"work_mem": "nonsense"}})
    with pytest.raises(LaptopError, match='invalid value for parameter "work_mem"'):
        supervisor.put("instance", "orders", spec)
    with log_in(root, facts) as connection:
        assert connection.execute("SHOW work_mem").fetchone() == ("8MB",)


def test_an_occupied_address_is_named_with_the_way_out(root: Path, supervisor: SupervisorClient) -> None:
    with socket.socket() as taken:
        taken.bind((f"{subnet(root)}.10", 5432))
        taken.listen()
        with pytest.raises(
            LaptopError, match=rf"{subnet(root)}\.10:5432 is taken by process {os.getpid()} .*LAMBDA_RDS"
        ):
            supervisor.put("instance", "orders", INSTANCE)
    assert supervisor.put("instance", "orders", INSTANCE)["ip"] == f"{subnet(root)}.10"


def test_an_occupied_gateway_is_one_sentence(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind((f"{subnet(root)}.1", 4566))
        taken.listen()
        with pytest.raises(LaptopError, match=r"did not start: .*:4566 is taken by process"):
            SupervisorClient.ensure(root)


def test_a_second_put_adopts_what_exists(supervisor: SupervisorClient) -> None:
    assert supervisor.put("instance", "orders", INSTANCE) == supervisor.put("instance", "orders", INSTANCE)


def test_killed_at_any_moment_it_comes_back_with_everything_and_leaves_no_orphan(root: Path) -> None:
    client = SupervisorClient.ensure(root)
    facts = client.put("instance", "orders", INSTANCE)
    with log_in(root, facts) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    processes = tree(client.pid)
    os.kill(client.pid, signal.SIGKILL)
    wait_for_the_end(processes)
    again = SupervisorClient.ensure(root)
    assert again.pid != client.pid
    assert again.problems() == []
    with log_in(root, again.get("instance", "orders") or {}) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)


def in_the_middle_of_a_query(root: Path, facts: dict[str, Any]) -> psutil.Process:
    """A backend that computes and listens to nobody."""
    connection = log_in(root, facts)
    pid = connection.info.backend_pid
    connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 2000000000)")
    return psutil.Process(pid)


def test_a_query_that_outlives_a_killed_supervisor_does_not_keep_the_database_down(root: Path) -> None:
    client = SupervisorClient.ensure(root)
    facts = client.put("instance", "orders", INSTANCE)
    backend = in_the_middle_of_a_query(root, facts)
    supervisor = psutil.Process(client.pid)
    kill(supervisor)
    wait_for_the_end([supervisor])
    assert lives(backend)
    again = SupervisorClient.ensure(root)
    assert not lives(backend)
    assert again.problems() == []
    log_in(root, facts).close()


def test_a_killed_database_is_back_in_seconds_although_a_query_was_running(
    root: Path, supervisor: SupervisorClient
) -> None:
    facts = supervisor.put("instance", "orders", INSTANCE)
    backend = in_the_middle_of_a_query(root, facts)
    server = backend.parent()
    assert server is not None
    kill(server)

    def is_back() -> bool:
        try:
            log_in(root, facts).close()
        except psycopg.OperationalError:
            return False
        return True

    until(is_back)
    assert not lives(backend)
    assert [each["status"] for each in supervisor.resources()] == ["available"]


def test_leftovers_are_told_from_a_person_who_looks_at_the_logs(root: Path) -> None:
    client = SupervisorClient.ensure(root)
    client.put("parameter-group", "kept", {"parameters": {}})
    folder = laptop_state(root)
    person = subprocess.Popen(["tail", "-f", str(folder / "supervisor.log")], cwd=folder, stdout=subprocess.DEVNULL)
    stray = subprocess.Popen(["sleep", "600"], env={"LAMBDA_RDS_PROXY_LAPTOP": str(folder)})
    try:
        os.kill(client.pid, signal.SIGKILL)
        SupervisorClient.ensure(root)
        assert stray.wait(LIMIT_SECONDS) == -signal.SIGKILL
        assert person.poll() is None
    finally:
        person.kill()
        stray.kill()
        person.wait()
        stray.wait()


@pytest.mark.parametrize("pause", [0, 0.03, 0.3])
def test_one_that_is_just_ending_is_waited_for(root: Path, pause: float) -> None:
    ending = SupervisorClient.ensure(root)
    ending.put("parameter-group", "last", {"parameters": {}})
    ending.delete("parameter-group", "last")
    time.sleep(pause)
    following = SupervisorClient.ensure(root)
    following.put("parameter-group", "first", {"parameters": {}})
    assert not is_running(ending.pid)
    found = SupervisorClient.running(root)
    assert found is not None and found.pid == following.pid != ending.pid
    assert [each["identifier"] for each in following.resources()] == ["first"]


def test_many_callers_at_once_start_one_supervisor(root: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: SupervisorClient.ensure(root).pid, range(8)))
    assert len(set(found)) == 1


def test_two_checkouts_have_servers_of_the_same_name_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with checkout(tmp_path / "one") as one, checkout(tmp_path / "other") as other:
        first = SupervisorClient.ensure(one).put("instance", "orders", INSTANCE)
        second = SupervisorClient.ensure(other).put("instance", "orders", {**INSTANCE, "password": "another"})
        assert first["ip"] != second["ip"] and first["port"] == second["port"] == 5432
        log_in(one, first).close()
        log_in(other, second, password="another").close()
        SupervisorClient.ensure(one).stop()
        log_in(other, second, password="another").close()


def test_a_damaged_state_is_one_sentence_with_the_way_out(root: Path) -> None:
    folder = laptop_state(root)
    folder.mkdir(parents=True)
    (folder / "resources.json").write_text('{"addresses": {}, "resources": [{')
    with pytest.raises(LaptopError, match=r"did not start: the state in .*resources.json is damaged; `make down`"):
        SupervisorClient.ensure(root)


def test_the_secret_of_a_master_user_goes_with_its_instance(root: Path, supervisor: SupervisorClient) -> None:
    facts = supervisor.put("instance", "orders", {**INSTANCE, "manageMasterUserPassword": True})
    manager = client_of(root, "secretsmanager")
    (listed,) = manager.list_secrets()["SecretList"]
    assert listed["Name"].startswith("rds!db-")
    value = json.loads(manager.get_secret_value(SecretId=facts["masterSecretArn"])["SecretString"])
    log_in(root, facts, user=value["username"], password=value["password"]).close()
    supervisor.delete("instance", "orders")
    until(lambda: SupervisorClient.running(root) is None)


def test_the_last_resource_takes_the_supervisor_and_its_state_with_it(root: Path, supervisor: SupervisorClient) -> None:
    supervisor.put("instance", "orders", INSTANCE)
    supervisor.delete("instance", "orders")
    until(lambda: SupervisorClient.running(root) is None)
    until(lambda: not laptop_state(root).exists())


def test_a_mysql_proxy_is_refused_with_the_reason(supervisor: SupervisorClient) -> None:
    with pytest.raises(LaptopError, match=r"a pooler for PostgreSQL only.*Debian packages none for MySQL"):
        supervisor.put("proxy", "orders", {"engineFamily": "MYSQL"})


def test_a_proxy_takes_one_target_that_exists(supervisor: SupervisorClient) -> None:
    supervisor.put("proxy", "orders", {"engineFamily": "POSTGRESQL", "requireTls": True})
    with pytest.raises(LaptopError, match="DBInstance orders not found"):
        supervisor.put("target", "orders/orders", {"proxyName": "orders", "dbInstanceIdentifier": "orders"})


def test_secrets_do_not_show_in_repr() -> None:
    shown = repr(
        PostgresSettings(
            name="n", address="a", port=1, database="d", username="u", password="not-a-real-one", max_connections=1
        )
    )
    assert "not-a-real-one" not in shown


def test_why_a_server_ended_is_told_from_its_last_start_only(tmp_path: Path) -> None:
    program, said = tmp_path / "server", tmp_path / "said"
    program.write_text(f"#!/bin/sh\ncat {said}\nexit 1\n")
    program.chmod(0o755)
    server = Server(
        "a server", [str(program)], folder=tmp_path, log=tmp_path / "log", ready=lambda: False,
        stop_signal=signal.SIGTERM, as_server=False,
    )  # fmt: skip
    said.write_text('FATAL: could not write "postmaster.pid": No space left on device\nHINT: look again\n')
    with pytest.raises(LaptopError, match=r"a server ended: the disk is full; free some space"):
        server.start()
    said.write_text("FATAL: another reason\n")
    with pytest.raises(LaptopError, match="a server ended: FATAL: another reason"):
        server.start()
