"""The list of a function's packages: what its platform asks for, and whether that has what the `.in` file names."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from packaging.markers import Marker

from ..engines import ENGINES, Engine

# A line that names a package, with what follows the name: neither an option nor a URL.
_NAMED = re.compile(r"^([A-Za-z0-9][\w.-]*)[ \t]*(?:$|[\[;<>=!~@(#\\])(.*)", re.MULTILINE)
# A line that names another file or folder, which pip looks for beside the list.
_OTHER_FILE = re.compile(r"(-r|--requirement|-c|--constraint|-f|--find-links)[ =]*(.+)")


def list_of(source: Path, engine: Engine) -> Path:
    """The engine's own list, such as `requirements-mysql.txt`, if there is one or its `.in`, else the general one."""
    own = source / ENGINES[engine].requirements
    return own if own.is_file() or own.with_suffix(".in").is_file() else source / "requirements.txt"


def asked(requirements: Path, python: str, architecture: str) -> str:
    """What a function's Python and architecture take of a list, for pip: a line each, without comments and markers.

    pip itself evaluates markers for the Python and the machine that run it, whatever it downloads for.

    Args:
        requirements: the list, with continued lines and lists in it (`-r`), as pip reads them.
        python: as "3.13"; of patch releases its first, as pip and uv take it.
        architecture: "arm64" or "x86_64".

    Raises:
        ValueError: a marker cannot be evaluated, or the list is not UTF-8; the message says why, not where.
    """
    # All that environment markers can name (PyPA's specification of dependency specifiers), so that nothing is of this
    # machine. The kernel's release and version are nobody's to know before the function runs.
    environment = {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": {"arm64": "aarch64"}.get(architecture, architecture),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }
    lines = [*_asked(requirements, environment)]
    return "".join(f"{line}\n" for line in lines) if any(not line.startswith("-") for line in lines) else ""


def _asked(requirements: Path, environment: dict[str, str]) -> Iterator[str]:
    text = re.sub(r"(^|[ \t])#.*$", "", requirements.read_text("utf-8-sig"), flags=re.MULTILINE)
    for line in filter(None, map(str.strip, text.replace("\\\n", "").splitlines())):
        if other := _OTHER_FILE.fullmatch(line):
            yield from _of_other_file(other[1], requirements.parent / "".join(shlex.split(other[2])), line, environment)
        elif line.startswith("-"):
            yield line
        else:
            package, *options = re.split(r"\s+(?=--)", line)
            name, *marker = re.split(r"\s*;\s+" if "://" in package else r"\s*;\s*", package, maxsplit=1)
            try:
                holds = all(Marker(each).evaluate(environment) for each in marker)
            except (ValueError, LookupError) as error:
                reason = str(error).partition("\n")[0]
                raise ValueError(f'the marker of "{package}" cannot be evaluated: {reason}') from None
            if holds:
                yield " ".join([name, *options])


def _of_other_file(option: str, file: Path, line: str, environment: dict[str, str]) -> Iterator[str]:
    if option in ("-r", "--requirement"):
        yield from _asked(file, environment)
    elif option in ("-f", "--find-links"):
        yield f"--find-links {shlex.quote(str(file.resolve()))}" if file.exists() else line
    # A constraint has nothing to say where every version is pinned.


def list_problem(requirements: Path, listed: str) -> str | None:
    """Why a function would be deployed without a package that `listed`, what is asked of its list, lacks: with the fix.

    By names: a checkout has no times to tell by which file is newer. What has a marker may be left out with reason.
    """
    wanted = requirements.with_suffix(".in")
    if not wanted.is_file():
        return None
    fix = f"run: python -m ops lock {requirements.parent}"
    text = wanted.read_text()
    if not requirements.is_file():
        if not re.search(r"^\s*[^#\s]", text, re.MULTILINE):
            return None
        return f"{wanted} has no {requirements.name}, so its packages would not be deployed; {fix}"
    names = {_normal(found[1]) for found in _NAMED.finditer(listed)}
    unmarked = [found[1] for found in _NAMED.finditer(text) if ";" not in found[0].partition(" #")[0]]
    lacking = [name for name in unmarked if _normal(name) not in names]
    return f"{requirements} lacks {', '.join(lacking)}, which {wanted.name} names; {fix}" if lacking else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
