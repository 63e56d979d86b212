"""What AWS was making when an `up` was killed, as an output of a step: `pulumi stack export | python pending.py`.

The state does not know whether it is there, and `pulumi destroy` forgets it without a word.
"""

import json
import sys

if __name__ == "__main__":
    operations = (json.load(sys.stdin).get("deployment") or {}).get("pending_operations") or []
    made = [each["resource"]["urn"] for each in operations if each["type"] == "creating"]
    if made:
        print("pending=" + " ".join(made))
