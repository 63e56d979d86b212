"""What installs packages: uv, which brings itself; where there is none or it fails, pip. Standard library only.

uv does in seconds what pip takes minutes for. Both are of lists with hashes, and install nothing without its hash.
"""

import ast
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from .checkout import cache_root
from .exclusion import alone, whole
from .progress import CommandError, run, say
from .servers import install_packages

_UV = Path(__file__).with_name("uv.txt")
# Pulumi asks the pip of an environment what is in it, so each has one; uv's environments come without.
_PIP = Path(__file__).with_name("pip.txt")
_SECONDS = 900.0
# pip may be told to work in environments alone; what is downloaded is in none.
_ANYWHERE = {"PIP_REQUIRE_VIRTUALENV": "0"}
# pip's name of a setting → uv's. source: `pip config --help`, and uv's page on environment variables
_SETTINGS = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}


def base_python() -> str:
    """The interpreter that stays: not that of another environment, which may go away."""
    return str(getattr(sys, "_base_executable", sys.executable))


def install(
    what: str, python: Path, requirements: Path, options: Iterable[str] = (), *, compiled: bool = False
) -> None:
    """Install what a list with hashes names, for an interpreter.

    uv compiles when it is asked: for thousands of modules of which few are ever imported, it is most of the time.

    Raises:
        CommandError: it is not there, or not the one with that hash.
    """
    listed = [*options, "--requirement", str(requirements)]
    uv = get_uv()
    if uv is not None:
        command = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
        command += ["--compile-bytecode"] if compiled else []
        try:
            run(
                f"installing {what}",
                [*command, *listed],
                seconds=_SECONDS,
                environment=_of_pip(uv, frozenset(os.environ.items())),
            )
            return
        except CommandError as error:  # what reaches an index in a way that uv does not know
            say(f"{error}; pip tries it instead")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    run(f"installing {what}", [*command, *listed], seconds=_SECONDS)


def make_venv(folder: Path) -> None:
    """An environment with nothing but pip.

    Raises:
        CommandError: neither uv nor this Python can make one.
    """
    uv = get_uv()
    if uv is None:
        _make_venv(folder)
        return
    # Not --seed, which takes whatever pip is the newest.
    make = [str(uv), "venv", "--quiet", "--no-project", "--python", base_python(), str(folder)]
    run(f"making {folder.name}", make, seconds=120, quiet=True)
    seed = [str(uv), "pip", "install", "--quiet", "--require-hashes", "--no-index", "--find-links", str(uv.parent)]
    seed += ["--python", str(folder / "bin" / "python"), "--requirement", str(_PIP)]
    run(f"installing pip into {folder.name}", seed, seconds=120, quiet=True)


def get_uv() -> Path | None:
    """uv of this project's own list, from the cache; nothing where it cannot be had, which is said once."""
    key = hashlib.sha256(_UV.read_bytes() + _PIP.read_bytes() + platform.machine().encode()).hexdigest()[:16]
    folder = cache_root() / "uv" / key
    return folder / "uv" if _is_there(folder) else None


@functools.cache  # who cannot have it is not told with each environment
def _is_there(folder: Path) -> bool:
    if folder.is_dir():
        return True
    with alone(folder.parent / "lock", "getting uv"):
        try:
            if not folder.is_dir():  # another checkout may have been faster
                _get(folder)
        except CommandError as error:
            say(f"{error}; pip installs instead, which takes minutes")
            return False
    return True


def _get(folder: Path) -> None:
    """uv, a program that needs no Python, and beside it the wheel of pip, which any Python runs as it is."""
    with whole(folder) as aside, tempfile.TemporaryDirectory() as other:
        python = base_python()
        if not _runs(python, "import pip"):
            _make_venv(Path(other) / "venv")
            python = str(Path(other) / "venv" / "bin" / "python")
        command = [python, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        command += ["--no-deps", "--only-binary=:all:", "--dest", str(aside)]
        command += ["--requirement", str(_UV), "--requirement", str(_PIP)]
        run("getting uv, which installs packages", command, seconds=_SECONDS, environment=_ANYWHERE)
        (wheel,) = aside.glob("uv-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (name,) = (each for each in archive.namelist() if each.endswith(".data/scripts/uv"))
            (aside / "uv").write_bytes(archive.read(name))
        (aside / "uv").chmod(0o755)
        wheel.unlink()


@functools.cache
def _of_pip(uv: Path, environment: frozenset[tuple[str, str]]) -> dict[str, str]:
    """Where pip's configuration on this machine says that packages come from, in uv's words: uv does not read it.

    What somebody tells uv itself counts more.
    """
    (pip,) = uv.parent.glob("pip-*.whl")
    listing = [base_python(), str(pip / "pip"), "config", "list"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=False).stdout.splitlines()  # noqa: S603 - a list of words, no shell
    told: dict[str, str] = {}
    for section in ("global", "install", ":env:"):  # the later, the stronger
        for line in listed:
            name, _, value = line.partition("=")
            if name.startswith(f"{section}.") and (word := _SETTINGS.get(name.removeprefix(f"{section}."))):
                told[word] = str(ast.literal_eval(value))
    if "UV_FIND_LINKS" in told:  # a folder that is not there is no error of pip's
        links = [each for each in told["UV_FIND_LINKS"].split() if "://" in each or Path(each).exists()]
        told["UV_FIND_LINKS"] = ",".join(links)
    if "UV_INDEX" in told:
        told["UV_INDEX"] = " ".join(told["UV_INDEX"].split())
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: of all indexes alike. The hash says which is meant
    chosen = {word for word, _ in environment if word.startswith("UV_")}
    return {word: value for word, value in told.items() if value and word not in chosen}


def _make_venv(folder: Path) -> None:
    python = base_python()
    if not _runs(python, "import ensurepip, venv"):
        _install_venv(python)
    run(f"making {folder.name} with Python {sys.version.split()[0]}", [python, "-m", "venv", str(folder)], seconds=120)


def _runs(python: str, code: str) -> bool:
    """Debian's python3 lacks pip, and what `venv` needs; they are in packages of their own."""
    return subprocess.run([python, "-c", code], capture_output=True, check=False).returncode == 0  # noqa: S603 - a list of words, no shell


def _install_venv(python: str) -> None:
    package = f"python3.{sys.version_info.minor}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise CommandError(f"{python} has no venv; run: sudo apt-get install -y {package}")
    install_packages([package])
    if not _runs(python, "import ensurepip, venv"):
        raise CommandError(
            f"{python} has no venv although {package} is installed; put a complete Python 3.11 or later first on PATH"
        )
