"""PostgreSQL, PgBouncer, libnss-wrapper, and what only tests start: found, or installed with apt by root, or named."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import FrameType

from .checkout import cache_root
from .exclusion import alone
from .progress import CommandError, run

# The oldest that RDS still creates instances of, and that the laptop was tried with.
OLDEST_POSTGRESQL = 13
_POSTGRESQL_ROOT = Path("/usr/lib/postgresql")
_POLICY = Path("/usr/sbin/policy-rc.d")
# The second line tells ours from an administrator's: one that a killed run left is ours to remove.
_POLICY_TEXT = "#!/bin/sh\n# lambda-rds-proxy: no service starts while its packages are installed\nexit 101\n"
_APT_SECONDS = 600.0
# Another apt on the machine, such as unattended upgrades, is waited for.
_APT_GET = ("apt-get", "-o", "DPkg::Lock::Timeout=300")


def postgresql_folder() -> Path | None:
    """The folder of the newest `postgres` and `initdb` that are new enough: Debian's versions, then PATH."""
    found = [(_version_of(folder), folder) for folder in _postgresql_folders()]
    version, folder = max(found, default=(0, Path()), key=lambda each: each[0])
    return folder if version >= OLDEST_POSTGRESQL else None


def _postgresql_folders() -> list[Path]:
    on_path = shutil.which("initdb")
    folders = [path.parent for path in _POSTGRESQL_ROOT.glob("*/bin/initdb")]
    return folders + ([Path(on_path).resolve().parent] if on_path else [])


def _version_of(folder: Path) -> int:
    """The major version, 0 when it does not say."""
    try:
        done = subprocess.run([str(folder / "initdb"), "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - a list of words, no shell
    except OSError:
        return 0
    match = re.search(r"\(PostgreSQL\) (\d+)", done.stdout)
    return int(match[1]) if match else 0


def _pgbouncer() -> bool:
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + ":/usr/sbin") is not None


def mariadbd() -> Path | None:
    """The MariaDB server, for the tests of the MySQL side; Debian has it in sbin."""
    found = shutil.which("mariadbd", path=os.environ.get("PATH", "") + ":/usr/sbin")
    return Path(found) if found else None


def _nss_wrapper() -> bool:
    return any(Path("/usr/lib").glob("*/libnss_wrapper.so")) or Path("/usr/lib/libnss_wrapper.so").exists()


def _setpriv() -> bool:
    return shutil.which("setpriv") is not None


# Debian package → whether what it brings is there, of whatever version.
PACKAGES: dict[str, Callable[[], bool]] = {
    "postgresql": lambda: bool(_postgresql_folders()),
    "pgbouncer": _pgbouncer,
    "libnss-wrapper": _nss_wrapper,
    "util-linux": _setpriv,
}
# What only tests start: a server, and clients in other languages. Go is not among them: Debian's is too old.
TEST_PACKAGES: dict[str, Callable[[], bool]] = {
    "mariadb-server-core": lambda: mariadbd() is not None,
    "nodejs": lambda: shutil.which("node") is not None,
    "npm": lambda: shutil.which("npm") is not None,
    "default-jdk-headless": lambda: shutil.which("javac") is not None,
    "maven": lambda: shutil.which("mvn") is not None,
}


def missing(*, tests: bool = False) -> list[str]:
    """The Debian packages that are not there: those of the stack, and with `tests` those of the tests too."""
    packages = {**PACKAGES, **TEST_PACKAGES} if tests else PACKAGES
    return [package for package, is_there in packages.items() if not is_there()]


def install_servers(*, tests: bool = False) -> None:
    """Install what is missing, for the stack or for the tests too.

    Raises:
        CommandError: this is no Linux, PostgreSQL is too old, or somebody with the right to install must do it; names
            the command.
    """
    if sys.platform != "linux":
        raise CommandError(f"the laptop stack needs Linux or WSL2, and this is {sys.platform}")
    if _is_own_policy() and os.geteuid() == 0:
        with _alone():
            _remove_own_policy()  # of a run that was killed: whoever installs now holds the lock
    packages = missing(tests=tests)
    if packages:
        command = f"apt-get update && apt-get install -y {' '.join(packages)}"
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise CommandError(f"{', '.join(packages)} is missing; run: sudo sh -c '{command}'")
        install_packages(packages)
    if postgresql_folder() is None:
        found = ", ".join(f"{_version_of(folder)} in {folder}" for folder in _postgresql_folders())
        raise CommandError(
            f"PostgreSQL here is {found or 'nowhere to be found'}, and the laptop needs {OLDEST_POSTGRESQL} or later; "
            "install a newer one (https://www.postgresql.org/download/linux/), then run this again"
        )


def install_packages(packages: list[str]) -> None:
    """Install Debian packages as root; none of their services is started.

    Raises:
        CommandError: apt failed; with the end of what it said.
    """
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with _alone(), _no_service_starts():
        run("apt-get update", [*_APT_GET, "update"], seconds=_APT_SECONDS, environment=quiet)
        install = [*_APT_GET, "install", "-y", "--no-install-recommends", *packages]
        run(f"installing {', '.join(packages)}", install, seconds=_APT_SECONDS, environment=quiet)


def _alone() -> AbstractContextManager[None]:
    return alone(cache_root() / "apt.lock", "installing Debian packages")


@contextmanager
def _no_service_starts() -> Iterator[None]:
    """Say no when Debian wants to start what it installs: the supervisor does. An administrator's own answer stays."""
    _remove_own_policy()  # of a run that was killed
    if _POLICY.exists():
        yield
        return

    def end(number: int, _: FrameType | None) -> None:
        raise CommandError(f"ended by {signal.Signals(number).name} while packages were installed")

    # Ended from outside, Python would not clean up.
    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        aside = _POLICY.with_suffix(".d.new")
        aside.write_text(_POLICY_TEXT)
        aside.chmod(0o755)
        aside.replace(_POLICY)  # whole or not there, or a later run would not know it as ours
        yield
    finally:
        _remove_own_policy()
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_own_policy() -> bool:
    try:
        return _POLICY.read_text() == _POLICY_TEXT
    except (OSError, UnicodeDecodeError):
        return False


def _remove_own_policy() -> None:
    if _is_own_policy():
        _POLICY.unlink(missing_ok=True)
