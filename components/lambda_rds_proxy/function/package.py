"""Builds a function's zip: once per content, the same bytes on every machine.

Entries are stored, not deflated (zlib builds differ), with a fixed time, mode and order. Wheels come from the source's
hash-locked list, for the function's Python and architecture, its markers too, whatever machine builds it. So a laptop
and CI hand Pulumi the same archive, and a warm preview touches no network. Functions that name `rds_connection` get it
from this program's environment, so that none needs a copy.
"""

import errno
import functools
import hashlib
import importlib.util
import os
import platform as machine
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..engines import Engine
from .bytecode import bytecode_of, python_of
from .requirements import asked, list_of, list_problem

# Lambda's Python 3.13 runs on Amazon Linux 2023 (glibc 2.34), so these wheels load; psycopg's arm64 wheels exist as
# manylinux_2_28 only (with manylinux2014 alone pip silently takes an older release).
_WHEEL_PLATFORMS = {
    "arm64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
}
_OLDEST_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
# What a source folder may hold that does not belong in the package.
_LEFT_OUT = re.compile(r"(^|/)(__pycache__|\.[^/]*|venv|[^/]*\.pyc|README\.md|requirements[^/]*\.(in|txt))(/|$)")
_PIP_TIMEOUT_SECONDS = 300
# "Lambda quotas" (Developer Guide): 50 MB for a zip in a request, which is how pulumi-aws sends it. To Lambda that is a
# "Request must be smaller than 69905067 bytes": 50 MB in base64, and the function's settings, for which there is room
# here. Unzipped it may have 250 MB, more than what is stored can come to.
_LARGEST = 50 * 2**20 - 64 * 2**10
_FULL = (errno.ENOSPC, errno.EDQUOT)
_CONNECTION = "rds_connection"


class PackageError(RuntimeError):
    """A package cannot be built; the message says which source, why, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Platform:
    """Where a package will run: Python as "3.13", architecture as "arm64" or "x86_64"."""

    python: str
    architecture: str

    @property
    def runtime(self) -> str:
        """Lambda's name for the Python, such as `python3.13`."""
        return f"python{self.python}"


def this_machine() -> Platform:
    """The platform of the interpreter that runs now: what the laptop's functions run on."""
    architecture = {"aarch64": "arm64"}.get(machine.machine(), machine.machine())
    return Platform(python=f"{sys.version_info.major}.{sys.version_info.minor}", architecture=architecture)


