"""What the pack costs: its own process over gRPC as the engine drives it, against the same policies with empty bodies.

`python -m bench.policies [SIZES…] [--turns 5]` (default 1000 10000 50000) makes a stack of that many resources, one in
twenty of them of a kind that some rule reads, and starts two packs: ours, and its twin, whose policies have the same
names, stages, levels and schemas and do nothing. They take turns, each in a process of its own per turn, as every
operation of the engine starts one: one Analyze per resource, then one AnalyzeStack. The table shows the median ratio of
the turns with the lowest and the highest, by the clock and by the processor seconds that the pack used (other load on
the machine does not count in those), and what is ours: processor seconds more than the twin's per 1,000 resources. The
stacks of `bench.shapes` follow, `--shapes SHARE` of their size each (default 1; 0 leaves them out). A last table shows
what Checkov finds (`bench.checkov`).
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi.runtime.proto import analyzer_pb2
from pulumi.runtime.rpc import UNKNOWN
from rich.console import Console
from rich.table import Table

from bench import checkov
from bench.shapes import SHAPES
from tests.policies.pack_process import PACK, running

SIZES, TURNS = (1_000, 10_000, 50_000), 5
PYTHON = PACK / "venv" / "bin" / "python"
_TWIN = f"""
import sys
sys.path.insert(0, {str(PACK)!r})
from pulumi_policy import PolicyPack, ResourceValidationPolicy, StackValidationPolicy
from rds_proxy_guard.pack import build

def nothing(args, report):
    pass

def emptied(policy):
    of = ResourceValidationPolicy if isinstance(policy, ResourceValidationPolicy) else StackValidationPolicy
    return of(
        name=policy.name,
        description=policy.description,
        enforcement_level=policy.enforcement_level,
        config_schema=policy.config_schema,
        validate=nothing,
    )

