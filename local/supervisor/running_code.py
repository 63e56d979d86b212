"""Which code a supervisor runs, and when its process was born: what tells an outdated one from a current one."""

import hashlib
import time
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
# What a supervisor has loaded; it takes the facts of an engine from the components.
_SOURCES = ("local", "toolchain", "components/lambda_rds_proxy/engines")
# How long the threads of a killed process take at most to end.
_ENDING_SECONDS = 2.0


def code_digest(root: Path = _ROOT) -> str:
    """Twelve hex digits of all sources that a supervisor of a checkout runs, other for any change in them."""
    whole = hashlib.sha256()
    for source in _SOURCES:
        path = root / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            whole.update(f"{file.relative_to(root).as_posix()}\0".encode())
            whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()[:12]


def birth(pid: int) -> str | None:
    """The boot and the clock tick in which a process was started, or None when it has ended.

    Both are monotonic: no clock that is set makes a process another one, and no other process is born in its tick.
    """
    deadline = time.monotonic() + _ENDING_SECONDS
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        while True:
            # The name may hold anything, spaces and brackets too; behind it come the state (field 3), the number of
            # threads (field 20) and starttime (field 22: proc_pid_stat(5)).
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            if fields[0] not in ("Z", "X"):
                return f"{boot}/{fields[19]}"
            # One that is killed is listed as ended with its first thread; the last still has its port.
            if int(fields[17]) <= 1 or time.monotonic() > deadline:
                return None
            time.sleep(0.01)
    except OSError:
        return None
