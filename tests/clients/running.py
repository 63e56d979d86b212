"""Runs the programs of `programs/`, in four languages, each got and built when it is first asked for.

A program is told by the environment: `PG…` as libpq reads them, CLIENTS at once, SESSIONS of each one after the other,
STATEMENTS of each session, and MODE: `come-and-go`, or `stay` until every client has come to its end. It prints one
object: how many statements were `done`, `errors` as SQLSTATE and text, and `wrong` values.
"""

import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.checkout import cache_root, checkout_root
from toolchain.exclusion import alone, whole
from toolchain.go_module import go_environment
from toolchain.progress import CommandError, run

_PROGRAMS = Path(__file__).parent / "programs"
_JAR = "postgresql-42.7.13.jar"
_JAR_SHA256 = "6e0e4cc2d8cae902084f8a2b18728b073a6fd9d1f87c9d8bff8f298c18185b93"
# No client's own time zone is the server's here: pgjdbc sends it when it logs in.
ZONE_OF_JAVA = "America/New_York"
_BUILD_SECONDS = 900.0
_RUN_SECONDS = 300.0


@dataclass(frozen=True)
class Outcome:
    """What the clients of one program met."""

    done: int
    errors: list[str]
    wrong: list[str]


def run_clients(
    kind: str, at: Mapping[str, str], *, clients: int, sessions: int, statements: int, stay: bool = False
) -> Outcome:
    """Run so many clients of a kind against the server that `at` names as libpq's variables.

    Raises:
        CommandError: its language or its driver cannot be had here.
        AssertionError: the program itself failed, with what it said.
    """
    numbers = {"CLIENTS": clients, "SESSIONS": sessions, "STATEMENTS": statements}
    environment = {**os.environ, **at, **{name: str(number) for name, number in numbers.items()}}
    environment |= {"MODE": "stay" if stay else "come-and-go", "NODE_EXTRA_CA_CERTS": at["PGSSLROOTCERT"]}
    done = subprocess.run(
        [*_command(kind), kind],
        env=environment,
        capture_output=True,
        text=True,
        timeout=_RUN_SECONDS,
        check=False,
        cwd=checkout_root(),
    )
    assert done.returncode == 0, f"{kind}: {done.stderr}"
    return Outcome(**json.loads(done.stdout))


def _command(kind: str) -> list[str]:
    library = kind.split("-")[0]
    match library:
        case "pgx" | "gorm":
            return [str(_go() / "clients")]
        case "pg":
            return [_tool("node"), str(_node() / "clients.js")]
        case "jdbc":
            folder = _java()
            zone = f"-Duser.timezone={ZONE_OF_JAVA}"
            # The virtual machine is to be up soon rather than fast.
            return [_tool("java"), "-XX:TieredStopAtLevel=1", zone, "-cp", f"{folder}:{folder / _JAR}", "Clients"]
        case "asyncpg" | "sqlalchemy":
            return [sys.executable, "-m", f"tests.clients.programs.python.{library}_clients"]
    return [sys.executable, "-m", "tests.clients.programs.python.psycopg_clients"]


@functools.cache
def _go() -> Path:
    def build(made: Path) -> None:
        go = _tool("go")
        command = [go, "build", "-mod=readonly", "-o", str(made / "clients"), "."]
        _run("building clients in Go", command, _PROGRAMS / "go", go_environment(go, made))
        shutil.rmtree(made / "go", ignore_errors=True)

    return _built("go", build)


@functools.cache
def _node() -> Path:
    def build(made: Path) -> None:
        shutil.copytree(_PROGRAMS / "node", made, dirs_exist_ok=True)
        _run("getting node-postgres", [_tool("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], made)

    return _built("node", build)


@functools.cache
def _java() -> Path:
    def build(made: Path) -> None:
        group = "org.postgresql:postgresql:" + _JAR.removeprefix("postgresql-").removesuffix(".jar")
        copy = ["dependency:copy", f"-Dartifact={group}", f"-DoutputDirectory={made}"]
        _run("getting pgjdbc", [_tool("mvn"), "-q", "-B", *copy], made)
        found = hashlib.sha256((made / _JAR).read_bytes()).hexdigest()
        if found != _JAR_SHA256:
            raise CommandError(f"{_JAR} is not the one that was locked: its SHA-256 is {found}")
        _run("compiling clients in Java", [_tool("javac"), "-d", str(made), "Clients.java"], _PROGRAMS / "java")

    return _built("java", build)


def _built(language: str, build: Callable[[Path], None]) -> Path:
    """The folder of a program as its sources are now; what was built from others goes."""
    sources = sorted(file for file in (_PROGRAMS / language).iterdir() if file.is_file())
    content = b"".join(file.read_bytes() for file in sources) + _JAR_SHA256.encode()
    folder = cache_root() / "clients" / language
    final = folder / hashlib.sha256(content).hexdigest()[:12]
    with alone(folder / "lock", f"building clients in {language}"):
        if not final.exists():
            with whole(final) as made:
                build(made)
    return final


def _run(what: str, command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
    run(what, command, folder=folder, environment=environment, seconds=_BUILD_SECONDS)


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CommandError(
            f"{name} is not on PATH, and clients are written for it; run `make setup-tests`, "
            "or for Go install it: https://go.dev/doc/install"
        )
    return found