def cache_folder() -> Path:
    """Where packages and wheels are kept: `${XDG_CACHE_HOME:-~/.cache}/lambda-rds-proxy`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lambda-rds-proxy"


def build_package(
    source: Path,
    *,
    target: Platform,
    engine: Engine,
    handler: str | None = None,
    bytecode: bool = False,
    instead: Mapping[str, Path | bytes] = MappingProxyType({}),
    cache: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """The zip of `source` and its locked requirements for `target`; built only if this content never was.

    Args:
        source: folder whose files stand at the zip's root; a list in it names the wheels, with hashes. If they name
            `rds_connection` and it is neither among them nor in a wheel, it is put beside them.
        target: Python and architecture the wheels are for.
        engine: whose driver is needed: the list is the engine's own, such as `requirements-mysql.txt`, if there is
            one, else `requirements.txt`.
        handler: what Lambda is to call, whose module must be in the package; none if a layer may have it.
        bytecode: whether the modules' bytecode is in it, made by the function's Python on this machine.
        instead: files, or what stands in them, in place of those of the folder or beside them, by their names in it.
        cache: where zips and wheels are kept; the user's cache folder unless given.
        say: told before something slow starts.

    Raises:
        PackageError: the folder or the handler's module is missing, the list is not locked or lacks what its `.in` file
            names, a wheel cannot be had, no interpreter makes the bytecode, the zip is larger than Lambda takes, or the
            disk is full.
    """
    if not source.is_dir():
        raise PackageError(f"the function folder {source} does not exist; correct the function's path")
    cache = cache or cache_folder()
    requirements = list_of(source, engine)
    try:
        listed = _listed(requirements, target) if requirements.is_file() else ""
        problem = list_problem(requirements, listed)
        if problem is not None:
            raise PackageError(problem)
        archive = _built(source, requirements, listed, handler, instead, target, bytecode, cache, say)
        if (size := archive.stat().st_size) > _LARGEST:
            raise PackageError(
                f"the package of {source} is {size / 2**20:.1f} MB, and Lambda takes less than 50 MB in a request; the "
                f"largest in it: {_largest(archive)}; leave some out, or put them into a layer"
                f"{', or set bytecode to false' if bytecode else ''}"
            )
        return archive
    except OSError as error:
        raise PackageError(f"the package of {source} cannot be made: {_reason(error, cache)}") from None


def _listed(requirements: Path, target: Platform) -> str:
    try:
        return asked(requirements, target.python, target.architecture)
    except ValueError as error:
        fix = f"correct it, or run: python -m ops lock {requirements.parent}"
        raise PackageError(f"{requirements} cannot be read: {error}; {fix}") from None


def _built(
    source: Path,
    requirements: Path,
    listed: str,
    handler: str | None,
    instead: Mapping[str, Path | bytes],
    target: Platform,
    bytecode: bool,
    cache: Path,
    say: Callable[[str], None],
) -> Path:
    wheels = _wheels(requirements, listed, target, cache, say) if requirements.is_file() else None
    files = _of_wheels(wheels) if wheels is not None else {}
    # The source wins over a wheel, as an earlier sys.path entry would.
    entries: dict[str, Path | bytes] = {**dict(_source_entries(source)), **instead}
    if not any(re.match(rf"{_CONNECTION}[./]", name) for name in (*files, *entries)) and _names_connection(entries):
        connection = _connection()
        if connection is None:
            say(
                f"{source} names {_CONNECTION}, which neither it nor this program's environment has; install "
                "rds-connection there, unless a layer has it"
            )
        else:
            entries |= {f"{_CONNECTION}/{name}": path for name, path in _source_entries(connection)}
    files = {**files, **{name: _File.of(content) for name, content in entries.items()}}
    if handler is not None and not _has_module(files, module := handler.rsplit(".", 1)[0].replace(".", "/")):
        raise PackageError(
            f"{source} has no {module}.py, which the handler {handler} names; correct the function's path or handler"
        )
    # By what it is made of: what is there is found without the interpreter that made it.
    archive = cache / "packages" / f"{_digest(files, target.python if bytecode else None)}.zip"
    if not archive.is_file():
        say(f"packaging {source.name} for {target.runtime} on {target.architecture}")
        _write(archive, {**files, **_compiled(source, files, target.python, cache)} if bytecode else files)
    return archive


def _has_module(names: Iterable[str], module: str) -> bool:
    """Whether there is a module or a package, in Python or compiled."""
    return any(name.startswith((f"{module}.", f"{module}/")) for name in names)


def _largest(archive: Path) -> str:
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(archive) as package:
        for entry in package.infolist():
            sizes[entry.filename.split("/")[0]] += entry.file_size
    return ", ".join(f"{name} {size / 2**20:.1f} MB" for name, size in sizes.most_common(5))


def _reason(error: OSError, cache: Path) -> str:
    if error.errno in _FULL:
        return _full_disk(cache)
    where = f" ({error.filename})" if error.filename else ""
    return (
        f"{error.strerror or error}{where}; give it to the account you use, or set XDG_CACHE_HOME to a folder of yours"
    )


def _full_disk(cache: Path) -> str:
    return f"the disk of {cache} is full; free some space, or set XDG_CACHE_HOME to a folder with more"


def _names_connection(entries: Mapping[str, Path | bytes]) -> bool:
    word = re.compile(rb"\b%s\b" % _CONNECTION.encode())
    return any(name.endswith(".py") and word.search(_bytes(content)) for name, content in entries.items())


def _connection() -> Path | None:
    """The folder of the package that this environment has, else of the checkout that this module is in."""
    found = importlib.util.find_spec(_CONNECTION)
    if found is not None and found.origin is not None:
        return Path(found.origin).parent
    beside = Path(__file__).resolve().parents[3] / "handler" / _CONNECTION
    return beside if beside.is_dir() else None


def _source_entries(source: Path) -> Iterator[tuple[str, Path]]:
    return ((name, path) for name, path in _tree(source) if not _LEFT_OUT.search(name))


def _tree(folder: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path


@dataclass(frozen=True)
class _File:
    """A file, or what stands in it, and the SHA-256 of that."""

    content: Path | bytes
    digest: bytes

    @classmethod
    def of(cls, content: Path | bytes) -> "_File":
        return cls(content, hashlib.sha256(_bytes(content)).digest())

    def read(self) -> bytes:
        return _bytes(self.content)


def _bytes(content: Path | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.read_bytes()


@functools.cache
def _of_wheels(folder: Path) -> Mapping[str, _File]:
    """Unpacked wheels never change, so the functions of a stack that share them have them read once."""
    return {name: _File.of(path) for name, path in _tree(folder)}


def _compiled(source: Path, files: Mapping[str, _File], version: str, cache: Path) -> dict[str, _File]:
    python = python_of(version)
    if python is None:
        raise PackageError(
            f"the package of {source} is to hold bytecode, which only Python {version} makes, and there is neither a "
            f"python{version} on PATH nor is this program run by one; install it (such as: uv python install "
            f"{version}), or set bytecode to false"
        )
    modules = {name: file.read() for name, file in files.items() if name.endswith(".py")}
    try:
        made = bytecode_of(modules, python, cache)
    except subprocess.SubprocessError as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1]
        raise PackageError(
            f"{python} did not compile the package of {source}: {reason}; repair it, or set bytecode to false"
        ) from None
    return {name: _File.of(content) for name, content in made.items()}


def _digest(files: Mapping[str, _File], compiled_for: str | None) -> str:
    whole = hashlib.sha256(b"package format 1\0")
    if compiled_for is not None:
        whole.update(f"bytecode 1 of {compiled_for}\0".encode())
    for name in sorted(files):
        whole.update(name.encode() + b"\0" + files[name].digest)
    return whole.hexdigest()[:32]


def _write(archive: Path, entries: Mapping[str, _File]) -> None:
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=archive.parent, suffix=".part", delete=False) as aside:
        try:
            with zipfile.ZipFile(aside, "w", zipfile.ZIP_STORED) as package:
                for name in sorted(entries):
                    info = zipfile.ZipInfo(name, _OLDEST_ZIP_TIME)
                    info.create_system = 3  # Unix, whatever builds it: the mode below is read only then
                    info.external_attr = 0o100644 << 16
                    package.writestr(info, entries[name].read())
            Path(aside.name).replace(archive)
        except BaseException:
            Path(aside.name).unlink(missing_ok=True)
            raise


def _wheels(requirements: Path, listed: str, target: Platform, cache: Path, say: Callable[[str], None]) -> Path:
    """A folder with the unpacked wheels of what is asked of a list, downloaded at most once per that and platform."""
    key = hashlib.sha256("\0".join([listed, target.python, target.architecture]).encode()).hexdigest()[:32]
    folder = cache / "wheels" / key
    if folder.is_dir():
        return folder
    if listed and "--hash=sha256:" not in listed:
        raise PackageError(
            f"{requirements} is not locked: every requirement needs a --hash; name them in "
            f"{requirements.with_suffix('.in').name} and run: python -m ops lock {requirements.parent}"
        )
    say(f"downloading the wheels of {requirements.parent.name} for {target.runtime} on {target.architecture}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, suffix=".part") as aside:
        downloads, unpacked = Path(aside) / "wheels", Path(aside) / "unpacked"
        if listed:
            _download(requirements, listed, target, downloads)
        for wheel in sorted(downloads.glob("*.whl")):
            _unpack(wheel, unpacked)
        unpacked.mkdir(exist_ok=True)
        try:
            unpacked.rename(folder)
        except OSError:  # another build of the same list was faster: its content is the same
            if not folder.is_dir():
                raise
    return folder


def _download(requirements: Path, listed: str, target: Platform, folder: Path) -> None:
    if target.architecture not in _WHEEL_PLATFORMS:
        raise PackageError(f'architecture "{target.architecture}" is not one of {", ".join(_WHEEL_PLATFORMS)}')
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--only-binary=:all:", "--implementation", "cp", "--python-version", target.python]
    command += [word for tag in _WHEEL_PLATFORMS[target.architecture] for word in ("--platform", tag)]
    (of_target := folder.parent / requirements.name).write_text(listed)
    command += ["--dest", str(folder), "--requirement", str(of_target)]
    try:
        done = subprocess.run(  # noqa: S603 - a list of words, no shell
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_SECONDS, stdin=subprocess.DEVNULL, check=False
        )
    except subprocess.TimeoutExpired:
        raise PackageError(
            f"pip did not download the wheels of {requirements} within {_PIP_TIMEOUT_SECONDS} s; check the network"
        ) from None
    if done.returncode:
        if any(os.strerror(number) in done.stderr for number in _FULL):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise PackageError(
            f"pip could not download the wheels of {requirements} for {target.runtime} on "
            f"{target.architecture}: {reason}"
        )


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            # <name>.data/purelib|platlib/ goes to the root; a wheel's scripts and headers are of no use in Lambda.
            inside = re.fullmatch(r"[^/]+\.data/(?P<kind>[^/]+)/(?P<rest>.+)", name)
            if name.endswith("/") or (inside and inside["kind"] not in ("purelib", "platlib")):
                continue
            path = folder / (inside["rest"] if inside else name)
            if not path.resolve().is_relative_to(folder.resolve()):
                raise PackageError(f"{wheel.name} holds the path {name}, which would leave its folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy)
