"""`python -m tests.end_to_end.killed_ups [--kills 20] [--seed N]`: `pulumi up` killed at random, then `make up`.

Each round kills (SIGKILL) at a random moment of a run on a copy of this checkout: the engine alone, the run with all
that it started, or everything, as when a machine loses power. The run either makes the stack or changes its
authentication. Then `python -m local up` must bring the stack to its stated form at the first go.
"""

import argparse
import itertools
import json
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.supervisor.client import SupervisorClient
from tests import processes
from tests.end_to_end.checkouts import Checkout, copied
from tests.waiting import LIMIT_SECONDS, until

ENGINE, RUN, MACHINE = "pulumi", "the run", "everything"
NOTHING, CHANGE = "from nothing", "a change"
_UP = ("python", "-m", "local", "up")
_END_SECONDS = 3 * LIMIT_SECONDS


@dataclass(frozen=True, kw_only=True)
class Kill:
    """What is killed, in which run, and after which part (0–1) of the time that such a run takes."""

    victim: str
    start: str
    part: float


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a kill did and whether one `make up` mended it; `fault` is empty when it did; too late is no hit."""

    kill: Kill
    hit: bool
    killed_after: float
    resources: int
    pending: int
    recovered_in: float
    fault: str


def plan(count: int, seed: int) -> list[Kill]:
    """`count` kills at random moments; every victim and both starts in turn."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    return [
        Kill(
            victim=(ENGINE, RUN, MACHINE)[number % 3],
            start=(NOTHING, CHANGE)[number // 3 % 2],
            part=chance.random(),
        )
        for number in range(count)
    ]


