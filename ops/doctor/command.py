"""`python -m ops doctor`."""

import json
from collections.abc import Sequence
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
- `python -m ops doctor --proxy orders`: one proxy of a stack that has several; else there is a verdict on each
- `python -m ops doctor --json`: for a machine to read
- `python -m ops doctor --stack dev`: stack dev on AWS, by its last 5 minutes in CloudWatch
- `python -m ops doctor --stack dev --minutes 60`: by its last hour

Exit status: 0 healthy, 1 there is a finding at some proxy, 2 it could not look, 130 interrupted.
"""
_errors = Console(stderr=True, highlight=False)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict on one proxy, the differences between configuration and proxy, and what could not be seen."""

    proxy: str
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
            "proxy": self.proxy,
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
    proxy: Annotated[
        str | None, typer.Option(help="Look at this proxy only; else at every proxy of the stack.")
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=1, max=300, help="How long to look at the laptop stack; not for --stack.")
    ] = 5,
    minutes: Annotated[int, typer.Option(min=1, max=180, help="How far to look back in CloudWatch; for --stack.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="Print the diagnosis as JSON, and nothing else.")] = False,
) -> None:
    """One verdict on a running stack: what is the matter, the numbers that say so, what it is not, the next step."""
    try:
        found = _laptop(seconds, proxy) if stack is None else _deployed(stack, minutes, proxy)
    except (LaptopError, StackError) as error:
        _errors.print(f"error: {error}", soft_wrap=True, markup=False)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    if as_json:
        print(json.dumps(as_document(found), indent=2, ensure_ascii=False))
    else:
        for each in found:
            if len(found) > 1:
                Console(highlight=False).print(f"proxy {each.proxy}", markup=False, style="bold")
            _tell(each)
    if any(each.finding for each in found):
        raise typer.Exit(1)


doctor.__doc__ = f"{doctor.__doc__}\n{_EXAMPLES}"


def as_document(found: Sequence[Diagnosis]) -> dict[str, Any]:
    """What `--json` prints; described in docs/doctor.md."""
    return {"finding": any(each.finding for each in found), "proxies": [each.as_json() for each in found]}


def _laptop(seconds: float, proxy: str | None) -> list[Diagnosis]:
    found = []
    for patient in LaptopPatient.find_all(proxy=proxy):
        with _errors.status(f"looking at {patient.name} on the laptop for {seconds:g} s"):
            seen = patient.examine(seconds)
        notes, running = [], Settings()
        try:
            running = patient.settings()
        except LaptopError as error:
            notes.append(f"the proxy's settings not seen: {error}")
        found.append(_diagnosis(_LOCAL, patient, seen, running, Surroundings(), notes))
    return found


def _deployed(stack: str, minutes: int, proxy: str | None) -> list[Diagnosis]:
    found = []
    with _errors.status(f"looking at the last {minutes} min of {stack} in CloudWatch"):
        for patient in DeployedPatient.find_all(stack, proxy=proxy):
            seen = patient.examine(minutes)
            around, notes = patient.surroundings()
            found.append(_diagnosis(stack, patient, seen, patient.settings(), around, notes))
    return found


def _diagnosis(
    stack: str,
    patient: LaptopPatient | DeployedPatient,
    seen: Evidence,
    running: Settings,
    around: Surroundings,
    notes: list[str],
) -> Diagnosis:
    wanted = Settings()
    if patient.is_configured:
        try:
            wanted = configured(stack)
        except ConfigurationError as error:
            notes = [*notes, f"the configuration of stack {stack} not seen: {error}"]
    else:
        notes = [*notes, f"no drift of {patient.name} seen: the configuration of stack {stack} is of its own proxy"]
    return Diagnosis(
        proxy=patient.name,
        verdict=diagnose(seen),
        drift=drift(wanted, running, around),
        not_seen=tuple(notes),
        evidence=seen,
    )


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
