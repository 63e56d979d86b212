"""What an accident leaves, and that one `make up` or `make down` mends it: on a stack of this module's own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local.supervisor.processes import lives
from tests.end_to_end.checkouts import Checkout, copied
from tests.end_to_end.killed_ups import CHANGE, ENGINE, MACHINE, NOTHING, RUN, Kill, Torture, plan
from tests.processes import kill, tree, wait_for_the_end
from tests.waiting import LIMIT_SECONDS
from toolchain.checkout import GATEWAY_PORT, checkout_cache, subnet

pytestmark = [pytest.mark.engine, pytest.mark.servers]


@pytest.fixture(scope="module")
def torture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Torture]:
    with copied(tmp_path_factory.mktemp("recovery") / "a checkout") as checkout:
        yield Torture(checkout)


@pytest.fixture
def up(torture: Torture) -> Checkout:
    """The checkout with its stack up, whatever a test before left."""
    torture.restore()
    return torture.checkout


def kill_supervisor(up: Checkout) -> None:
    """Its servers end with it, each in its own time."""
    processes = tree(up.supervisor.pid)
    kill(*processes[:1])
    wait_for_the_end(processes)


def test_every_victim_and_both_starts_are_in_a_plan_that_a_seed_repeats() -> None:
    kills = plan(20, 1)
    assert {(kill.victim, kill.start) for kill in kills} == {
        (victim, start) for victim in (ENGINE, RUN, MACHINE) for start in (NOTHING, CHANGE)
    }
    assert kills == plan(20, 1) != plan(20, 2)
    assert all(0 <= kill.part < 1 for kill in kills)


@pytest.mark.parametrize(
    "kill",
    [Kill(victim=ENGINE, start=NOTHING, part=0.5), Kill(victim=MACHINE, start=CHANGE, part=0.5)],
    ids=lambda kill: f"{kill.victim} killed in {kill.start}",
)
def test_a_killed_up_converges_with_one_make_up(torture: Torture, kill: Kill) -> None:
    outcome = torture.suffer(kill)
    while not outcome.hit and kill.part > 0.1:  # this run was faster than the one that was measured
        kill = replace(kill, part=kill.part / 2)
        outcome = torture.suffer(kill)
    assert (outcome.hit, outcome.fault) == (True, "")


def test_a_rebooted_machine_has_its_data_again(up: Checkout) -> None:
    before = {each["identifier"] for each in up.supervisor.resources()}
    processes = tree(up.supervisor.pid)
    kill(*processes)
    wait_for_the_end(processes)
    # Pulumi writes these in two system calls, and cannot read the stack when it was killed between them.
    for attributes in checkout_cache(up.root).glob("backend/.pulumi/stacks/*/local.json*.attrs"):
        attributes.write_text("")
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert {each["identifier"] for each in up.supervisor.resources()} == before
    up.must_answer()


def test_after_a_pull_the_servers_run_the_new_code_with_their_data(up: Checkout) -> None:
    before = up.supervisor
    with (up.root / "local" / "supervisor" / "errors.py").open("a") as source:
        source.write("# pulled\n")
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the code of the laptop cloud has changed: restarting its servers, with their data" in done.stdout
    assert up.supervisor.pid != before.pid
    up.must_answer()
    again = up.run("python", "-m", "local", "up")
    assert again.returncode == 0 and "has changed" not in again.stdout, again.stdout


def test_state_that_was_removed_by_hand_is_made_again(up: Checkout) -> None:
    kill_supervisor(up)
    shutil.rmtree(up.state)
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the laptop's servers are gone but the stack remembers them" in done.stdout
    up.must_answer()


def test_a_state_that_is_damaged_is_named_and_forgotten_by_make_down(up: Checkout) -> None:
    kill_supervisor(up)
    (up.state / "resources.json").write_text('{"addresses"')
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 1
    assert "resources.json is damaged; `make down` forgets it" in done.stderr
    assert up.run("python", "-m", "local", "down").returncode == 0
    assert not up.state.exists()
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_occupied_gateway_is_one_sentence_and_no_harm(up: Checkout) -> None:
    kill_supervisor(up)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((f"{subnet(up.root)}.1", GATEWAY_PORT))
        taken.listen()
        done = up.run("python", "-m", "local", "up")
        assert done.returncode == 1
        assert f"{GATEWAY_PORT} is taken by process {os.getpid()}" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
    done = up.run("python", "-m", "local", "up")
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_down_ends_everything_although_there_is_no_environment(up: Checkout) -> None:
    processes = tree(up.supervisor.pid)
    state, environment = up.state, up.root / ".venv"
    developers = environment.readlink()
    environment.unlink()
    try:
        done = subprocess.run(
            ["make", "down"], cwd=up.root, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )
    finally:
        environment.symlink_to(developers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not any(map(lives, processes))
    assert not state.exists()
