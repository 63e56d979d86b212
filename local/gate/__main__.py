"""`python -m local.gate FILE` serves the proxy whose settings are in the file; SIGHUP reads the file again."""

import sys
from pathlib import Path

from .gate import Gate

if __name__ == "__main__":
    Gate(Path(sys.argv[1])).serve()
