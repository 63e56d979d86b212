"""`python -m ops survey FILES…`: one row per stack, JSON for a spreadsheet, SARIF for code scanning."""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from os import cpu_count
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from ops.errors import OpsError
from ops.places import must_be_here

from .analysis import CREDENTIALS_POLICY, DIRECT_POLICIES, Survey, analysis_environment, survey_file
from .exports import UnreadableError
from .sarif import sarif

_NOTHING_FOUND, _FOUND, _UNREADABLE = 0, 1, 2
_SHARE_POLICIES = frozenset({"rds-proxy-max-connections", "rds-proxy-max-connections-total"})


def survey(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILES…", help="States: `pulumi stack export --file`, or a backend's checkpoints."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")] = False,
    sarif_to: Annotated[
        str | None,
        typer.Option("--sarif", metavar="FILE", help="Write SARIF 2.1.0 too; - prints it, and nothing else."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--policy-pack-config", exists=True, dir_okay=False, help="The pack's configuration, as JSON."),
    ] = None,
) -> None:
    """Judge existing stacks by the policy pack, from their exported state; nothing is decrypted or changed.

    **Examples**

    - `python -m ops survey exports/*.json`: one row per stack
    - `python -m ops survey --json exports/*.json > survey.json`: for a machine to read
    - `python -m ops survey --sarif survey.sarif exports/*.json`: for code scanning

    Exit status: 0 nothing found, 1 findings, 2 a file could not be read (the others were).
    """
    if as_json and sarif_to == "-":
        raise OpsError("--json and --sarif - both print to the terminal; write one of them to a file")
    # Before the work, which may be long.
    if sarif_to is not None and sarif_to != "-" and not Path(sarif_to).absolute().parent.is_dir():
        raise OpsError(f"--sarif is {sarif_to}, in a folder that does not exist; make it, or name another file")
    place = must_be_here()
    environment, pack = analysis_environment(place.environment()), place.project() / "policies"
    surveys, errors = _survey_all(
        list(dict.fromkeys(files)),
        lambda path: survey_file(
            path,
            pack=pack,
            config=config.resolve() if config else None,
            environment=environment,
        ),
    )
    if sarif_to is not None:
        document = json.dumps(sarif(surveys, errors), indent=2, ensure_ascii=False)
        if sarif_to == "-":
            print(document)
        else:
            try:
                Path(sarif_to).write_text(document + "\n")
            except OSError as error:
                raise OpsError(f"--sarif {sarif_to} cannot be written: {error.strerror}; name another file") from None
    if as_json:
        print(json.dumps(as_document(surveys, errors), indent=2, ensure_ascii=False))
    elif sarif_to != "-":
        _show(surveys)
    for path, why in errors.items():
        Console(stderr=True, emoji=False, highlight=False).print(f"error: {path}: {why}", soft_wrap=True, markup=False)
    raise typer.Exit(exit_status(surveys, errors))


def exit_status(surveys: Sequence[Survey], errors: Mapping[Path, str]) -> int:
    """0 nothing found, 1 findings, 2 a file could not be read; what is undecided is no finding."""
    if errors:
        return _UNREADABLE
    return _FOUND if any(each.findings for each in surveys) else _NOTHING_FOUND


def as_document(surveys: Sequence[Survey], errors: Mapping[Path, str]) -> dict[str, Any]:
    """What `--json` prints; described in docs/rollout.md."""
    pack = next((each.pack for each in surveys if each.pack), None)
    return {
        "pack": {"name": pack.name, "version": pack.version} if pack else None,
        "stacks": [_stack_document(each) for each in surveys],
        "errors": [{"file": str(path), "error": why} for path, why in errors.items()],
    }


def _stack_document(each: Survey) -> dict[str, Any]:
    return {
        "file": str(each.path),
        "stack": each.stack,
        "functions": each.functions,
        "directFunctions": each.direct,
        "databases": [
            {
                "database": database.database,
                "maxConnectionsPercent": database.total,
                "proxies": [
                    {"urn": proxy.urn, "maxConnectionsPercent": proxy.percent, "unknown": proxy.unknown}
                    for proxy in database.proxies
                ],
            }
            for database in each.databases
        ],
        "findings": [
            {
                "policy": finding.policy,
                "enforcementLevel": finding.level,
                "severity": finding.severity,
                "urn": finding.urn,
                "message": finding.message,
            }
            for finding in each.findings
        ],
        "undecided": list(each.undecided),
    }


def _survey_all(files: list[Path], judge: Callable[[Path], Survey]) -> tuple[list[Survey], dict[Path, str]]:
    """Every file, as many at a time as there are processors, in the order given; and why some could not be read."""
    surveys: dict[Path, Survey] = {}
    errors: dict[Path, str] = {}
    columns = (TextColumn("surveying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(
            *columns, console=Console(stderr=True, emoji=False), transient=True, disable=not sys.stderr.isatty()
        ) as progress,
        ThreadPoolExecutor(max_workers=cpu_count() or 1) as threads,
    ):
        task = progress.add_task("", total=len(files))
        futures = {threads.submit(judge, path): path for path in files}
        try:
            for done in as_completed(futures):
                try:
                    surveys[futures[done]] = done.result()
                except UnreadableError as error:
                    errors[futures[done]] = str(error)
                progress.advance(task)
        except KeyboardInterrupt:
            threads.shutdown(wait=False, cancel_futures=True)
            raise OpsError("interrupted; nothing was changed") from None
    return [surveys[path] for path in files if path in surveys], {
        path: errors[path] for path in files if path in errors
    }


def _show(surveys: Sequence[Survey]) -> None:
    console = Console(emoji=False, highlight=False)
    table = Table(title=f"stacks: {len(surveys)}", title_justify="left")
    table.add_column("stack", overflow="fold")
    for column in ("functions", "direct"):
        table.add_column(column, justify="right")
    table.add_column("percent", overflow="fold")
    for column in ("credentials", "other", "undecided"):
        table.add_column(column, justify="right")
    for each in surveys:
        table.add_row(*_row(each))
    console.print(table)
    found = [each for each in surveys if each.findings]
    direct = sum(len(each.direct) for each in surveys)
    console.print(
        f"with findings: {len(found)}; functions that go round the proxy: {direct}; "
        f"undecided: {sum(len(each.undecided) for each in surveys)}. "
        "Each finding with its reason and fix: --json or --sarif"
    )


def _row(each: Survey) -> tuple[str, ...]:
    named = DIRECT_POLICIES | _SHARE_POLICIES | {CREDENTIALS_POLICY}
    percents = escape("\n".join(map(str, each.databases))) or "–"
    too_much = any(each.count(policy) for policy in _SHARE_POLICIES)
    other = sum(finding.policy not in named for finding in each.findings)
    return (
        escape(each.stack),
        str(each.functions),
        _red(len(each.direct)),
        f"[red]{percents}[/red]" if too_much else percents,
        _red(each.count(CREDENTIALS_POLICY)),
        _red(other),
        str(len(each.undecided)),
    )


def _red(count: int) -> str:
    return f"[red]{count}[/red]" if count else "0"
