"""Whether a line of metrics by hand is worth it: our module against Powertools for AWS Lambda, in fresh interpreters.

`python -m bench.metrics` measures, in turns, what a cold start pays for importing each and writing a first line, and
what every further line costs. Both write six values in CloudWatch's embedded metric format; ours are metrics of the
proxy and one of the function, for which Powertools would write two lines.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .peers import peer

STARTS = 15
_TIMED = """
import json, sys, time
{before}
began = time.perf_counter()
{imported}
{emit}
first = time.perf_counter()
for _ in range(1000):
{again}
print(json.dumps([first - began, (time.perf_counter() - first) / 1000]), file=sys.stderr)
"""
_OURS = _TIMED.format(
    # The rest of the package is there in any case, and with it what both need.
    before="import rds_connection, rds_connection.invocations\ndel sys.modules['rds_connection.metrics']",
    imported="from rds_connection.metrics import metrics_line",
    emit="one = rds_connection.invocations.Invocation(None)\n"
    "print(metrics_line(one, outcome='ok', function='app', proxy='orders', milliseconds=1))",
    again="    print(metrics_line(one, outcome='ok', function='app', proxy='orders', milliseconds=1))",
)
_NAMES = ("ConnectionsOpened", "ConnectionsReused", "Retries", "Failures", "ConnectTime", "QueryTime")
_LINES = (
    f"for name in {_NAMES!r}:",
    "    metrics.add_metric(name=name, unit='Count', value=1)",
    "metrics.flush_metrics()",
)
_THEIRS = _TIMED.format(
    before="import logging, os",
    imported="from aws_lambda_powertools import Metrics\nmetrics = Metrics(namespace='LambdaRdsProxy', service='app')",
    emit="\n".join(_LINES),
    again="\n".join(f"    {line}" for line in _LINES),
)


def main() -> None:
    """Measure and print."""
    programs, version = peer("powertools")
    variants = {
        "ours": ([sys.executable, "-c", _OURS], Path(__file__).resolve().parent.parent / "handler"),
        f"Powertools {version}": ([str(programs / "python"), "-c", _THEIRS], Path("/")),
    }
    found: dict[str, list[list[float]]] = {name: [] for name in variants}
    for _ in range(STARTS):
        for name, (command, folder) in variants.items():
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603 - a list of words, no shell
            found[name].append(json.loads(done.stderr.strip().splitlines()[-1]))
    table = Table("one line of metrics", "import and first line", "lowest – highest", "each further line")
    for name, times in found.items():
        firsts = [each[0] * 1000 for each in times]
        further = statistics.median(each[1] for each in times) * 1e6
        table.add_row(
            name,
            f"{statistics.median(firsts):.2f} ms",
            f"{min(firsts):.2f} – {max(firsts):.2f} ms",
            f"{further:.1f} µs",
        )
    Console(emoji=False, highlight=False).print(table)


if __name__ == "__main__":
    main()
