"""Locks in folders that others remove at any moment."""

import shutil
import threading
from pathlib import Path

import pytest

from local.supervisor.file_lock import held


def test_a_folder_that_others_remove_again_and_again_is_made_again(tmp_path: Path) -> None:
    over = threading.Event()

    def remove() -> None:
        while not over.is_set():
            shutil.rmtree(tmp_path / "state", ignore_errors=True)

    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for _ in range(100):
            with held(tmp_path / "state" / "one checkout" / "lock", seconds=5) as alone:
                assert alone
    finally:
        over.set()
        remover.join()


def test_a_second_holder_is_told_no(tmp_path: Path) -> None:
    with held(tmp_path / "lock", seconds=0) as first, held(tmp_path / "lock", seconds=0.1) as second:
        assert (first, second) == (True, False)


def test_a_folder_that_cannot_be_made_is_an_error_and_no_endless_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.supervisor.file_lock._REMOVED_SECONDS", 0.1)
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing" / "folder")
    with pytest.raises(OSError), held(tmp_path / "nowhere" / "lock", seconds=0.1):
        pass
