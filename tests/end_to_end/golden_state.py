"""Makes a golden state of a release: `pulumi stack export -s golden | python -m tests.end_to_end.golden_state`.

With a version (`… golden_state 0.2.0`) it says whether the state that is kept for it has the resources of today.

The stack `golden` is the local one under that name, brought up at the release's tag. What belongs to the machine that
made it goes: source positions, and where packages lay.
"""

import json
import sys
from pathlib import Path
from typing import Any

_OF_THE_MACHINE = ("sourcePosition", "stackTrace")


def scrubbed(value: Any) -> Any:
    """The same state without anything of the machine."""
    if isinstance(value, list):
        return [scrubbed(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "hash" in value and "path" in value:
        value = {**value, "path": "package.zip"}
    return {key: scrubbed(each) for key, each in value.items() if key not in _OF_THE_MACHINE}


def what_is_wrong(version: str, folder: Path = Path(__file__).parent) -> str | None:
    """Why the state that is kept for a version is not that of the sources; None when it is."""
    state = folder / "golden_states" / f"{version}.json"
    made = f"pulumi stack export -s golden | python -m tests.end_to_end.golden_state > {state}"
    how = f"bring the stack golden up and `{made}`"
    if not state.is_file():
        return f"no state of {version} is kept; {how}"
    urns = [each["urn"].split("::", 2)[2] for each in json.loads(state.read_text())["deployment"]["resources"]]
    kept = {urn for urn in urns if not urn.startswith(("pulumi:providers", "pulumi:pulumi:Stack"))}
    differing = kept ^ set((folder / "golden_urns.txt").read_text().splitlines())
    if differing:
        return f"the state kept for {version} is of other sources: it differs in {min(differing)}; {how}"
    return None


if __name__ == "__main__":
    if sys.argv[1:]:
        sys.exit(what_is_wrong(sys.argv[1]))
    json.dump(scrubbed(json.load(sys.stdin)), sys.stdout, indent=1)
    print()
