"""What a cold start costs, from an interpreter's start to its first answer from the database, by way of packaging.

`python -m bench.cold` runs on the local stack (`make up` first), through the proxy with verified TLS. As on Lambda
every start finds its package in a folder in which nothing compiled is kept, and nothing else to import. The interpreter
is of Lambda's version where this machine has one. Ways take turns; the table has medians. What counts is time of the
processor that a process takes, which others do not lengthen; at 256 MB it takes that, divided by their share of one.
"""

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.bytecode import python_of
from lambda_rds_proxy.function.package import Platform, build_package, this_machine
from lambda_rds_proxy.stack.args import LAMBDA_PYTHON
from local.storm.laptop import LaptopStack

ROOT = Path(__file__).resolve().parent.parent
STARTS = 25
# Lambda Developer Guide, "Configure Lambda function memory": 1,769 MB have one vCPU, in proportion.
SHARE = 256 / 1769
BARE, OURS = "bare psycopg", "rds_connection (ours)"
_CONNECT = """
import os
settings = {"host": os.environ["DB_HOST"], "port": os.environ["DB_PORT"], "dbname": os.environ["DB_NAME"],
    "user": os.environ["DB_USER"], "password": os.environ["DB_PASSWORD"], "sslmode": "verify-full",
    "sslrootcert": os.environ["DB_SSL_ROOT_CERT"], "autocommit": True, "prepare_threshold": None}
"""
_PSYCOPG = f"import psycopg\n{_CONNECT}\ndef opened(): return psycopg.connect(**settings)\n"
# What stands in app.py: `opened` is a connection that ends with its block.
_APPS = {
    BARE: _PSYCOPG,
    "psycopg_pool": f"from psycopg_pool import ConnectionPool\n{_CONNECT}\n"
    "def opened(): return ConnectionPool(kwargs=settings, min_size=1, max_size=1, open=True).connection()\n",
    "Powertools + psycopg": "from aws_lambda_powertools import Logger, Metrics\n"
    f"logger, metrics = Logger(service='app'), Metrics(namespace='app', service='app')\n{_PSYCOPG}",
    OURS: "from rds_connection import connection as opened\n",
}
_LISTS = {"Powertools + psycopg": ROOT / "bench" / "powertools.txt"}
_START = """
import time; started = time.process_time()
import app
imported = time.process_time()
with app.opened() as conn:
    conn.execute("SELECT 1").fetchone()
answered, ended = time.process_time(), time.time()
import json, os, re, sys
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
print(json.dumps([started, imported - started, answered - imported, answered, ended, peak]), flush=True)
os._exit(0)
"""


def main() -> None:
    """Package, start in turns, and print."""
    version = LAMBDA_PYTHON if python_of(LAMBDA_PYTHON) else this_machine().python
    python = python_of(version) or sys.executable
    console = Console(emoji=False, highlight=False, width=132)
    stack = LaptopStack.find()
    route = stack.routes["proxy"]
    # What the others log in with; ours signs a token of its own where the stack says so.
    environment = {**stack.environment(route), "DB_PASSWORD": stack.login(route)}
    with tempfile.TemporaryDirectory() as folder:
        ways = dict(_ways(Path(folder), version, python))
        console.print(f"cold, Python {version}: {STARTS} starts each, in turns …")
        found: dict[str, list[list[float]]] = {name: [] for name in ways}
        for _ in range(STARTS):
            for name, package in ways.items():
                found[name].append(_started(python, package, environment))
        sizes = {
            name: sum(each.stat().st_size for each in way.rglob("*") if each.is_file()) for name, way in ways.items()
        }
    table = Table("cold", "package", "memory", "imports", "first answer", "processor", "× bare", "clock", "at 256 MB")
    floor = statistics.median(each[3] for each in found[next(iter(found))])
    for name, starts in found.items():
        _, imports, answer, whole, wall, peak = (statistics.median(column) for column in zip(*starts, strict=True))
        milliseconds = (f"{value * 1000:.0f} ms" for value in (imports, answer, whole))
        table.add_row(
            name,
            f"{sizes[name] / 1e6:.1f} MB",
            f"{peak / 1024:.1f} MB",
            *milliseconds,
            f"{whole / floor:.2f}",
            f"{wall * 1000:.0f} ms",
            f"{whole / SHARE:.2f} s",
        )
    console.print(table)


def _started(python: str, package: Path, environment: dict[str, str]) -> list[float]:
    began = time.time()
    command = [python, "-S", "-s", "-B", "-c", _START]
    done = subprocess.run(command, env=environment, cwd=package, capture_output=True, text=True, check=True)  # noqa: S603 - a list of words, no shell
    *parts, ended, peak = json.loads(done.stdout)
    return [*parts, ended - began, peak]


def _ways(folder: Path, version: str, python: str) -> Iterator[tuple[str, Path]]:
    """A way of packaging, and the folder of what it puts into /var/task."""
    yield f"{BARE}, plain zip", _unpacked(folder, BARE, version)
    yield f"{BARE}, as pip -t leaves it", (kept := _unpacked(folder, BARE, version))
    # As pip does after an install; at its best, with every time kept on the way to /var/task.
    subprocess.run([python, "-m", "compileall", "-q", str(kept)], check=True)  # noqa: S603 - a list of words, no shell
    for name in _APPS:
        if name != BARE:
            yield f"{name}, plain zip", _unpacked(folder, name, version)
    yield f"{OURS}, bytecode", _unpacked(folder, OURS, version, bytecode=True)


def _unpacked(folder: Path, name: str, version: str, *, bytecode: bool = False) -> Path:
    source = Path(tempfile.mkdtemp(dir=folder))
    (source / "app.py").write_text(_APPS[name])
    lists = [ROOT / "handler" / "requirements.txt", *([_LISTS[name]] if name in _LISTS else [])]
    (source / "requirements.txt").write_text("".join(each.read_text() for each in lists))
    instead: dict[str, Path | bytes] = {}
    if name == "psycopg_pool":
        spec = importlib.util.find_spec(name)
        assert spec is not None and spec.origin is not None  # noqa: S101 - this environment has it
        instead = {f"{name}/{path.name}": path for path in Path(spec.origin).parent.glob("*.py")}
    target = Platform(python=version, architecture=this_machine().architecture)
    package = build_package(source, target=target, engine=Engine.POSTGRESQL, bytecode=bytecode, instead=instead)
    into = Path(tempfile.mkdtemp(dir=folder))
    zipfile.ZipFile(package).extractall(into)
    return into


if __name__ == "__main__":
    main()
