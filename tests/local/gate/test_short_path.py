"""Sockets in folders whose paths are longer than a socket's may be."""

import socket
from pathlib import Path

import pytest

from local.gate.short_path import short_path


def test_a_socket_is_made_and_reached_in_a_folder_with_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with short_path(folder) as path:
            server.bind(f"{path}/its socket")
        server.listen()
        assert (folder / "its socket").is_socket()
        with short_path(folder) as path:
            client.connect(f"{path}/its socket")


def test_a_folder_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), short_path(tmp_path / "missing"):
        pass
