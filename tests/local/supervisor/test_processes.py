"""What a server's watcher does, and does not, when the server is ended."""

import signal
import threading
import time
from pathlib import Path

import pytest

from local.supervisor import processes
from local.supervisor.processes import Server

pytestmark = pytest.mark.servers


def test_a_server_that_is_started_again_at_once_is_not_taken_for_one_that_died(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end_slowly(folder: Path) -> None:
        if threading.current_thread().name.startswith("watches-"):
            time.sleep(0.2)

    monkeypatch.setattr(processes, "end_processes", end_slowly)
    server = Server(
        "sleeper",
        ["sleep", "60"],
        folder=tmp_path,
        log=tmp_path / "log",
        ready=lambda: True,
        stop_signal=signal.SIGTERM,
        as_server=False,
    )
    try:
        server.start()
        server.stop(seconds=0)
        server.start()
        pid = server.pid
        time.sleep(0.5)
        assert server.pid == pid
    finally:
        server.stop(seconds=0)
