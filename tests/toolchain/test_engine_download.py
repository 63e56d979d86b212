"""The official engine: its archive is unpacked when it is the one whose checksum is here, and in no other case."""

import gzip
import hashlib
import io
import platform
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from toolchain import engine
from toolchain.__main__ import main
from toolchain.progress import CommandError

_ARCHITECTURE = {"x86_64": "x64", "aarch64": "arm64"}[platform.machine()]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served in place of the releases, and a machine without an engine."""
    served = tmp_path / "served"
    served.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(served))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(engine, "_RELEASES", f"http://127.0.0.1:{server.server_address[1]}")
        yield served
        server.shutdown()


def packed(**files: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, text in {"pulumi/pulumi": f"#!/bin/sh\necho {engine.DOWNLOADED_VERSION}\n", **files}.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
        for kind, name in ((tarfile.SYMTYPE, "pulumi/link"), (tarfile.LNKTYPE, "pulumi/hard")):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return gzip.compress(content.getvalue())


def serve(releases: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch, pinned: bytes | None = None) -> None:
    (releases / f"pulumi-{engine.DOWNLOADED_VERSION}-linux-{_ARCHITECTURE}.tar.gz").write_bytes(archive)
    monkeypatch.setattr(engine, "_CHECKSUMS", {_ARCHITECTURE: hashlib.sha256(pinned or archive).hexdigest()})


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "cache" / "lambda-rds-proxy" / "engine").iterdir())


def test_the_archive_that_is_pinned_is_unpacked_and_used(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(releases, packed(**{"pulumi/pulumi-language-python": "host"}), monkeypatch)
    folder = engine.get_engine()
    assert engine.engine_folder() == folder
    assert sorted(path.name for path in folder.iterdir()) == ["pulumi", "pulumi-language-python"]
    assert left(tmp_path) == ["lock", engine.DOWNLOADED_VERSION]


def flipped(archive: bytes, at: int) -> bytes:
    return archive[:at] + bytes([archive[at] ^ 1]) + archive[at + 1 :]


@pytest.mark.parametrize(
    "change",
    [
        lambda archive: flipped(archive, 0),
        lambda archive: flipped(archive, 4),  # gzip's time: it unpacks to the same
        lambda archive: flipped(archive, len(archive) // 2),
        lambda archive: flipped(archive, len(archive) - 1),
        lambda archive: archive[:-1],
        lambda archive: archive + b"\0",
        lambda _: b"",
    ],
    ids=["first byte", "time", "middle", "last byte", "cut", "longer", "empty"],
)
def test_an_archive_of_another_byte_is_refused_before_it_is_unpacked(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: "object"
) -> None:
    assert callable(change)
    archive = packed()
    serve(releases, change(archive), monkeypatch, pinned=archive)
    monkeypatch.setattr(engine, "_unpack", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(
        CommandError, match=r"is not the archive that it was: its SHA-256 is [0-9a-f]{64}; it is not used"
    ):
        engine.get_official_engine()
    assert left(tmp_path) == ["lock"]
    # Nor by `make setup`, which then builds, and here lacks Go.
    with pytest.raises(CommandError, match="Go is not installed"):
        engine.get_engine()
    assert left(tmp_path) == ["lock"]


def test_nothing_of_an_archive_lands_outside_its_folder(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    escapes = (
        "../escaped",
        "/tmp/escaped",
        "pulumi/../../escaped",
        "pulumi/deeper/escaped",
        "other/escaped",
        "escaped",
    )
    serve(releases, packed(**dict.fromkeys(escapes, "escaped")), monkeypatch)
    folder = engine.get_engine()
    assert [path.name for path in folder.iterdir()] == ["pulumi"]
    assert not list(tmp_path.rglob("escaped"))


def test_a_machine_whose_archive_has_no_checksum_downloads_none(
    releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(releases, packed(), monkeypatch)
    monkeypatch.setattr(engine, "_CHECKSUMS", {})
    with pytest.raises(CommandError, match="it is not used"):
        engine.get_official_engine()


def test_a_release_that_is_not_there_is_one_sentence(releases: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine"]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "cannot be downloaded (HTTP Error 404" in shown.err


def test_a_download_ends(releases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(releases, packed(), monkeypatch)
    monkeypatch.setattr(engine, "_DOWNLOAD_SECONDS", -1.0)
    with pytest.raises(CommandError, match="not done within"):
        engine.get_official_engine()


def test_a_workflow_gets_the_folder_and_nothing_else(
    releases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(releases, packed(), monkeypatch)
    assert main(["engine"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert (Path(line) / "pulumi").exists()


def test_an_engine_on_path_is_not_taken_for_the_official_one(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "bin" / "pulumi"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho v3.272.0\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}:/usr/bin:/bin")
    serve(releases, packed(), monkeypatch)
    assert engine.get_engine() == other.parent
    assert engine.get_official_engine() == engine._download_folder()


def test_the_release_is_asked_over_tls_and_its_checksums_are_whole() -> None:
    assert engine._RELEASES.startswith("https://")
    assert set(engine._CHECKSUMS) == {"x64", "arm64"}
    assert all(len(bytes.fromhex(digest)) == 32 for digest in engine._CHECKSUMS.values())
    version = tuple(int(part) for part in engine.DOWNLOADED_VERSION.removeprefix("v").split("."))
    assert version[:2] >= engine.OLDEST_VERSION