class Torture:
    """Kills and mends one stack, again and again."""

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self._seconds: dict[str, float] = {}
        self._auth = "iam"
        self._kinds: dict[str, list[str]] = {}

    def restore(self) -> None:
        """Have the stack up, whatever was done to it meanwhile."""
        supervisor = SupervisorClient.running(self.checkout.root)
        if supervisor is not None and not supervisor.problems() and self._kinds_now() == self._kinds.get(self._auth):
            return
        try:
            self._mend()
        except AssertionError:  # a damaged state, say
            self._down()
            self._mend()
        self._kinds.setdefault(self._auth, self._kinds_now())

    def suffer(self, kill: Kill) -> Outcome:
        """Kill once and mend once."""
        self._prepare(kill.start)
        if kill.start not in self._seconds:
            self._seconds[kill.start] = self._undisturbed()
            self._prepare(kill.start)
        hit, killed_after = self._kill(kill)
        resources, pending = self._left()
        started = time.monotonic()
        fault = ""
        try:
            self._mend()
            fault = self._fault()
        except AssertionError as error:
            fault = str(error)
        return Outcome(
            kill=kill, hit=hit, killed_after=killed_after, resources=resources, pending=pending,
            recovered_in=time.monotonic() - started, fault=fault,
        )  # fmt: skip

    def _prepare(self, start: str) -> None:
        """Have the next run make the stack, or change its authentication."""
        if start == NOTHING:
            self._down()
        else:
            self.restore()
            self._switch()

    def _kill(self, kill: Kill) -> tuple[bool, float]:
        """(whether `pulumi up` was at work, seconds since it began); a run that was faster is an undisturbed one."""
        # To a file: what outlives the run must not keep us waiting at a pipe.
        with tempfile.TemporaryFile() as said:
            run = subprocess.Popen(
                list(_UP), cwd=self.checkout.root, env=self.checkout.environment,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
            engine = _engine(run)
            started = time.monotonic()
            hit = False
            try:
                engine.wait(kill.part * self._seconds[kill.start])
            except psutil.TimeoutExpired:
                hit = True
                processes.kill(*self._victims(kill.victim, run.pid))
            after = time.monotonic() - started
            run.wait(_END_SECONDS)
        return hit, after

    def _undisturbed(self) -> float:
        """Seconds that `pulumi up` takes in a run that nobody kills."""
        with tempfile.TemporaryFile() as said:
            run = subprocess.Popen(
                list(_UP), cwd=self.checkout.root, env=self.checkout.environment,
                stdin=subprocess.DEVNULL, stdout=said, stderr=said,
            )  # fmt: skip
            engine = _engine(run)
            started = time.monotonic()
            engine.wait(_END_SECONDS)
            seconds = time.monotonic() - started
            status = run.wait(_END_SECONDS)
            said.seek(0)
            assert status == 0, f"make up failed: {_end(said.read().decode(errors='replace'))}"
        self._kinds[self._auth] = self._kinds_now()
        return seconds

    def _victims(self, victim: str, run: int) -> list[psutil.Process]:
        started = processes.tree(run)
        if victim == ENGINE:
            return [process for process in started if processes.program(process) == "pulumi"]
        return started + (self._servers() if victim == MACHINE else [])

    def _servers(self) -> list[psutil.Process]:
        client = SupervisorClient.running(self.checkout.root)
        return [] if client is None else processes.tree(client.pid)

    def _left(self) -> tuple[int, int]:
        """(resources, pending operations) in the state that the killed run left."""
        done = self.checkout.pulumi("stack", "export", "-s", "local")
        if done.returncode:
            return 0, 0
        deployment = json.loads(done.stdout).get("deployment") or {}
        return len(deployment.get("resources") or []), len(deployment.get("pending_operations") or [])

    def _mend(self) -> float:
        started = time.monotonic()
        done = self.checkout.run(*_UP)
        assert done.returncode == 0, f"make up failed: {_end(done.stdout + done.stderr)}"
        assert '"ok": true' in done.stdout, f"the function did not answer: {_end(done.stdout)}"
        return time.monotonic() - started

    def _fault(self) -> str:
        """What is not as after an undisturbed run."""
        preview = self.checkout.pulumi("preview", "-s", "local", "--expect-no-changes")
        if preview.returncode:
            return f"a preview finds changes: {_end(preview.stdout + preview.stderr)}"
        exported = json.loads(self.checkout.pulumi("stack", "export", "-s", "local").stdout)["deployment"]
        if exported.get("pending_operations"):
            return "pending operations are left in the state"
        if any(each.get("delete") for each in exported["resources"]):
            return "a resource waits for its deletion"
        if self.checkout.supervisor.problems():
            return "; ".join(self.checkout.supervisor.problems())
        wanted = self._kinds.setdefault(self._auth, self._kinds_now())
        return "" if self._kinds_now() == wanted else f"the laptop has {self._kinds_now()} instead of {wanted}"

    def _kinds_now(self) -> list[str]:
        return sorted(each["kind"] for each in self.checkout.supervisor.resources())

    def _switch(self) -> None:
        self._auth = "secret" if self._auth == "iam" else "iam"
        done = self.checkout.pulumi("config", "set", "lambda-rds-proxy:auth", self._auth, "-s", "local")
        assert done.returncode == 0, done.stderr

    def _down(self) -> None:
        done = self.checkout.run("python", "-m", "local", "down")
        assert done.returncode == 0, f"make down failed: {_end(done.stdout + done.stderr)}"
        assert not self.checkout.state.exists(), f"make down left {self.checkout.state}"


def _engine(run: "subprocess.Popen[bytes]") -> psutil.Process:
    """`pulumi up` itself, once the run has started it."""
    found: list[psutil.Process] = []

    def has_started() -> bool:
        found[:] = [each for each in processes.tree(run.pid) if each.cmdline()[:2] == ["pulumi", "up"]]
        return bool(found)

    until(has_started, or_else=lambda: run.poll() is not None, not_yet=psutil.NoSuchProcess)
    return found[0]


def _end(text: str) -> str:
    return " | ".join(line.strip() for line in text.strip().splitlines()[-8:])


def row(number: int, outcome: Outcome) -> str:
    """One line of the table."""
    kill = outcome.kill
    verdict = f"NOT: {outcome.fault}" if outcome.fault else "converged" if outcome.hit else "missed: it had ended"
    return (
        f"{number:3}  {kill.start:12}  {kill.victim:10}  {outcome.killed_after:8.1f}  {outcome.resources:9}  "
        f"{outcome.pending:7}  {outcome.recovered_in:9.1f}  {verdict}"
    )


def main(arguments: Sequence[str]) -> int:
    """Print the table: 0 when every kill was mended."""
    parser = argparse.ArgumentParser(prog="python -m tests.end_to_end.killed_ups", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="for the same moments again")
    given = parser.parse_args(arguments)
    print(
        f"seed {given.seed}\n  #  run           killed      after, s  resources  pending  up again, s  outcome",
        flush=True,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # else its servers would stay
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, copied(Path(folder) / "a checkout") as checkout:
        torture = Torture(checkout)
        for kill in itertools.chain.from_iterable(
            map(plan, itertools.repeat(given.kills), itertools.count(given.seed))
        ):
            outcomes.append(torture.suffer(kill))
            print(row(len(outcomes), outcomes[-1]), flush=True)
            if sum(each.hit for each in outcomes) == given.kills:
                break
    hits = [each for each in outcomes if each.hit]
    converged = sum(not each.fault for each in hits)
    print(f"{converged} of {len(hits)} killed runs of `pulumi up` converged with one `make up`")
    return 0 if not any(each.fault for each in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
