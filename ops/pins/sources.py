"""The files that the linter reads, and what it finds in them. It follows no link out of the path that it was given."""

import os
import tokenize
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from .finding import Finding, Read
from .python_source import read_python
from .texts import read_configuration, read_sql

# Beyond this a file is data: a dump, a bundle.
LARGEST_BYTES = 1_000_000
_LEFT_OUT = {
    *(".git", ".hg", ".svn", ".venv", "venv", "node_modules", "site-packages", "__pycache__", ".tox", ".nox"),
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".eggs"),
}
_CONFIGURATION = {".env", ".yaml", ".yml", ".toml", ".ini", ".cfg"}


@dataclass(kw_only=True)
class Report:
    """What was read.

    Attributes:
        found: (file, finding) in the order of the files' names, allowed ones too.
        files: how many of each kind were read: `python`, `sql`, `configuration`.
        unseen: statements in Python that are no constants, so that they couldn't be judged.
        passed_over: files that are too large or binary.
        errors: why a file could not be read.
    """

    found: list[tuple[Path, Finding]] = field(default_factory=list)
    files: Counter[str] = field(default_factory=Counter)
    unseen: int = 0
    passed_over: list[Path] = field(default_factory=list)
    errors: dict[Path, str] = field(default_factory=dict)


def read_all(paths: Iterable[Path], engine: str) -> Report:
    """Every file of Python, SQL and configuration at or under the paths, once each."""
    report = Report()
    for path in dict.fromkeys(each for given in paths for each in _files(given, report)):
        try:
            _read(path, engine, report)
        except OSError as error:
            report.errors[path] = error.strerror or str(error)
    return report


def kind(path: Path) -> str:
    """`python`, `sql`, `configuration`, or empty when it is none of them."""
    if path.suffix in {".py", ".pyi"}:
        return "python"
    if path.suffix == ".sql":
        return "sql"
    return "configuration" if path.suffix in _CONFIGURATION or path.name.startswith(".env") else ""


def _files(given: Path, report: Report) -> Iterator[Path]:
    if given.is_file():
        yield given
        return
    if not given.is_dir():
        report.errors[given] = "there is no such file or folder"
    for folder, folders, names in os.walk(given, onerror=lambda error: _unreadable(error, report)):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)  # links to folders are not walked into
        for path in (Path(folder, name) for name in sorted(names)):
            if kind(path) and not path.is_symlink() and path.is_file():
                yield path


def _unreadable(error: OSError, report: Report) -> None:
    report.errors[Path(error.filename)] = error.strerror or str(error)


def _read(path: Path, engine: str, report: Report) -> None:
    if path.stat().st_size > LARGEST_BYTES:
        report.passed_over.append(path)
        return
    content = path.read_bytes()
    if b"\0" in content[:8_192]:
        report.passed_over.append(path)
        return
    said = kind(path)
    if not said:
        report.errors[path] = "it is no Python, SQL or configuration, by its name"
        return
    try:
        read = _READERS[said](_text(content, said), engine)
    except SyntaxError as error:
        report.errors[path] = f"line {error.lineno}: {error.msg}" if error.lineno else error.msg
    except (ValueError, LookupError) as error:
        report.errors[path] = f"it can't be decoded: {error}"
    except (RecursionError, MemoryError):
        report.errors[path] = "it is nested too deeply"
    else:
        report.files[said] += 1
        report.unseen += read.unseen
        report.found += [(path, finding) for finding in read.findings]


def _text(content: bytes, said: str) -> str:
    encoding = tokenize.detect_encoding(BytesIO(content).readline)[0] if said == "python" else "utf-8-sig"
    return content.decode(encoding).replace("\r\n", "\n")


_READERS: dict[str, Callable[[str, str], Read]] = {
    "python": read_python,
    "sql": read_sql,
    "configuration": lambda text, _: read_configuration(text),
}
