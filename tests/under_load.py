"""`python -m tests.under_load MODULES… [--times 3] [--busy N] [--reverse]`: tests beside busy processes.

Runs the modules so many times with pytest while as many processes as there are processors do nothing but compute. In
the shell of `make env`, as `make test`.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from local.supervisor.processes import start

_ROOT = Path(__file__).resolve().parents[1]
_BUSY = [sys.executable, "-c", "while True: pass"]
_SLOWEST = 10


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run of pytest said: its status, seconds by test, and those that failed."""

    status: int
    seconds: float
    tests: dict[str, float]
    failed: list[str]


@contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that compute; they end with the block, and with this process however it ends."""
    started = [
        start(_BUSY, environment={}, folder=_ROOT, output=subprocess.DEVNULL, as_server=False) for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def run(words: Sequence[str]) -> Run:
    """Run pytest with these words; asked to end, or gone, this process interrupts it, so that its servers end too."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            "setpriv",
            "--pdeathsig",
            "INT",
            "--",
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        began = time.monotonic()
        # In a session of its own: who presses Ctrl-C interrupts this process, which then interrupts pytest, once.
        with subprocess.Popen([*command, f"--junitxml={report}", *words], cwd=_ROOT, start_new_session=True) as pytest:
            try:
                status = pytest.wait()
            except BaseException:
                pytest.send_signal(signal.SIGINT)
                pytest.wait()  # which Popen does not when the reason is a KeyboardInterrupt
                raise
        cases = list(ElementTree.parse(report).iter("testcase")) if report.exists() else []  # noqa: S314 - our own
    tests: dict[str, float] = {}
    for case in cases:  # one that fails in its teardown too stands there twice
        tests[_name(case)] = tests.get(_name(case), 0) + float(case.get("time") or 0)
    failed = {_name(case) for case in cases if case.find("failure") is not None or case.find("error") is not None}
    return Run(status=status, seconds=time.monotonic() - began, tests=tests, failed=sorted(failed))


def _name(case: ElementTree.Element) -> str:
    return f"{case.get('classname')}::{case.get('name')}"


def table(runs: Sequence[Run]) -> str:
    """The runs, what failed in them, and the tests that took longest."""
    lines = ["run  tests  failed  seconds  pytest"]
    for number, each in enumerate(runs, 1):
        lines.append(f"{number:3}  {len(each.tests):5}  {len(each.failed):6}  {each.seconds:7.1f}  {each.status:6}")
        lines += [f"     failed: {name}" for name in each.failed]
    longest: dict[str, float] = {}
    for each in runs:
        longest |= {name: max(seconds, longest.get(name, 0)) for name, seconds in each.tests.items()}
    slowest = sorted(longest.items(), key=lambda test: -test[1])[:_SLOWEST]
    return "\n".join([*lines, "the slowest, in seconds:", *(f"{seconds:7.1f}  {name}" for name, seconds in slowest)])


def main(arguments: Sequence[str]) -> int:
    """Run, and print the table: 0 when every run was green."""
    parser = argparse.ArgumentParser(prog="python -m tests.under_load", description=__doc__)
    parser.add_argument("modules", nargs="+", metavar="MODULE", help="what pytest takes: files, folders, tests")
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1, help="how many processes compute beside them")
    parser.add_argument("--reverse", action="store_true", help="the last test first: none may depend on another")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a script's background has it ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    reverse = ["-p", "tests.reversed_order"] if given.reverse else []
    runs: list[Run] = []
    with busy(given.busy):
        try:
            for _ in range(given.times):
                runs.append(run([*reverse, *given.modules]))
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        finally:
            print(table(runs), flush=True)
    return 0 if all(each.status == 0 for each in runs) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
