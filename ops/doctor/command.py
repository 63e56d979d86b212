"""`python -m ops doctor`."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.supervisor.errors import LaptopError
from ops.stack_outputs import StackError

from .configured import ConfigurationError, configured
from .deployed import DeployedPatient
from .drift import Settings, Surroundings, drift
from .evidence import Evidence
from .laptop import LaptopPatient
from .table import diagnose
from .verdict import Verdict

_LOCAL = "local"
_EXAMPLES = """
**Examples**

- `python -m ops doctor`: the laptop stack, looked at for 5 seconds
- `python -m ops doctor --seconds 10`: for longer, while `python -m ops storm` runs beside it
- `python -m ops doctor --json`: for a machine to read
- `python -m ops doctor --stack dev`: stack dev on AWS, by its last 5 minutes in CloudWatch
- `python -m ops doctor --stack dev --minutes 60`: by its last hour

Exit status: 0 healthy, 1 there is a finding, 2 it could not look, 130 interrupted.
"""
_errors = Console(stderr=True, highlight=False)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict, the differences between configuration and proxy, and what could not be seen."""

    verdict: Verdict
    drift: tuple[str, ...]
    not_seen: tuple[str, ...]
    evidence: Evidence

    @property
    def finding(self) -> bool:
        """Whether somebody has to do something."""
        return self.verdict.finding or bool(self.drift)

    def as_json(self) -> dict[str, Any]:
        """Everything, with the names of `--json`."""
        return {
            "finding": self.finding,
            "cause": self.verdict.cause.value,
            "title": self.verdict.title,
            "numbers": list(self.verdict.numbers),
            "isNot": self.verdict.is_not,
            "nextStep": self.verdict.next_step,
            "drift": list(self.drift),
            "notSeen": list(self.not_seen),
            "evidence": self.evidence.as_json(),
        }


def doctor(
    stack: Annotated[
        str | None, typer.Option(help="Look at this Pulumi stack on AWS, with the shell's credentials.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=300, help="How long to look at the laptop stack; not for --stack.")
    ] = 5,
    minutes: Annotated[int, typer.Option(min=1, max=180, help="How far to look back in CloudWatch; for --stack.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON, and nothing else.")] = False,
) -> None:
    """One verdict on a running stack: what is the matter, the numbers that say so, what it is not, the next step."""
    try:
        found = _laptop(seconds) if stack is None else _deployed(stack, minutes)
    except (LaptopError, StackError) as error:
        _errors.print(f"error: {error}", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    else:
        _tell(found)
    if found.finding:
        raise typer.Exit(1)


doctor.__doc__ = f"{doctor.__doc__}\n{_EXAMPLES}"


def _laptop(seconds: float) -> Diagnosis:
    patient = LaptopPatient.find()
    with _errors.status(f"looking at the laptop stack for {seconds:g} s"):
        seen = patient.examine(seconds)
    return _diagnosis(_LOCAL, seen, patient.settings(), Surroundings(), [])


def _deployed(stack: str, minutes: int) -> Diagnosis:
    with _errors.status(f"looking at the last {minutes} min of {stack} in CloudWatch"):
        patient = DeployedPatient.find(stack)
        seen = patient.examine(minutes)
        around, notes = patient.surroundings()
    return _diagnosis(stack, seen, patient.settings(), around, notes)


def _diagnosis(stack: str, seen: Evidence, running: Settings, around: Surroundings, notes: list[str]) -> Diagnosis:
    try:
        wanted = configured(stack)
    except ConfigurationError as error:
        wanted = Settings()
        notes = [*notes, f"the configuration of stack {stack} not seen: {error}"]
    return Diagnosis(verdict=diagnose(seen), drift=drift(wanted, running, around), not_seen=tuple(notes), evidence=seen)


def _tell(found: Diagnosis) -> None:
    verdict, console = found.verdict, Console(highlight=False)
    colour = "red" if verdict.finding else "green"
    mark = "✗" if verdict.finding else "✓"
    console.print(f"[bold {colour}]{mark} {verdict.cause}[/]  {escape(verdict.title)}")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    parts = (
        ("seen", verdict.numbers),
        ("it is not", (verdict.is_not,)),
        ("next step", (verdict.next_step,)),
        ("drift", found.drift),
        ("not seen", found.not_seen),
    )
    for label, sentences in parts:
        for number, sentence in enumerate(sentences):
            table.add_row("" if number else label, escape(sentence))
    console.print(table)
