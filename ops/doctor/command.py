"""`python -m ops doctor`."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ops.places import stack_or_the_places
from ops.stack_outputs import StackError

from .configured import configured
from .drift import Settings, drift
from .evidence import Evidence
from .signs import looked
from .source import CannotLookError, Source, sources
from .table import diagnose
from .verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict on one proxy, what its budget warns of, where it differs from the configuration, what was not seen."""

    proxy: str
    verdict: Verdict
    budget: tuple[str, ...]
    drift: tuple[str, ...]
    not_seen: tuple[str, ...]
    evidence: Evidence

    @property
    def finding(self) -> bool:
        """Whether somebody has to do something."""
        return self.verdict.finding or bool(self.budget or self.drift)

    def as_json(self) -> dict[str, Any]:
        """Everything, with the names of `--json`."""
        return {
            "proxy": self.proxy,
            "finding": self.finding,
            "cause": self.verdict.cause.value,
            "title": self.verdict.title,
            "numbers": list(self.verdict.numbers),
            "isNot": self.verdict.is_not,
            "nextStep": self.verdict.next_step,
            "budget": list(self.budget),
            "drift": list(self.drift),
            "notSeen": list(self.not_seen),
            "evidence": self.evidence.as_json(),
        }


def doctor(
    stack: Annotated[
        str | None, typer.Option(help="Look at this Pulumi stack on AWS, with the shell's credentials.")
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(help="Look at this proxy only; else at every proxy of the stack.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=300, help="How long to look at the laptop stack; not for --stack.")
    ] = 5,
    minutes: Annotated[
        int, typer.Option(min=1, max=180, help="How far back to read functions' logs and, with --stack, metrics.")
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON, and nothing else.")] = False,
) -> None:
    """One verdict on a running stack: what is the matter, the numbers that say so, what it is not, the next step.

    **Examples**

    - `python -m ops doctor`: the laptop stack, looked at for 5 seconds, with the functions' logs of 5 minutes
    - `python -m ops doctor --seconds 10`: for longer, while `python -m ops storm` runs beside it
    - `python -m ops doctor --proxy orders`: one proxy of a stack that has several; else there is a verdict on each
    - `python -m ops doctor --json`: for a machine to read
    - `python -m ops doctor --stack dev`: stack dev on AWS, by its last 5 minutes in CloudWatch
    - `python -m ops doctor --stack dev --minutes 60`: by its last hour

    Exit status: 0 healthy, or failures are over, 1 a finding at some proxy, 2 it could not look, 130 interrupted.
    """
    named = stack_or_the_places(stack)
    if stack is None:
        window, told = seconds, f"{named} for {seconds:g} s"
    else:
        window, told = 60.0 * minutes, f"the last {minutes} min of {stack} in CloudWatch"
    with Console(stderr=True, emoji=False, highlight=False).status(f"looking at {told}"):
        found = [diagnosis(named, each) for each in sources(stack, proxy=proxy, seconds=window, past=60.0 * minutes)]
    if as_json:
        print(json.dumps(as_document(found), indent=2, ensure_ascii=False))
    else:
        for each in found:
            if len(found) > 1:
                Console(emoji=False, highlight=False).print(f"proxy {each.proxy}", markup=False, style="bold")
            _tell(each)
    if any(each.finding for each in found):
        raise typer.Exit(1)


def as_document(found: Sequence[Diagnosis]) -> dict[str, Any]:
    """What `--json` prints; described in docs/doctor.md."""
    return {"finding": any(each.finding for each in found), "proxies": [each.as_json() for each in found]}


def diagnosis(stack: str, source: Source) -> Diagnosis:
    """What one look at a source says."""
    seen, around = source.look(), source.surroundings()
    wanted, running, not_seen = Settings(), Settings(), [*seen.not_seen, *around.not_seen]
    try:
        running = source.settings()
    except CannotLookError as error:
        not_seen.append(f"the proxy's settings: {error}")
    if not source.is_configured:
        not_seen.append(f"drift of {source.name}: the configuration of stack {stack} is of its own proxy")
    else:
        try:
            wanted = configured(stack)
        except StackError as error:
            not_seen.append(f"the configuration of stack {stack}: {error}")
    return Diagnosis(
        proxy=source.name,
        verdict=diagnose(seen),
        budget=source.budget(),
        drift=drift(wanted, running, around),
        not_seen=tuple(not_seen),
        evidence=seen,
    )


def _tell(found: Diagnosis) -> None:
    verdict, console = found.verdict, Console(emoji=False, highlight=False)
    colour = "red" if verdict.finding else "green"
    mark = "✗" if verdict.finding else "✓"
    console.print(f"[bold {colour}]{mark} {verdict.cause}[/]  {escape(verdict.title)}", soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    parts = (
        ("seen", verdict.numbers),
        ("it is not", (verdict.is_not,)),
        ("next step", (verdict.next_step,)),
        ("budget", found.budget),
        ("drift", found.drift),
        ("not seen", found.not_seen),
        ("looked at", looked(found.evidence)),
    )
    for label, sentences in parts:
        for number, sentence in enumerate(sentences):
            table.add_row("" if number else label, escape(sentence))
            if not console.is_terminal:  # for grep: a line for each sentence, as long as it is
                console.print(f"{'' if number else label:9}  {sentence}", markup=False, soft_wrap=True)
    if console.is_terminal:
        console.print(table)
