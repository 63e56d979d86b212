"""What a cold start loads: of our own, no more than the driver does anyway."""

import json
import os
import subprocess
import sys
from pathlib import Path

HANDLER = Path(__file__).resolve().parents[2] / "handler"


def loaded(program: str) -> set[str]:
    """The modules that a program has loaded when it ends, without what was there when it said `begin()`."""
    words = (
        "import json, sys\nthere = set()\ndef begin():\n    there.update(sys.modules)\n"
        f"{program}\nprint(json.dumps(sorted(set(sys.modules) - there)))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "DB_ENGINE"}
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=HANDLER, env=environment, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


def test_the_package_loads_nothing_but_itself_that_psycopg_does_not() -> None:
    assert {name.split(".")[0] for name in loaded("import psycopg; begin(); import rds_connection")} == {
        "rds_connection"
    }
