"""The list of a function's packages, and whether it has what the `.in` file asks for that it was locked from."""

import re
from pathlib import Path

from ..engines import ENGINES, Engine

# A line that names a package, with what follows the name: neither an option nor a URL.
_NAMED = re.compile(r"^([A-Za-z0-9][\w.-]*)[ \t]*(?:$|[\[;<>=!~@(#\\])(.*)", re.MULTILINE)


def list_of(source: Path, engine: Engine) -> Path:
    """The engine's own list, such as `requirements-mysql.txt`, if there is one or its `.in`, else the general one."""
    own = source / ENGINES[engine].requirements
    return own if own.is_file() or own.with_suffix(".in").is_file() else source / "requirements.txt"


def list_problem(requirements: Path) -> str | None:
    """Why a function would be deployed without a package, as a sentence with the fix.

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
    listed = {_normal(found[1]) for found in _NAMED.finditer(requirements.read_text())}
    unmarked = [found[1] for found in _NAMED.finditer(text) if ";" not in found[0].partition(" #")[0]]
    lacking = [name for name in unmarked if _normal(name) not in listed]
    return f"{requirements} lacks {', '.join(lacking)}, which {wanted.name} names; {fix}" if lacking else None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
