"""The pack as the engine runs it: a process of its own that prints a port and then answers over gRPC."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from pulumi.runtime.proto import analyzer_pb2_grpc

from tests.waiting import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policies"
# rpcutil.maxRPCMessageSize for what the engine sends; Go's default for what the language host's proxy receives.
_MOST_SENT, MOST_RECEIVED = 400 * 1024 * 1024, 4 * 1024 * 1024


@dataclass(frozen=True)
class PackProcess:
    """A running pack: `stdout` and `stderr` are everything it printed, the port's line included."""

    process: "subprocess.Popen[str]"
    analyzer: Any
    stdout: list[str]
    stderr: list[str]

    def processor_seconds(self) -> float:
        """What it has used of the processor so far; other load on the machine does not count."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def peak_resident_bytes(self) -> int:
        """The most memory it has had so far, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


@contextmanager
def running(
    pack: Path = PACK, *, python: Path | str = sys.executable, environment: Mapping[str, str] | None = None
) -> Iterator[PackProcess]:
    """Start a pack as the Python language host does, and end it.

    Raises:
        RuntimeError: its first line was no port.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "PYTHONPATH"))}
    process = subprocess.Popen(
        [str(python), "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(pack)],
        cwd=pack,
        env={**inherited, "PULUMI_PROJECT": "shop", "PULUMI_STACK": "dev", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    stdout: list[str] = []
    stderr: list[str] = []
    assert process.stdout is not None and process.stderr is not None
    reading = threading.Thread(target=stderr.extend, args=(process.stderr,), daemon=True)
    reading.start()
    try:
        stdout.append(process.stdout.readline())
        if not stdout[0].strip().isdigit():
            process.kill()
            reading.join(LIMIT_SECONDS)
            raise RuntimeError(f"the pack's first line is {stdout[0]!r}, not a port: {''.join(stderr)}")
        options = [
            ("grpc.max_send_message_length", _MOST_SENT),
            ("grpc.max_receive_message_length", MOST_RECEIVED),
        ]
        with grpc.insecure_channel(f"127.0.0.1:{stdout[0].strip()}", options=options) as channel:
            yield PackProcess(process, analyzer_pb2_grpc.AnalyzerStub(channel), stdout, stderr)
    finally:
        process.terminate()
        stdout.extend(process.stdout)
        process.wait(LIMIT_SECONDS)
        reading.join(LIMIT_SECONDS)
        process.stdout.close()
        process.stderr.close()
