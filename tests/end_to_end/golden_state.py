"""The golden state of a release: `.venv/bin/python -m tests.end_to_end.golden_state make 0.2.0` writes it.

With a version alone it says whether the state that is kept for it has the resources of today. It is that of a stack
`golden`, brought up on the laptop in a copy of this checkout, which is ended afterwards. What belongs to the machine
that made it goes: source positions, and where packages lay.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
_OF_THE_MACHINE = ("sourcePosition", "stackTrace")
FUNCTIONS = [{"name": "app", "path": "handler", "reservedConcurrency": 20}]


def scrubbed(value: Any) -> Any:
    """The same state without anything of the machine."""
    if isinstance(value, list):
        return [scrubbed(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "hash" in value and "path" in value:
        value = {**value, "path": "package.zip"}
    return {key: scrubbed(each) for key, each in value.items() if key not in _OF_THE_MACHINE}


def what_is_wrong(version: str, folder: Path = _FOLDER) -> str | None:
    """Why the state that is kept for a version is not that of the sources; None when it is."""
    state = folder / "golden_states" / f"{version}.json"
    how = f"write it: .venv/bin/python -m tests.end_to_end.golden_state make {version}"
    if not state.is_file():
        return f"no state of {version} is kept; {how}"
    urns = [each["urn"].split("::", 2)[2] for each in json.loads(state.read_text())["deployment"]["resources"]]
    kept = {urn for urn in urns if not urn.startswith(("pulumi:providers", "pulumi:pulumi:Stack"))}
    differing = kept ^ set((folder / "golden_urns.txt").read_text().splitlines())
    if differing:
        return f"the state kept for {version} is of other sources: it differs in {min(differing)}; {how}"
    return None


def make(version: str) -> str | None:
    """Bring the stack up and keep its state; what is wrong with it, as above."""
    from tests.end_to_end.checkouts import copied  # a release looks where nothing is installed

    with tempfile.TemporaryDirectory() as folder, copied(Path(folder) / "checkout") as checkout:
        checkout.configure("golden", functions=FUNCTIONS)
        up = checkout.pulumi("up", "-s", "golden", "--yes", "--skip-preview", "--policy-pack", "policies")
        if up.returncode:
            return up.stdout + up.stderr
        state = scrubbed(json.loads(checkout.pulumi("stack", "export", "-s", "golden").stdout))
    (_FOLDER / "golden_states" / f"{version}.json").write_text(json.dumps(state, indent=1) + "\n")
    return what_is_wrong(version)


if __name__ == "__main__":
    sys.exit(make(sys.argv[2]) if sys.argv[1] == "make" else what_is_wrong(sys.argv[1]))
