"""What the wheels hold, against the sources: `python -m tests.packages.content FOLDER`, in a test and before a release.

Everything that a package reads at run time is data beside its code, so the files of its folder must be in its wheel,
byte for byte, and nothing else. Standard library only: a release runs it where nothing else is installed.
"""

import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from subprocess import run

ROOT = Path(__file__).resolve().parents[2]
# From what a list is locked is of no use where the list is; the rest describes a package, or needs a checkout.
_LEFT_OUT = r"\.in$|^ops/(survey/.*|requirements\.txt|pyproject\.toml|README\.md|LICENSE)$"


@dataclass(frozen=True)
class Package:
    """A package: its folder in the repository and, under that, what is imported."""

    name: str
    folder: str
    imported: str

    @property
    def wheel(self) -> str:
        """The wheel's file name of this version."""
        return f"{self.name.replace('-', '_')}-{version()}-py3-none-any.whl"


PACKAGES = (
    Package("lambda-rds-proxy", "components", "lambda_rds_proxy"),
    Package("rds-connection", "handler", "rds_connection"),
    Package("lambda-rds-proxy-ops", "ops", "ops"),
)


def version() -> str:
    """The one version, as the repository's own pyproject.toml states it."""
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    return found


def expected(package: Package) -> dict[str, bytes]:
    """Name in the wheel → content, of what git knows of a package's folder."""
    folder = ROOT / package.folder
    if package.folder == package.imported:  # the folder is the package, beside what describes it
        folder = ROOT
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", package.imported]
    listed = run(listing, cwd=folder, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.split("\0") if name and not re.search(_LEFT_OUT, name)]
    return {name: (folder / name).read_bytes() for name in names if (folder / name).is_file()}


def problems(package: Package, folder: Path) -> Iterator[str]:
    """A sentence for each thing that is wrong with a package's wheel in a folder."""
    path = folder / package.wheel
    if not path.is_file():
        yield f"{folder} has no {package.wheel}"
        return
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    about = f"{package.wheel.split('-py3')[0]}.dist-info/"
    yield from _differences(package, {name: content for name, content in held.items() if not name.startswith(about)})
    if f"{package.imported}/py.typed" not in held:
        yield f"{package.wheel} has no py.typed, so nobody's types are checked against it"
    if held.get(f"{about}licenses/LICENSE") != (ROOT / "LICENSE").read_bytes():
        yield f"{package.wheel} has not the repository's licence"
    headers = HeaderParser().parsestr(held[f"{about}METADATA"].decode())
    for field in ("Summary", "License-Expression", "Requires-Python", "Description-Content-Type"):
        if not headers[field]:
            yield f"{package.wheel} states no {field}"


def _differences(package: Package, held: Mapping[str, bytes]) -> Iterator[str]:
    sources = expected(package)
    for name in sorted(sources.keys() - held.keys()):
        yield f"{package.wheel} lacks {name}"
    for name in sorted(held.keys() - sources.keys()):
        yield f"{package.wheel} has {name}, which no source is of"
    for name in sorted(held.keys() & sources.keys()):
        if held[name] != sources[name]:
            yield f"{name} in {package.wheel} is not what stands in {package.folder}/"


def main(folder: Path) -> int:
    """Check all wheels of a folder: the exit status."""
    found = [problem for package in PACKAGES for problem in problems(package, folder)]
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    if not found:
        print(f"{len(PACKAGES)} wheels of version {version()} hold their sources")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
