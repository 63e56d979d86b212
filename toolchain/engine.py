"""The Pulumi engine: the one on PATH, else the official download, else built from its Go module. Standard library only.

A build is made aside and renamed, under a lock, so that a half-finished one is never used and two checkouts share one.
"""

import hashlib
import http.client
import os
import platform
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from .checkout import cache_root
from .exclusion import alone, whole
from .go_module import go_environment, pins
from .progress import CommandError, run, say, tick, working

# `pulumi policy analyze` exists since then.
OLDEST_VERSION = (3, 249)
# What the module proxy serves and Go builds; see engine_module/go.mod.
BUILT_VERSION = "v3.250.0"
# The official archive, and its SHA-256 as in the release's `pulumi-VERSION-checksums.txt`.
# source: public repositories that pin this release (x64 alike in two unrelated ones, arm64 in one of them).
DOWNLOADED_VERSION = "v3.255.0"
_CHECKSUMS = {
    "x64": "cf559568e2c32f7fae56ea3de8ae5fa48973ba8c5aa9dd2b3dc0c8898fe50dba",
    "arm64": "699fbc6ea848d997e9b3645487f108d27b1b55ec807c7576406131e6e080f0e3",
}
_RELEASES = "https://get.pulumi.com/releases/sdk"
_MODULE = Path(__file__).resolve().parent / "engine_module"
_EXEC_SCRIPT = "pulumi-language-python-exec"
_DOWNLOAD_SECONDS, _ANSWER_SECONDS = 300.0, 15.0
_BUILD_SECONDS = 1800.0


def engine_folder() -> Path | None:
    """The folder of the `pulumi` to use, if there is one already: PATH first, then the cache."""
    return _on_path() or next((folder for folder in (_download_folder(), _build_folder()) if _works(folder)), None)


def get_engine() -> Path:
    """The folder of the `pulumi` to use, got in the first way that works.

    Raises:
        CommandError: none works; says what to install.
    """
    found = engine_folder()
    if found is not None:
        return found
    with alone(cache_root() / "engine" / "lock", "getting the Pulumi engine"):
        found = engine_folder()  # another checkout may have been faster
        return found or _downloaded() or _build()


def get_official_engine() -> Path:
    """The folder of the official engine of `DOWNLOADED_VERSION`, whatever is on PATH.

    Raises:
        CommandError: it cannot be had, or is not the one whose checksum is here.
    """
    with alone(cache_root() / "engine" / "lock", "getting the Pulumi engine"):
        return _download_folder() if _works(_download_folder()) else _download()


def _on_path() -> Path | None:
    found = _elsewhere("pulumi")
    if found is None:
        return None
    version = _version(found)
    return found.parent if version is not None and version >= OLDEST_VERSION else None


def _elsewhere(name: str) -> Path | None:
    """A program on PATH that is neither of the cache nor of this checkout."""
    ours = (cache_root(), Path(__file__).resolve().parent)
    folders = [
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if folder and not any(Path(folder).resolve().is_relative_to(own) for own in ours)
    ]
    found = shutil.which(name, path=os.pathsep.join(folders))
    return Path(found) if found else None


def _version(pulumi: Path) -> tuple[int, int] | None:
    try:
        # Each run leaves a log in its home: not in the user's own.
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(  # noqa: S603 - a list of words, no shell
                [str(pulumi), "version"],
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
                env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1", "PULUMI_HOME": home},
            )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v?(\d+)\.(\d+)\.", done.stdout)
    return (int(match[1]), int(match[2])) if match and done.returncode == 0 else None


def _works(folder: Path) -> bool:
    """Whether one of the cache runs on this machine; nobody changes it, so what ran once is not asked again."""
    ran = folder.with_name(f"ran-on-{platform.machine()}")
    if (folder / "pulumi").exists() and not ran.exists():
        if _version(folder / "pulumi") is None:
            return False
        with suppress(OSError):  # a cache that somebody else filled
            ran.touch()
    return (folder / "pulumi").exists()


def _download_folder() -> Path:
    return cache_root() / "engine" / DOWNLOADED_VERSION / "bin"


def _build_folder() -> Path:
    return cache_root() / "engine" / f"{BUILT_VERSION}-{pins(_MODULE)}" / "bin"


def _downloaded() -> Path | None:
    try:
        return _download()
    except CommandError as error:
        say(f"{error}; building the engine from its Go module instead")
        return None


