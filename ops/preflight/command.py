"""`python -m ops preflight`."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import boto3
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from lambda_rds_proxy.preflight.answers import Row, Verdict
from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.questions import judge
from ops.aws.errors import AwsErrors, reason
from ops.configured import PROJECT, Configuration, configuration
from ops.errors import OpsError
from ops.stack_outputs import StackError, stack_resources

from .account import caller_of, look
from .calls import Calls

_FIT, _FINDINGS, _COULD_NOT_LOOK = 0, 1, 2
# What is known without an account's answers.
_KNOWN = frozenset({"identity", "region", "settings"})
_STYLES = {Verdict.OK: "green", Verdict.FINDING: "red", Verdict.NOT_SEEN: "yellow"}


def preflight(
    stack: Annotated[str, typer.Option(help="The Pulumi stack, deployed or not yet.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON, and nothing else.")] = False,
) -> None:
    """Ask AWS, before anything is made, whether a stack can be: all that differs by account and region, at once.

    Reads only, with the shell's credentials, in at most 60 calls; the region is that of `aws:region`.

    **Examples**

    - `python -m ops preflight --stack dev`: a row for each question, with what was found and the fix
    - `python -m ops preflight --stack prod --json`: for a machine to read

    Exit status: 0 nothing was found, 1 there are findings, 2 it could not look, 130 interrupted.
    """
    try:
        said = configuration(stack)
        needs, profile = needs_of_stack(stack, said), said.values.get("aws:profile")
        calls = Calls(boto3.Session(region_name=needs.region, profile_name=profile))
        found = judge(needs, _look(calls, needs))
    except AwsErrors as error:
        raise OpsError(f"AWS answers nobody: {reason(error)}") from None
    except KeyboardInterrupt:
        raise OpsError("interrupted; nothing was changed", exit_code=130) from None
    if as_json:
        print(json.dumps(as_document(stack, needs, found, calls.made), indent=2, ensure_ascii=False))
    else:
        _show(found, len(calls.made))
    raise typer.Exit(exit_status(found))


def exit_status(found: Sequence[Row]) -> int:
    """0 nothing found, 1 findings, 2 nothing was seen; a question without an answer is told, and no finding."""
    if any(each.verdict is Verdict.FINDING for each in found):
        return _FINDINGS
    asked = [each for each in found if each.question not in _KNOWN]
    return _COULD_NOT_LOOK if all(each.verdict is Verdict.NOT_SEEN for each in asked) else _FIT


def as_document(stack: str, needs: Needs, found: Sequence[Row], calls: Sequence[str]) -> dict[str, Any]:
    """What `--json` prints."""
    rows = [
        {"question": each.question, "verdict": each.verdict.value, "found": each.found, "fix": each.fix}
        for each in found
    ]
    return {
        "stack": stack,
        "region": needs.region,
        "finding": any(each.verdict is Verdict.FINDING for each in found),
        "calls": len(calls),
        "answers": rows,
    }


def needs_of_stack(stack: str, said: Configuration) -> Needs:
    """What a stack needs, as its configuration and its state say.

    Raises:
        StackError: it has no region, or is not one of AWS.
    """
    # Loads the SDK, which the command line does not need.
    from lambda_rds_proxy.serverless_database.needs import needs_of, provider_settings
    from lambda_rds_proxy.stack.place import is_laptop

    if is_laptop(said.values):
        raise StackError(f'the stack "{stack}" is the laptop\'s: there is no account to ask')
    region = said.values.get("aws:region") or boto3.Session(profile_name=said.values.get("aws:profile")).region_name
    if region is None:
        raise StackError(f'the stack "{stack}" has no region; pulumi config set aws:region eu-west-1 --stack {stack}')
    try:
        provider = provider_settings(said.values)
    except ValueError as error:
        raise StackError(str(error)) from None
    return needs_of(
        said.settings,
        project=PROJECT,
        # A stack of Pulumi Cloud is named with its organization.
        stack=stack.rsplit("/", 1)[-1],
        region=region,
        resources=stack_resources(stack),
        unread=said.encrypted,
        **provider,
    )


def _look(calls: Calls, needs: Needs) -> Any:  # noqa: ANN401 - an account
    caller = caller_of(calls)
    columns = (TextColumn("asking AWS"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=Console(stderr=True, emoji=False), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("", total=None)
        return look(
            calls,
            needs,
            caller,
            started=lambda total: progress.update(task, total=total),
            each_done=lambda: progress.advance(task),
        )


def _show(found: Sequence[Row], calls: int) -> None:
    table = Table(show_lines=True)
    table.add_column("question", max_width=24)
    table.add_column("verdict", no_wrap=True)
    table.add_column("what was found → fix", overflow="fold")
    for each in found:
        style, fix = _STYLES[each.verdict], f"\n→ {each.fix}" if each.fix else ""
        table.add_row(each.question, f"[{style}]{each.verdict.value}[/]", escape(f"{each.found}{fix}"))
    console = Console(emoji=False, highlight=False)
    console.print(table)
    counts = {verdict: sum(each.verdict is verdict for each in found) for verdict in Verdict}
    console.print(
        f"findings: {counts[Verdict.FINDING]}; not seen: {counts[Verdict.NOT_SEEN]}; ok: {counts[Verdict.OK]}; "
        f"calls: {calls}"
    )