pack = build()
PolicyPack(**{{**pack, "policies": [emptied(policy) for policy in pack["policies"]]}})
"""


@dataclass(frozen=True)
class Turn:
    """One pack over one stack: seconds for all resources one by one, for the stack as a whole; processor seconds of the
    pack, peak resident MB."""

    resources: float
    stack: float
    processor: float
    megabytes: float

    @property
    def seconds(self) -> float:
        """Both stages."""
        return self.resources + self.stack


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.policies")
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES), help="resources in the stack")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each pack; 50,000 resources take minutes a turn")
    parser.add_argument("--shapes", type=float, default=1.0, help="share of the size of each shape; 0 for none")
    parser.add_argument("--pack", type=Path, default=PACK, help="the pack to measure, another version for instance")
    given = parser.parse_args()
    console = Console(emoji=False, highlight=False)
    table = Table(
        "resources",
        "policies",
        "per resource",
        "whole stack",
        "both",
        "processor",
        "memory",
        "× empty, by the clock",
        "× empty, processor",
        "× empty, memory",
        "ours per 1,000",
    )
    with tempfile.TemporaryDirectory() as folder:
        twin = Path(folder)
        (twin / "__main__.py").write_text(_TWIN)
        for size in given.sizes:
            console.print(f"{size:,} resources: {given.turns} turns of each pack …")
            for row in measured(f"{size:,}", *stack(size), {"empty": twin, "ours": given.pack}, given.turns):
                table.add_row(*row)
        for name, (make, size) in SHAPES.items() if given.shapes else ():
            made = make(int(size * given.shapes))
            console.print(f"{name}, {len(made.requests):,} resources: {given.turns} turns of each pack …")
            of = f"{int(size * given.shapes):,} {name}"
            for row in measured(of, made.requests, made.whole, {"empty": twin, "ours": given.pack}, given.turns):
                table.add_row(*row)
    console.print(table)
    console.print(checkov.table())


def measured(
    of: str, requests: list[Any], whole: "analyzer_pb2.AnalyzeStackRequest", packs: dict[str, Path], count: int
) -> list[list[str]]:
    """Rows of the table for one stack."""
    turns: dict[str, list[Turn]] = {name: [] for name in packs}
    for index in range(count):
        names = list(packs) if index % 2 else list(reversed(packs))  # nobody is always the one on a warm cache
        for name in names:
            turns[name].append(turn(packs[name], requests, whole))
    pairs = list(zip(turns["ours"], turns["empty"], strict=True))
    rows = []
    for name, taken in turns.items():
        times = [_median(taken, field) for field in ("resources", "stack", "seconds", "processor")]
        row = [of, name, *(f"{value:.2f} s" for value in times), f"{_median(taken, 'megabytes'):.0f} MB"]
        if name == "ours":
            extra = statistics.median(ours.processor - empty.processor for ours, empty in pairs)
            row += [
                _spread([ours.seconds / empty.seconds for ours, empty in pairs]),
                _spread([ours.processor / empty.processor for ours, empty in pairs]),
                _spread([ours.megabytes / empty.megabytes for ours, empty in pairs]),
                f"{extra / len(requests) * 1000:.3f} s",
            ]
        rows.append(row)
    return rows


def _median(taken: list[Turn], field: str) -> float:
    return float(statistics.median(getattr(each, field) for each in taken))


def _spread(ratios: list[float]) -> str:
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})"


def turn(pack: Path, requests: list[Any], whole: "analyzer_pb2.AnalyzeStackRequest") -> Turn:
    """Start a pack and ask it everything that the engine asks in one preview."""
    with running(pack, python=PYTHON) as process:
        process.analyzer.Analyze(requests[0])  # the first call imports what is imported late
        used = process.processor_seconds()
        began = time.perf_counter()
        for request in requests:
            process.analyzer.Analyze(request)
        halfway = time.perf_counter()
        process.analyzer.AnalyzeStack(whole)
        ended = time.perf_counter()
        used = process.processor_seconds() - used
        return Turn(halfway - began, ended - halfway, used, process.peak_resident_bytes() / 1e6)


def stack(size: int) -> tuple[list[Any], "analyzer_pb2.AnalyzeStackRequest"]:
    """A first preview of a large stack: services of a function, a proxy and a database among many other resources.

    Returns:
        The request of every resource, and that of the whole.
    """
    requests: list[Any] = []
    whole = analyzer_pb2.AnalyzeStackRequest()
    urns: dict[str, str] = {}
    while len(requests) < size:
        service = f"service{len(requests)}"
        for token, suffix, inputs, outputs, feeds in [*_SERVICE, *_OTHERS][: size - len(requests)]:
            name = f"{service}-{suffix}"
            urn = urns[name] = f"urn:pulumi:dev::shop::{token}::{name}"
            # The name is what a target group and its proxy are matched by, where no dependency does it.
            named = {key: service if value == "${service}" else value for key, value in inputs.items()}
            request = analyzer_pb2.AnalyzeRequest(type=token, urn=urn, name=name)
            request.properties.update(named)
            requests.append(request)
            resource = whole.resources.add(type=token, urn=urn, name=name)
            resource.properties.update({**named, **outputs})
            for key, sources in feeds.items():
                fed = [urns[f"{service}-{source}"] for source in sources]
                resource.propertyDependencies[key].urns.extend(fed)
                resource.dependencies.extend(fed)
    return requests, whole


# (type, name, inputs, what differs in outputs, property → the resources that feed it)
_Made = tuple[str, str, dict[str, Any], dict[str, Any], dict[str, list[str]]]
_GROUP, _RULE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/securityGroupRule:SecurityGroupRule"
_SETTINGS = {f"SETTING_{index}": f"value {index}" for index in range(10)}
_STATEMENT = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
_SERVICE: list[_Made] = [
    (_GROUP, "db-group", {"description": "database"}, {"ingress": UNKNOWN}, {}),
    (_GROUP, "proxy-group", {"description": "proxy"}, {"ingress": UNKNOWN}, {}),
    (
        _RULE,
        "rule",
        {
            "type": "ingress",
            "protocol": "tcp",
            "fromPort": 5432,
            "toPort": 5432,
            "securityGroupId": UNKNOWN,
            "sourceSecurityGroupId": UNKNOWN,
        },
        {},
        {"securityGroupId": ["db-group"], "sourceSecurityGroupId": ["proxy-group"]},
    ),
    (
        "aws:rds/instance:Instance",
        "db",
        {"engine": "postgres", "vpcSecurityGroupIds": UNKNOWN},
        {"address": UNKNOWN},
        {"vpcSecurityGroupIds": ["db-group"]},
    ),
    (
        "aws:rds/proxy:Proxy",
        "proxy",
        {
            "name": "${service}",
            "engineFamily": "POSTGRESQL",
            "requireTls": True,
            "auths": [{"authScheme": "SECRETS", "iamAuth": "REQUIRED", "secretArn": UNKNOWN}],
            "vpcSecurityGroupIds": UNKNOWN,
        },
        {"auths": UNKNOWN, "endpoint": UNKNOWN},
        {"vpcSecurityGroupIds": ["proxy-group"]},
    ),
    (
        "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup",
        "pool",
        {"dbProxyName": "${service}", "connectionPoolConfig": {"maxConnectionsPercent": 85}},
        {},
        {"dbProxyName": ["proxy"]},
    ),
    (
        "aws:rds/proxyTarget:ProxyTarget",
        "target",
        {"dbProxyName": "${service}", "targetGroupName": "default", "dbInstanceIdentifier": UNKNOWN},
        {},
        {"dbProxyName": ["proxy"], "dbInstanceIdentifier": ["db"]},
    ),
    (
        "aws:lambda/function:Function",
        "function",
        {"environment": {"variables": {**_SETTINGS, "DB_HOST": UNKNOWN, "DB_PORT": "5432"}}},
        {"environment": UNKNOWN},
        {"environment": ["proxy"]},
    ),
]
_OTHERS: list[_Made] = [
    (
        "aws:iam/role:Role",
        f"role-{index}",
        {"assumeRolePolicy": json.dumps({"Version": "2012-10-17", "Statement": [_STATEMENT] * 3}), "tags": _SETTINGS},
        {"arn": UNKNOWN},
        {},
    )
    for index in range(len(_SERVICE) * 19)
]


if __name__ == "__main__":
    main()