def _download() -> Path:
    """Get the official archive, and unpack it once it is the one that is pinned here."""
    architecture = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    url = f"{_RELEASES}/pulumi-{DOWNLOADED_VERSION}-linux-{architecture}.tar.gz"
    final = _download_folder()
    with whole(final.parent) as made:
        archive = made / "archive"
        try:
            with archive.open("wb") as copy:
                digest = _fetch(url, copy)
        except (OSError, http.client.HTTPException) as error:
            raise CommandError(f"{url} cannot be downloaded ({error})") from None
        if digest != _CHECKSUMS.get(architecture):
            raise CommandError(f"{url} is not the archive that it was: its SHA-256 is {digest}; it is not used")
        _unpack(archive, made / "bin")
        archive.unlink()
    return final


def _fetch(url: str, copy: IO[bytes]) -> str:
    """Copy what stands there: its SHA-256."""
    say(f"downloading Pulumi {DOWNLOADED_VERSION}")
    digest = hashlib.sha256()
    started = time.monotonic()
    with (
        working(f"downloading Pulumi {DOWNLOADED_VERSION}"),
        urllib.request.urlopen(url, timeout=_ANSWER_SECONDS) as answer,  # noqa: S310 - of this module
    ):
        while chunk := answer.read(1 << 16):
            copy.write(chunk)
            digest.update(chunk)
            tick()
            if time.monotonic() - started > _DOWNLOAD_SECONDS:
                raise TimeoutError(f"not done within {_DOWNLOAD_SECONDS:.0f} s")
    return digest.hexdigest()


def _unpack(archive: Path, folder: Path) -> None:
    """The programs, which stand in `pulumi/`: files of that folder alone, no link and no path that leads elsewhere."""
    folder.mkdir()
    with tarfile.open(archive) as packed:
        for member in packed:
            content = packed.extractfile(member) if member.isfile() else None
            path = PurePosixPath(member.name)
            if content is not None and path.parent == PurePosixPath("pulumi"):
                (folder / path.name).write_bytes(content.read())
                (folder / path.name).chmod(0o755)


def _build() -> Path:
    go = shutil.which("go")
    if go is None:
        raise CommandError(
            "there is no Pulumi engine: the official download cannot be reached and Go is not installed; install "
            f"Pulumi 3.249 or later (https://www.pulumi.com/docs/install/) or Go {_needed_go()} or later, then run "
            "this again"
        )
    _check_go(go)
    final = _build_folder()
    with whole(final.parent) as made:
        environment = go_environment(go, made)
        (made / "bin").mkdir()
        flags = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version={BUILT_VERSION}"
        target = str(made / "bin" / "pulumi")
        package = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
        download = f"downloading the Go modules of Pulumi {BUILT_VERSION}"
        run(download, [go, "mod", "download"], folder=_MODULE, environment=environment, seconds=_BUILD_SECONDS)
        build = [go, "build", "-mod=readonly", "-o", target, "-ldflags", flags, package]
        what = f"building Pulumi {BUILT_VERSION} (about 3 minutes on 2 cores, once)"
        run(what, build, folder=_MODULE, environment=environment, seconds=_BUILD_SECONDS)
        listing = [go, "list", "-m", "-f", "{{.Dir}}", "github.com/pulumi/pulumi/sdk/v3"]
        sdk = run(
            "finding the sources of the SDK", listing, folder=_MODULE, environment=environment, seconds=60, quiet=True
        ).strip()
        shutil.copyfile(Path(sdk) / "python" / "cmd" / _EXEC_SCRIPT, made / "bin" / _EXEC_SCRIPT)
        shutil.rmtree(made / "go", ignore_errors=True)
    return final


def _needed_go() -> str:
    match = re.search(r"^go (\S+)$", (_MODULE / "go.mod").read_text(), re.MULTILINE)
    if match is None:
        raise CommandError(f"{_MODULE / 'go.mod'} does not say which Go it needs")
    return match[1]


def _check_go(go: str) -> None:
    done = subprocess.run([go, "version"], capture_output=True, text=True, check=False)  # noqa: S603 - a list of words, no shell
    match = re.search(r"\bgo(\d+(?:\.\d+)*)", done.stdout)
    found = match[1] if match and done.returncode == 0 else "of unknown version"
    if match is None or _numbers(found) < _numbers(_needed_go()):
        raise CommandError(
            f"there is no Pulumi engine, and {go} is {found}, too old to build it; install Go {_needed_go()} or later "
            "(https://go.dev/dl/) first on PATH, or Pulumi 3.249 or later (https://www.pulumi.com/docs/install/), then "
            "run this again"
        )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
