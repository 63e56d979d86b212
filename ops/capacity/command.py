"""`python -m ops capacity`."""

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

from lambda_rds_proxy.engines import DEFAULT_ENGINE, ENGINES, Engine, TargetKind
from lambda_rds_proxy.engines.instance_classes import SERVERLESS, SESSIONS_PER_VCPU, vcpus
from lambda_rds_proxy.serverless_database.budget import ConnectionBudget, connection_budget
from lambda_rds_proxy.settings.spelling import CONFIG
from ops.budget import budget_of_output
from ops.errors import OpsError
from ops.places import stack_or_the_places
from ops.stack_outputs import StackError, stack_outputs, stack_proxies, stack_resources

from .what_if import DUTY_CYCLES, choices, reserved_concurrency

_PERCENT, _BAR = 85, 20
_console = Console(emoji=False, highlight=False)


def capacity(
    stack: Annotated[str | None, typer.Option(help="The Pulumi stack; the laptop's if nothing is by hand.")] = None,
    max_connections: Annotated[
        int | None, typer.Option(min=1, help="By hand: max_connections of the database.")
    ] = None,
    instance_class: Annotated[
        str | None, typer.Option("--class", help="By hand: the instance class, such as db.t4g.micro.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="Of --class.")] = DEFAULT_ENGINE,
    cluster: Annotated[bool, typer.Option("--cluster", help="--class is Aurora's.")] = False,
    percent: Annotated[
        int | None, typer.Option(min=1, max=100, help=f"By hand: maxConnectionsPercent; {_PERCENT} if left out.")
    ] = None,
    function: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=CONCURRENCY", help="By hand: a function; NAME alone is unbounded. Repeatable."),
    ] = None,
    sessions_per_vcpu: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Of --class: sessions at once that one vCPU bears.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")] = False,
) -> None:
    """How many environments the proxy bears, and what another share of max_connections would change.

    **Examples**

    - `python -m ops capacity`: the laptop stack, by its output connectionBudget
    - `python -m ops capacity --stack dev --json`: stack dev, for a machine to read
    - `python -m ops capacity --class db.r7g.4xlarge --function api=500 --function report=20`: before there is a stack
    - `python -m ops capacity --max-connections 400 --percent 60 --function api=150`: with a limit of one's own

    Exit status: 0 the clients fit or share, 1 they are unbounded, too many (less than 10 % each) or more than the
    processor bears, 2 it could not look.
    """
    by_hand = max_connections is not None or instance_class is not None
    if not by_hand and (percent is not None or function):
        raise OpsError("--percent and --function are for numbers given by hand; add --max-connections or --class")
    if cluster and instance_class is None:
        raise OpsError("--cluster says of which kind --class is; add --class")
    if sessions_per_vcpu is not None and instance_class is None:
        raise OpsError(f"--sessions-per-vcpu {sessions_per_vcpu} is of the vCPUs of --class; add --class")
    if by_hand and stack is not None:
        raise OpsError(f"--stack {stack} has numbers of its own; leave it out, or --max-connections and --class")
    try:
        if by_hand:
            limit, estimated = _limit(max_connections, instance_class, engine, cluster=cluster)
            budget = connection_budget(
                max_connections=limit,
                percent=_PERCENT if percent is None else percent,
                reserved_concurrency=[reserved_concurrency(each) for each in function or ()],
                vcpus=None if instance_class is None else vcpus(instance_class),
                sessions_per_vcpu=SESSIONS_PER_VCPU if sessions_per_vcpu is None else sessions_per_vcpu,
            )
        else:
            budget, estimated = _of_stack(stack_or_the_places(stack)), False
    except ValueError as error:
        raise OpsError(str(error)) from None
    warnings = [*budget.warnings(CONFIG), *filter(None, [budget.notice(CONFIG)])]
    if as_json:
        document = {
            "connectionBudget": budget.as_output(),
            "estimated": estimated,
            "warning": "; ".join(warnings) or None,
            "whatIf": [each.as_json() for each in choices(budget)],
        }
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _tell(budget, warnings, estimated=estimated)
    if warnings:
        raise typer.Exit(1)


def _of_stack(stack: str) -> ConnectionBudget:
    output = stack_outputs(stack).get("connectionBudget")
    if output is None:
        fix = f"run `pulumi up --stack {stack}`"
        if stack_proxies(stack_resources(stack)):  # it was up, by a program of one's own
            fix = (
                'have the program export it, pulumi.export("connectionBudget", shop.connection_budget().as_output()) '
                "where shop is the ServerlessDatabase, or give the numbers by hand, such as with --class"
            )
        raise StackError(f'the stack "{stack}" has no output "connectionBudget"; {fix}')
    try:
        return budget_of_output(output)
    except ValueError as error:
        raise StackError(f'the stack "{stack}" cannot be read: {error}') from None


def _limit(given: int | None, instance_class: str | None, engine: Engine, *, cluster: bool) -> tuple[int, bool]:
    """max_connections, and whether it is an estimate of this project."""
    if given is not None and instance_class is not None:
        raise ValueError(f"--max-connections {given} and --class {instance_class} say the same; give one of them")
    if instance_class is None:
        return given or 0, False
    if instance_class == SERVERLESS:
        raise ValueError(f"--class {instance_class} has as many as its capacity allows; give --max-connections")
    target = ENGINES[engine].target(TargetKind.CLUSTER if cluster else TargetKind.INSTANCE)
    return target.max_connections(instance_class), target.is_estimate(instance_class)


def _tell(budget: ConnectionBudget, warnings: Sequence[str], *, estimated: bool) -> None:
    about = "about " if estimated else ""
    clients = "unbounded" if budget.unbounded else f"{budget.clients:,}"
    _console.print(
        f"max_connections {about}{budget.max_connections:,}, the proxy may take {budget.percent} % = "
        f"{budget.ceiling:,}; clients {clients}{_vcpus_of(budget)}: [bold]{budget.verdict}[/]"
    )
    table = Table(title="environments at most, by the share of its time that each is in a transaction")
    for heading in ("percent", "ceiling", "left", *(f"{share} %" for share in DUTY_CYCLES)):
        table.add_column(heading, justify="right")
    if budget.vcpus is not None:
        table.add_column("CPU")
    table.add_column("duty cycle now")
    for each in choices(budget):
        cells = [f"{each.percent} %", *(f"{number:,}" for number in (each.ceiling, each.left, *each.environments))]
        row = Table.grid(padding=(0, 1))
        if each.duty_cycle is None:
            row.add_row("–")
        else:
            row.add_row(ProgressBar(total=1.0, completed=each.duty_cycle, width=_BAR), f"{each.duty_cycle:.0%}")
        cpu = [] if each.cpu_bears is None else ["✓" if each.cpu_bears else "✗"]
        table.add_row(*cells, *cpu, row, style="bold" if each.percent == budget.percent else "")
    _console.print(table)
    for warning in warnings:
        _console.print(f"✗ {warning}", markup=False, soft_wrap=True)


def _vcpus_of(budget: ConnectionBudget) -> str:
    if budget.bearable_sessions is None:
        return ""
    return f"; {budget.vcpus:g} vCPUs bear about {budget.bearable_sessions:,} sessions"
