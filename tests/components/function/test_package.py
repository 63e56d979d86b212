import errno
import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function import package
from lambda_rds_proxy.function import vpc_function as lambda_function
from lambda_rds_proxy.function.package import PackageError, Platform, build_package, this_machine

HANDLER = Path(__file__).resolve().parents[3] / "handler"
ARM = Platform(python="3.13", architecture="arm64")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "lib" / "__pycache__").mkdir(parents=True)
    (folder / "app.py").write_text("def handler(event, context): return 1\n")
    (folder / "lib" / "__init__.py").write_text("")
    (folder / "lib" / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    (folder / ".env").write_text("SECRET=1")
    (folder / "README.md").write_text("about")
    return folder


def entries(archive: Path) -> list[zipfile.ZipInfo]:
    return zipfile.ZipFile(archive).infolist()


def test_the_package_holds_the_source_and_neither_caches_nor_hidden_files(source: Path, tmp_path: Path) -> None:
    archive = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert [entry.filename for entry in entries(archive)] == ["app.py", "lib/__init__.py"]


def test_a_file_may_stand_in_for_one_of_the_folder(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("mine")
    archive = build_package(
        source,
        target=ARM,
        engine=Engine.POSTGRESQL,
        instead={"app.py": tmp_path / "mine.py"},
        cache=tmp_path / "cache",
    )
    assert zipfile.ZipFile(archive).read("app.py") == b"mine"
    assert archive != build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")


def test_the_same_content_makes_the_same_bytes_whatever_the_clock_umask_and_place(source: Path, tmp_path: Path) -> None:
    one = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "one")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            copy = elsewhere / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copy.chmod(0o600)
            os.utime(copy, (1, 1))
    other = build_package(elsewhere, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "other")
    assert one.read_bytes() == other.read_bytes()
    assert one.name == other.name


def test_entries_are_stored_readable_and_have_a_fixed_time(source: Path, tmp_path: Path) -> None:
    for entry in entries(build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")):
        assert entry.compress_type == zipfile.ZIP_STORED
        assert entry.date_time == (1980, 1, 1, 0, 0, 0)
        assert stat.S_IMODE(entry.external_attr >> 16) == 0o644


def test_a_change_of_content_makes_another_package(source: Path, tmp_path: Path) -> None:
    before = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    (source / "app.py").write_text("def handler(event, context): return 2\n")
    after = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert before != after
    assert before.exists()


def test_a_second_build_of_the_same_content_starts_nothing(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache", say=said.append)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a warm build needs no process"))
    build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache", say=said.append)
    assert said == ["packaging source for python3.13 on arm64"]


def test_functions_that_share_wheels_have_them_read_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "unpacked"
    wheels.mkdir()
    (wheels / "psycopg.py").write_text("connect = None\n")
    (source / "requirements.txt").write_text("")
    monkeypatch.setattr(package, "_wheels", lambda *_: wheels)
    first = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    read: list[Path] = []
    monkeypatch.setattr(Path, "read_bytes", _noted(read))
    assert build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache") == first
    assert {path.name for path in read} == {"app.py", "__init__.py"}
    (source / "app.py").write_text("def handler(event, context): return 2\n")
    changed = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert changed != first
    assert [entry.filename for entry in entries(changed)] == ["app.py", "lib/__init__.py", "psycopg.py"]


def test_a_file_of_the_source_wins_over_one_of_a_wheel(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "unpacked"
    wheels.mkdir()
    (wheels / "app.py").write_text("of the wheel")
    (source / "requirements.txt").write_text("")
    monkeypatch.setattr(package, "_wheels", lambda *_: wheels)
    archive = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert zipfile.ZipFile(archive).read("app.py") == (source / "app.py").read_bytes()


def _noted(read: list[Path]) -> Callable[[Path], bytes]:
    really = Path.read_bytes

    def read_bytes(path: Path) -> bytes:
        read.append(path)
        return really(path)

    return read_bytes


def test_a_list_without_hashes_is_refused_with_the_command_that_locks_it(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("psycopg==3.3.9\n")
    with pytest.raises(PackageError, match=r"is not locked.*python -m ops lock"):
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")


def test_a_failed_download_names_list_and_platform_and_leaves_nothing_half_made(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "requirements.txt").write_text("nothing==1 --hash=sha256:" + "0" * 64 + "\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(PackageError, match=r"requirements\.txt for python3\.13 on arm64: ERROR"):
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.part"))
    assert not list((tmp_path / "cache" / "wheels").iterdir())


def test_the_list_of_the_engine_takes_the_place_of_the_general_one(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(requirements: Path, listed: str, target: Platform, folder: Path) -> None:
        asked.append(requirements.name)
        folder.mkdir()

    monkeypatch.setattr(package, "_download", download)
    (source / "requirements.txt").write_text("psycopg==1 --hash=sha256:" + "0" * 64 + "\n")
    (source / "requirements-mysql.txt").write_text("pymysql==1 --hash=sha256:" + "1" * 64 + "\n")
    (source / "requirements-mysql.in").write_text("pymysql\n")
    for engine in (Engine.MYSQL, Engine.POSTGRESQL):
        archive = build_package(source, target=ARM, engine=engine, cache=tmp_path / "cache")
        assert [entry.filename for entry in entries(archive)] == ["app.py", "lib/__init__.py"]
    assert asked == ["requirements-mysql.txt", "requirements.txt"]


def locked(folder: Path, name: str, *packages: str) -> None:
    entries = [f"{package}==1 --hash=sha256:{'0' * 64}\n" for package in packages]
    (folder / f"{name}.txt").write_text("".join(entries))


@pytest.mark.parametrize(
    ("engine", "name"),
    [(Engine.POSTGRESQL, "requirements"), (Engine.MYSQL, "requirements"), (Engine.MYSQL, "requirements-mysql")],
)
def test_a_folder_with_requirements_that_nobody_locked_is_refused_with_the_fix(
    source: Path, tmp_path: Path, engine: Engine, name: str
) -> None:
    (source / f"{name}.in").write_text("# what it needs\nrequests\n")
    if name != "requirements":  # the engine's own goes before it
        locked(source, "requirements", "requests")
    with pytest.raises(PackageError) as refused:
        build_package(source, target=ARM, engine=engine, cache=tmp_path / "cache")
    assert str(refused.value) == (
        f"{source}/{name}.in has no {name}.txt, so its packages would not be deployed; run: python -m ops lock {source}"
    )


@pytest.mark.parametrize("wanted", ["requests", "requests[socks]>=2", "Typing.Extensions # types", "six @ https://h/x"])
def test_a_list_that_lacks_what_is_asked_for_is_refused_with_its_name_and_the_fix(
    source: Path, tmp_path: Path, wanted: str
) -> None:
    locked(source, "requirements", "psycopg")
    (source / "requirements.in").write_text(f"psycopg\n{wanted}\n")
    with pytest.raises(PackageError) as refused:
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    name = wanted.split("[")[0].split(" ")[0]
    assert str(refused.value) == (
        f"{source}/requirements.txt lacks {name}, which requirements.in names; run: python -m ops lock {source}"
    )


@pytest.mark.parametrize(
    "wanted",
    [
        "psycopg[binary]==1\nTyping_Extensions\n",
        "psycopg; sys_platform == 'linux'\ncolorama ; sys_platform == 'win32'\n",
        "-c constraints.txt\n# requests\n  # six\npsycopg\n",
        "https://example.invalid/thing-1-py3-none-any.whl\n",
    ],
)
def test_a_list_that_has_all_that_is_asked_for_is_taken_however_it_is_written(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    monkeypatch.setattr(package, "_download", lambda *into: into[-1].mkdir())
    locked(source, "requirements", "psycopg", "typing-extensions")
    (source / "requirements.in").write_text(wanted)
    build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")


def test_requirements_of_nothing_need_no_list(source: Path, tmp_path: Path) -> None:
    (source / "requirements.in").write_text("# nothing yet\n\n")
    build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")


def test_a_write_that_is_interrupted_leaves_no_package(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache" / "packages").iterdir())


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "the disk of {cache} is full; free some space, or set XDG_CACHE_HOME"),
        (errno.EDQUOT, "the disk of {cache} is full; free some space, or set XDG_CACHE_HOME"),
        (errno.EROFS, "Read-only file system; give it to the account you use, or set XDG_CACHE_HOME"),
    ],
)
def test_a_package_that_cannot_be_written_is_one_sentence_with_the_fix(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(zipfile.ZipFile, "writestr", refused)
    with pytest.raises(PackageError) as failed:
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    said = f"the package of {source} cannot be made: " + words.format(cache=tmp_path / "cache")
    assert str(failed.value).startswith(said) and "\n" not in str(failed.value)
    assert not list((tmp_path / "cache" / "packages").iterdir())


def test_a_download_that_fills_the_disk_says_so_and_leaves_nothing_half_made(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "requirements.txt").write_text("nothing==1 --hash=sha256:" + "0" * 64 + "\n")
    said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n\n"
    done = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(PackageError, match=r"the disk of .* is full"):
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache" / "wheels").iterdir())


def test_a_function_that_names_rds_connection_gets_the_one_of_the_environment(source: Path, tmp_path: Path) -> None:
    before = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert "rds_connection/__init__.py" not in zipfile.ZipFile(before).namelist()
    (source / "lib" / "queries.py").write_text("from rds_connection import connection\n")
    archive = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    # The very bytes that a copy of the folder makes.
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(HANDLER / "rds_connection", source / "rds_connection", ignore=ignored)
    assert archive == build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    names = zipfile.ZipFile(archive).namelist()
    assert {"rds_connection/__init__.py", "rds_connection/certificates/rds.pem", "app.py"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


@pytest.mark.parametrize("own", ["rds_connection/__init__.py", "rds_connection.py", "of a wheel"])
def test_a_function_that_has_its_own_rds_connection_keeps_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
) -> None:
    (source / "app.py").write_text("import rds_connection\n")
    folder = source
    if own == "of a wheel":
        folder, own = tmp_path / "unpacked", "rds_connection/__init__.py"
        locked(source, "requirements", "rds-connection")
        monkeypatch.setattr(package, "_wheels", lambda *_: folder)
    (folder / own).parent.mkdir(parents=True, exist_ok=True)
    (folder / own).write_text("connection = None\n")
    archive = zipfile.ZipFile(build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache"))
    assert sorted(archive.namelist()) == sorted(["app.py", "lib/__init__.py", own])
    assert archive.read(own) == b"connection = None\n"


def test_an_rds_connection_that_is_nowhere_is_told(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "app.py").write_text("import rds_connection\n")
    monkeypatch.setattr(package, "_connection", lambda: None)
    said: list[str] = []
    build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache", say=said.append)
    assert said[0] == (
        f"{source} names rds_connection, which neither it nor this program's environment has; install rds-connection "
        "there, unless a layer has it"
    )


def test_a_checkouts_program_finds_the_checkouts_rds_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert package._connection() == HANDLER / "rds_connection"


def test_the_handlers_package_is_what_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions that have their own `rds_connection` are not deployed anew: the names and their order are as before."""
    monkeypatch.setattr(package, "_download", lambda *into: into[-1].mkdir())
    archive = build_package(HANDLER, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    whole = hashlib.sha256(b"package format 1\0")
    for name, path in sorted(package._source_entries(HANDLER)):
        whole.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    assert archive.stem == whole.hexdigest()[:32]


def test_a_component_says_it_as_pulumi_shows_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    component: Any = None
    monkeypatch.setattr(pulumi.runtime.settings, "get_monitor", lambda: pulumi)  # whatever ran before
    with pytest.raises(pulumi.RunError, match="nowhere does not exist"):
        lambda_function.packaged(tmp_path / "nowhere", target=ARM, engine=Engine.POSTGRESQL, component=component)


def wheel(folder: Path, name: str, content: dict[str, str]) -> Path:
    path = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, text in content.items():
            archive.writestr(entry, text)
    return path


def test_a_wheels_library_data_goes_to_the_root_and_its_scripts_nowhere(tmp_path: Path) -> None:
    path = wheel(
        tmp_path,
        "thing",
        {"thing.py": "1", "thing-1.data/purelib/more.py": "2", "thing-1.data/scripts/run": "3"},
    )
    package._unpack(path, tmp_path / "out")
    found = sorted(each.relative_to(tmp_path / "out").as_posix() for each in (tmp_path / "out").rglob("*.*"))
    assert found == ["more.py", "thing.py"]
    assert not (tmp_path / "out" / "run").exists()


def test_a_wheel_cannot_write_outside_its_folder(tmp_path: Path) -> None:
    path = wheel(tmp_path, "evil", {"../../escaped.py": "1"})
    with pytest.raises(PackageError, match="would leave its folder"):
        package._unpack(path, tmp_path / "a" / "b")
    assert not (tmp_path / "escaped.py").exists()


def indexed(folder: Path, name: str) -> str:
    """A wheel that pip takes, and the line of a list that names it by its hash."""
    info = f"{name}-1.dist-info"
    path = wheel(
        folder,
        name,
        {
            f"{name}.py": "",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            f"{info}/RECORD": "",
        },
    )
    return f"{name}==1 ; {{marker}} \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.mark.parametrize("python", ["3.12", "3.13"])
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_markers_are_of_the_function_and_not_of_the_python_and_machine_that_build_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, architecture: str
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (source / "wheels").mkdir()
    lines = {
        "older": 'python_full_version < "3.13"',
        "newer": 'python_full_version >= "3.13"',
        "arm": 'platform_machine == "aarch64"',
        "intel": 'platform_machine == "x86_64"',
        "windows": 'sys_platform == "win32"',
    }
    listed = [indexed(source / "wheels", name).format(marker=marker) for name, marker in lines.items()]
    (source / "requirements.txt").write_text("--find-links wheels\n" + "".join(listed))
    target = Platform(python=python, architecture=architecture)
    archive = build_package(source, target=target, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    got = {name for name in lines if f"{name}.py" in zipfile.ZipFile(archive).namelist()}
    assert got == {"newer" if python == "3.13" else "older", "arm" if architecture == "arm64" else "intel"}


def test_wheels_are_got_once_for_what_is_asked_whatever_else_the_list_says(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def download(_: Path, listed: str, __: Platform, folder: Path) -> None:
        asked.append(listed)
        folder.mkdir()

    monkeypatch.setattr(package, "_download", download)
    line = f"thing==1 --hash=sha256:{'0' * 64}\n"
    for text in (line, f"# locked anew\n{line}", f"{line}windows==1 ; os_name == 'nt' --hash=sha256:{'1' * 64}\n"):
        (source / "requirements.txt").write_text(text)
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert asked == [line]


def test_a_list_of_which_nothing_is_for_the_function_needs_no_pip(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text(f"windows==1 ; os_name == 'nt' --hash=sha256:{'1' * 64}\n")
    archive = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert [entry.filename for entry in entries(archive)] == ["app.py", "lib/__init__.py"]


def test_a_package_that_is_listed_for_other_platforms_only_is_missed(source: Path, tmp_path: Path) -> None:
    (source / "requirements.in").write_text("six\n")
    (source / "requirements.txt").write_text(f"six==1 ; python_version < '3.13' --hash=sha256:{'0' * 64}\n")
    with pytest.raises(PackageError, match=r"requirements\.txt lacks six, which requirements\.in names"):
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")


def test_a_list_with_a_marker_that_says_nothing_is_refused_with_the_fix(source: Path, tmp_path: Path) -> None:
    (source / "requirements.txt").write_text("six==1 ; python >= 3\n")
    with pytest.raises(
        PackageError, match=r'txt cannot be read: the marker of "six==1 ; python >= 3" .*; correct it, or'
    ):
        build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")


@pytest.mark.parametrize("bytecode", [False, True])
def test_a_package_larger_than_lambda_takes_is_refused_with_what_is_large_and_the_fix(
    source: Path, tmp_path: Path, bytecode: bool
) -> None:
    (source / "lib" / "large.so").write_bytes(bytes(40 * 2**20))
    (source / "data.bin").write_bytes(bytes(11 * 2**20))
    for _ in range(2):  # the second finds it in the cache
        with pytest.raises(PackageError) as refused:
            build_package(
                source, target=this_machine(), engine=Engine.POSTGRESQL, bytecode=bytecode, cache=tmp_path / "cache"
            )
        assert str(refused.value).startswith(
            f"the package of {source} is 51.0 MB, and Lambda takes less than 50 MB in a request; the largest in it: "
            "lib 40.0 MB, data.bin 11.0 MB, "
        )
        fix = "; leave some out, or put them into a layer"
        assert str(refused.value).endswith(f"{fix}, or set bytecode to false" if bytecode else fix)


@pytest.mark.parametrize(("room", "taken"), [(64 * 2**10, True), (64 * 2**10 - 1, False)])
def test_what_is_taken_leaves_room_for_the_settings_in_the_same_request(
    source: Path, tmp_path: Path, room: int, taken: bool
) -> None:
    """Lambda's answer names the bytes of a request, in which the zip is base64 and the settings stand beside it."""
    archive = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    entry = 30 + 46 + 2 * len("data.bin")  # of a stored file: its header, and its line in the directory
    size = 50 * 2**20 - room
    (source / "data.bin").write_bytes(bytes(size - archive.stat().st_size - entry))
    if not taken:
        with pytest.raises(PackageError, match="Lambda takes less than 50 MB"):
            build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
        return
    archive = build_package(source, target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path / "cache")
    assert archive.stat().st_size == size
    environment, tags = 4 * 2**10, 50 * (128 + 256)
    assert -(-size // 3) * 4 + 2 * (environment + tags) < 69_905_067


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="nowhere does not exist"):
        build_package(tmp_path / "nowhere", target=ARM, engine=Engine.POSTGRESQL, cache=tmp_path)


@pytest.mark.parametrize(
    ("file", "handler"),
    [
        ("app.py", "app.handler"), ("app/__init__.py", "app.handler"), ("app.cpython-313.so", "app.handler"),
        ("shop/orders.py", "shop.orders.take"), ("shop/orders.py", "shop/orders.take"),
    ],
)  # fmt: skip
def test_a_handlers_module_is_found_however_it_is_written(file: str, handler: str, tmp_path: Path) -> None:
    (tmp_path / "fns" / file).parent.mkdir(parents=True)
    (tmp_path / "fns" / file).touch()
    assert build_package(
        tmp_path / "fns", target=this_machine(), engine=Engine.POSTGRESQL, handler=handler, cache=tmp_path / "cache"
    ).is_file()


@pytest.mark.parametrize(("handler", "module"), [("app.handler", "app"), ("shop.orders.take", "shop/orders")])
def test_a_folder_without_the_handlers_module_is_refused(handler: str, module: str, tmp_path: Path) -> None:
    (tmp_path / "fns" / "shop").mkdir(parents=True)
    (tmp_path / "fns" / "application.py").touch()
    with pytest.raises(PackageError, match=rf"fns has no {module}\.py, which the handler {handler} names; correct"):
        build_package(
            tmp_path / "fns", target=this_machine(), engine=Engine.POSTGRESQL, handler=handler, cache=tmp_path / "cache"
        )
    assert not (tmp_path / "cache" / "packages").exists()


def test_this_machine_is_named_as_lambda_names_it() -> None:
    here = this_machine()
    assert here.architecture in ("arm64", "x86_64")
    assert here.runtime.startswith("python3.")
