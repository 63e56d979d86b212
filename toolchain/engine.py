"""The Pulumi engine: the one on PATH, else the official download, else built from its Go module. Standard library only.

A build is made aside and renamed, under a lock, so that a half-finished one is never used and two checkouts share one.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .checkout import cache_root
from .environments import venv_python
from .go_module import aside, go_environment, lock, pins
from .progress import CommandError, run, say

# `pulumi policy analyze` exists since then.
OLDEST_VERSION = (3, 249)
# What the module proxy serves and Go builds; see engine_module/go.mod.
BUILT_VERSION = "v3.250.0"
_MODULE = Path(__file__).resolve().parent / "engine_module"
_EXEC_SCRIPT = "pulumi-language-python-exec"
_DOWNLOAD_SECONDS = 90.0
_BUILD_SECONDS = 1800.0


def engine_folder(root: Path) -> Path | None:
    """The folder of the `pulumi` to use, if there is one already: PATH first, then the cache."""
    return _on_path() or next((folder for folder in (_download_folder(root), _build_folder()) if _works(folder)), None)


def get_engine(root: Path) -> Path:
    """The folder of the `pulumi` to use, got in the first way that works.

    Raises:
        CommandError: none works; says what to install.
    """
    found = engine_folder(root)
    if found is not None:
        return found
    with lock(cache_root() / "engine", "the Pulumi engine"):
        found = engine_folder(root)  # another checkout may have been faster
        return found or _download(root) or _build()


def needs_language_host(folder: Path) -> bool:
    """Whether `pulumi-language-python` is neither beside that engine nor on PATH."""
    return not (folder / "pulumi-language-python").exists() and _elsewhere("pulumi-language-python") is None


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
        done = subprocess.run(
            [str(pulumi), "version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.match(r"v?(\d+)\.(\d+)\.", done.stdout)
    return (int(match[1]), int(match[2])) if match and done.returncode == 0 else None


def _works(folder: Path) -> bool:
    return (folder / "pulumi").exists() and _version(folder / "pulumi") is not None


def _sdk_version(root: Path) -> str:
    match = re.search(r"^pulumi==([0-9.]+)", (root / "requirements.txt").read_text(), re.MULTILINE)
    if match is None:
        raise CommandError("requirements.txt does not pin pulumi")
    return match[1]


def _download_folder(root: Path) -> Path:
    return cache_root() / "engine" / f"v{_sdk_version(root)}" / "bin"


def _build_folder() -> Path:
    return cache_root() / "engine" / f"{BUILT_VERSION}-{pins(_MODULE)}" / "bin"


def _download(root: Path) -> Path | None:
    final = _download_folder(root)
    install = (
        "import sys, pulumi.automation as a; from semver import VersionInfo as V; "
        "a.PulumiCommand.install(root=sys.argv[1], version=V.parse(sys.argv[2]))"
    )
    try:
        with aside(final) as made:
            command = [str(venv_python(root)), "-c", install, str(made), _sdk_version(root)]
            run(f"downloading Pulumi v{_sdk_version(root)}", command, seconds=_DOWNLOAD_SECONDS)
    except CommandError:
        say("the official download cannot be reached; building the engine from its Go module instead")
        return None
    return final


def _build() -> Path:
    go = shutil.which("go")
    if go is None:
        raise CommandError(
            "there is no Pulumi engine: the official download cannot be reached and Go is not installed; install "
            "Pulumi 3.249 or later (https://www.pulumi.com/docs/install/) or Go 1.26 or later, then run this again"
        )
    final = _build_folder()
    with aside(final) as made:
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
        sdk = run("", listing, folder=_MODULE, environment=environment, seconds=60, quiet=True).strip()
        shutil.copyfile(Path(sdk) / "python" / "cmd" / _EXEC_SCRIPT, made / "bin" / _EXEC_SCRIPT)
        shutil.rmtree(made / "go", ignore_errors=True)
    return final
