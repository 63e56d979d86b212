"""An outdated supervisor is told from a current one, and a process from another of the same number."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local.supervisor.client import SupervisorClient
from local.supervisor.processes import lives
from local.supervisor.running_code import birth, code_digest
from tests.local.supervisor.conftest import INSTANCE, log_in
from toolchain.checkout import laptop_state

FACTS = "components/lambda_rds_proxy/engines/postgresql.py"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("local/a.py", "local/supervisor/b.py", "toolchain/c.py", FACTS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    "name",
    [
        "local/supervisor/b.py",
        "local/new.py",
        "toolchain/c.py",
        "components/lambda_rds_proxy/engines/new.py",
        FACTS,
    ],
)
def test_any_change_of_what_a_supervisor_runs_is_other_code(tree: Path, name: str) -> None:
    before = code_digest(tree)
    (tree / name).write_text("changed")
    assert code_digest(tree) != before


def test_a_file_that_was_moved_is_other_code(tree: Path) -> None:
    before = code_digest(tree)
    (tree / "local" / "a.py").rename(tree / "local" / "z.py")
    assert code_digest(tree) != before


@pytest.mark.parametrize("name", ["local/notes.md", "local/__pycache__/a.pyc", "components/lambda_rds_proxy/names.py"])
def test_what_it_does_not_run_is_not_its_code(tree: Path, name: str) -> None:
    before = code_digest(tree)
    (tree / name).parent.mkdir(exist_ok=True)
    (tree / name).write_text("changed")
    assert code_digest(tree) == before


def test_of_the_components_a_supervisor_loads_nothing_else() -> None:
    code = (
        "import json, sys, local.supervisor.cloud; "
        "print(json.dumps([name for name in sys.modules if name.startswith('lambda_rds_proxy.')]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout)
    assert "lambda_rds_proxy.engines.postgresql" in loaded
    assert all(name.split(".")[1] == "engines" for name in loaded)


def test_a_process_has_one_birth_and_none_when_it_has_ended() -> None:
    assert birth(os.getpid()) == birth(os.getpid()) is not None
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        born = birth(child.pid)
        assert born is not None
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # a zombie now
        assert birth(child.pid) is None
    assert birth(child.pid) != born


def test_a_name_with_brackets_and_spaces_hides_no_birth(tmp_path: Path) -> None:
    odd = tmp_path / "a) Z (b"
    odd.symlink_to(sys.executable)
    with subprocess.Popen([str(odd), "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert birth(child.pid) is not None
        child.kill()


# --- a real one -------------------------------------------------------------------------------------------------------


def card_of(root: Path) -> Path:
    return laptop_state(root) / "supervisor.json"


def rewrite(root: Path, **changes: object) -> None:
    card = {**json.loads(card_of(root).read_text()), **changes}
    card_of(root).write_text(json.dumps({key: value for key, value in card.items() if value is not None}))


@pytest.mark.servers
def test_a_supervisor_of_this_code_is_current_and_of_any_other_outdated(
    root: Path, supervisor: SupervisorClient
) -> None:
    assert not supervisor.is_outdated
    for code in ("0123456789ab", None):
        rewrite(root, code=code)
        found = SupervisorClient.running(root)
        assert found is not None and found.is_outdated


@pytest.mark.servers
def test_an_outdated_one_is_restarted_with_its_data(root: Path, supervisor: SupervisorClient) -> None:
    facts = supervisor.put("instance", "orders", INSTANCE)
    with log_in(root, facts) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    again = supervisor.restart()
    assert again.pid != supervisor.pid and birth(supervisor.pid) is None
    assert again.problems() == [] and again.get("instance", "orders") == facts
    with log_in(root, facts) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


@pytest.mark.servers
def test_another_process_of_the_same_number_is_not_taken_for_it(root: Path, supervisor: SupervisorClient) -> None:
    rewrite(root, pid=os.getpid())
    assert SupervisorClient.running(root) is None
    rewrite(root, pid=supervisor.pid)
    assert SupervisorClient.running(root) is not None


@pytest.mark.servers
def test_one_of_a_release_that_did_not_say_when_it_was_born_is_known_by_its_command(
    root: Path, supervisor: SupervisorClient
) -> None:
    rewrite(root, born=None, created=0.0)
    found = SupervisorClient.running(root)
    assert found is not None and found.pid == supervisor.pid
    rewrite(root, pid=os.getpid())
    assert SupervisorClient.running(root) is None
    rewrite(root, pid=supervisor.pid)


_LEAVES_ITS_FIRST_THREAD = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(0.5,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""


def test_a_process_whose_first_thread_is_gone_has_not_ended_while_another_runs() -> None:
    """So the kernel shows one that was killed a moment ago: its last thread still has its port."""
    with subprocess.Popen([sys.executable, "-c", _LEAVES_ITS_FIRST_THREAD]) as process:
        shown = psutil.Process(process.pid)
        while shown.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert lives(shown)
        assert birth(process.pid) is None  # which waits for the end
        assert not lives(shown)
