"""Whether a storm is well, served and with no failure but those of a small account: `python storm.py storm.json`.

An account that runs few functions at once answers TooManyRequestsException, and the storm asks again.
"""

import json
import sys
from pathlib import Path

_EXPECTED = "TooManyRequestsException"

if __name__ == "__main__":
    phase = json.loads(Path(sys.argv[1]).read_text())["phases"]["proxy"]
    failed = {name: count for name, count in phase["failed"].items() if name != _EXPECTED}
    if failed or not phase["served"]:
        sys.exit(f"::error::the storm was served {phase['served']} times, and failed with {failed or _EXPECTED}")
