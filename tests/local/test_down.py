"""`make down` when something that it would use is not there or does not answer."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from local import pulumi_cli
from local.down import down
from local.supervisor import client as supervisor_client
from local.supervisor.client import SupervisorClient
from local.supervisor.processes import lives
from tests.local.supervisor.conftest import INSTANCE, checkout
from tests.processes import tree
from toolchain.checkout import checkout_cache, laptop_state
from toolchain.progress import CommandError

pytestmark = pytest.mark.servers


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def refuse(root: Path) -> None:
        raise CommandError("this checkout is not set up; run `make setup`")

    monkeypatch.setattr(pulumi_cli, "enter_shell", refuse)


def everything_of(root: Path) -> list[psutil.Process]:
    supervisor = SupervisorClient.running(root)
    assert supervisor is not None
    return tree(supervisor.pid)


@pytest.mark.usefixtures("no_engine")
def test_without_an_engine_the_servers_end_all_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with checkout(tmp_path / "one") as root:
        root.mkdir()
        SupervisorClient.ensure(root).put("instance", "orders", INSTANCE)
        processes = everything_of(root)
        assert len(processes) > 2
        down(root)
        assert not any(map(lives, processes))
        assert not laptop_state(root).exists()
        assert "ending the servers without it" in capsys.readouterr().out
        down(root)
        assert checkout_cache(root).is_dir(), "Pulumi's record is not ours to remove"


@pytest.mark.usefixtures("no_engine")
def test_a_supervisor_that_does_not_answer_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with checkout(tmp_path / "one") as root:
        root.mkdir()
        SupervisorClient.ensure(root).put("instance", "orders", INSTANCE)
        processes = everything_of(root)
        os.kill(processes[0].pid, signal.SIGSTOP)
        monkeypatch.setattr(supervisor_client, "_CALL_SECONDS", 0.5)
        monkeypatch.setattr(supervisor_client, "_END_SECONDS", 0.5)
        down(root)
        assert not any(map(lives, processes))
        assert not laptop_state(root).exists()


@pytest.mark.usefixtures("no_engine")
def test_a_damaged_state_is_forgotten(tmp_path: Path) -> None:
    with checkout(tmp_path / "one") as root:
        root.mkdir()
        laptop_state(root).mkdir(parents=True)
        (laptop_state(root) / "resources.json").write_text("{")
        (laptop_state(root) / "supervisor.json").write_text("[]")
        down(root)
        assert not laptop_state(root).exists()
