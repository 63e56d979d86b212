"""Wheels as a release builds them, and virtual environments that have nothing of the repository."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from local.supervisor.file_lock import held
from tests.packages.content import PACKAGES, ROOT
from tests.waiting import LIMIT_SECONDS
from toolchain.checkout import checkout_cache
from toolchain.environments import make_environment, venv_python
from toolchain.installer import base_python

# Nothing of this checkout is on the path of what is installed.
CLEAN = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV", "PIP_TARGET")}
Install = Callable[[Path, str], Path]


def site_packages(environment: Path) -> Path:
    """Where an environment has its packages."""
    return next((environment / "lib").glob("python3*/site-packages"))


def made_build_environment() -> Path:
    """The environment of what builds wheels, from its locked list; made by one process, for which others wait."""
    home = checkout_cache(ROOT) / "build"
    with held(home.parent / "build.lock", seconds=LIMIT_SECONDS) as alone:
        assert alone, f"another process has been making {home} for {LIMIT_SECONDS} s"
        make_environment(home, ROOT / "toolchain" / "build.txt", "what builds the packages")
    return home


def lent(build: Path) -> str:
    """A .pth that lends an environment this checkout's packages, and what builds.

    Lines of a .pth are no more than folders: the .pth of those folders, with this checkout, is not read.
    """
    return f"{site_packages(venv_python(ROOT).parent.parent)}\n{site_packages(build)}\n"


@pytest.fixture(scope="session")
def build_environment() -> Path:
    """What builds wheels."""
    return made_build_environment()


@pytest.fixture(scope="session")
def wheels(build_environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of each package."""
    folder = tmp_path_factory.mktemp("wheels")
    for package in PACKAGES:
        command = [str(build_environment / "bin" / "python"), "-m", "build", "--no-isolation", "--wheel"]
        command += ["--outdir", str(folder), str(ROOT / package.folder)]
        done = subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with a commit of the files as they stand here."""
    folder = tmp_path_factory.mktemp("repository")
    names = ["pyproject.toml", "LICENSE", *(package.folder for package in PACKAGES)]
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *names]
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    author = ["-c", "user.name=test", "-c", "user.email=test@example.invalid"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "All"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def install(build_environment: Path) -> Install:
    """Makes an environment and installs into it; what its dependencies are is lent by this checkout's environment."""

    def installed(environment: Path, what: str) -> Path:
        if not environment.exists():
            subprocess.run([base_python(), "-m", "venv", str(environment)], check=True, timeout=LIMIT_SECONDS)
            (site_packages(environment) / "lent.pth").write_text(lent(build_environment))
        pip = [str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command = [*pip, "--no-index", "--no-build-isolation", what]
        done = subprocess.run(
            command,
            cwd=environment.parent,
            env=CLEAN,
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return environment / "bin" / "python"

    return installed
