"""Server processes: started by one long-lived thread, restarted when they die, ended for certain.

The kernel kills a process when the *thread* that started it ends (PR_SET_PDEATHSIG), so that nothing outlives a killed
supervisor; therefore one thread that never ends starts them all.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from toolchain.checkout import LAPTOP_MARK
from toolchain.progress import reason
from toolchain.remains import end_processes

from .errors import LaptopError

_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starts-processes")
_SERVER_ACCOUNT = "postgres"
_LONGEST_PAUSE_SECONDS = 10.0


def server_account() -> pwd.struct_passwd | None:
    """The account that servers run as when the supervisor is root's: PostgreSQL and PgBouncer refuse to run as root.

    Raises:
        LaptopError: root has no such account.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_SERVER_ACCOUNT)
    except KeyError:
        raise LaptopError(
            "PostgreSQL does not run as root and the account postgres is missing; run `make setup`, which installs it"
        ) from None


def give_to_servers(*paths: Path) -> None:
    """Let the servers' account own these files, where it is another than ours."""
    account = server_account()
    if account is not None:
        for path in paths:
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def keep_from_servers(folder: Path) -> None:
    """Make a folder in which the servers' account reads what is its own, and makes, renames and removes nothing.

    A link of theirs would lead what we write, read or give away there to a file of ours. Earlier releases gave the
    folder to that account: it is taken back, and what may be such a link is removed.
    """
    if not folder.parent.exists():
        folder.parent.mkdir(parents=True)
        folder.parent.chmod(0o755)  # they pass through
    folder.mkdir(exist_ok=True)
    if server_account() is None:
        return
    os.chown(folder, os.geteuid(), os.getegid(), follow_symlinks=False)
    folder.chmod(0o755)
    for each in folder.iterdir():
        status = each.lstat()
        if not stat.S_ISDIR(status.st_mode) and (not stat.S_ISREG(status.st_mode) or status.st_nlink > 1):
            each.unlink()


def start(
    command: list[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    output: IO[bytes] | int,
    as_server: bool,
    stdin: int = subprocess.DEVNULL,
) -> "subprocess.Popen[bytes]":
    """Start a process in a group of its own that dies with this supervisor."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise LaptopError("setpriv is missing; install util-linux")
    words = [setpriv, "--pdeathsig", "KILL"]
    account = server_account() if as_server else None
    if account is not None:
        words += ["--reuid", str(account.pw_uid), "--regid", str(account.pw_gid), "--clear-groups"]
        words += ["--no-new-privs"]  # sudo and the like are not for them
    return _starter.submit(
        subprocess.Popen,
        [*words, "--", *command],
        env=dict(environment),
        cwd=folder,
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        umask=0o022,  # Lambda's, and what servers expect
    ).result()


def run(command: list[str], *, folder: Path, as_server: bool, seconds: float) -> tuple[int, str]:
    """Run a command to its end: (exit status, output)."""
    process = start(
        command, environment=plain_environment(), folder=folder, output=subprocess.PIPE, as_server=as_server
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill_group(process.pid)
        raise LaptopError(f"{Path(command[0]).name} did not end within {seconds:.0f} s") from None
    return process.returncode, output.decode(errors="replace")


def plain_environment() -> dict[str, str]:
    """An environment without anything of the user's shell that could change a server."""
    kept = {"PATH", "LANG", "LC_ALL", "TZ", "HOME", LAPTOP_MARK}
    return {key: value for key, value in os.environ.items() if key in kept}


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Signal a process and everything it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def lives(process: psutil.Process) -> bool:
    """Whether a process still runs: one that has ended may wait for its parent, or its number be another's by now.

    A process that is killed is listed as ended with its first thread, while the last still has its files and sockets.
    """
    try:
        return process.is_running() and (process.status() != psutil.STATUS_ZOMBIE or process.num_threads() > 1)
    except psutil.NoSuchProcess:
        return False


@dataclass(eq=False)
class Server:
    """A server process that is restarted whenever it dies, until it is stopped."""

    name: str
    command: list[str]
    _: KW_ONLY
    folder: Path
    log: Path
    ready: Callable[[], bool]
    stop_signal: int
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables beside those of `plain_environment`."""
    as_server: bool = True

    def __post_init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._log_start = 0
        self._lock = threading.RLock()
        self._watcher: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    @property
    def status(self) -> str:
        """RDS's word: available while it runs, else restarting."""
        return "available" if self.pid else "restarting"

    def start(self, *, seconds: float = 120.0) -> None:
        """Start it and wait until it answers.

        Raises:
            LaptopError: it ended, or did not answer in time; with the end of its log.
        """
        self._stopping.clear()
        self._launch()
        deadline = time.monotonic() + seconds
        while not self.ready():
            if self.pid is None or time.monotonic() > deadline:
                what = "ended" if self.pid is None else f"did not answer within {seconds:.0f} s"
                self.stop()
                raise LaptopError(f"{self.name} {what}: {self.log_tail()}")
            time.sleep(0.05)
        self._watcher = threading.Thread(target=self._watch, daemon=True, name=f"watches-{self.name}")
        self._watcher.start()

    def stop(self, *, seconds: float = 10.0) -> None:
        """End it, and kill it if it does not."""
        with self._lock:  # not between the watcher's look at it and a new process
            self._stopping.set()
            process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self.stop_signal)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
        kill_group(process.pid)
        process.wait()
        end_processes(self.folder)
        if self._watcher is not None:
            self._watcher.join()  # it would take a server that is started at once for the one that died

    def signal(self, number: int) -> None:
        """Send a signal, such as SIGHUP to read the configuration again."""
        process = self._process
        if process and process.poll() is None:
            process.send_signal(number)

    def log_tail(self) -> str:
        """Why it ended, from what it has said since it was last started, as one line."""
        try:
            with self.log.open(errors="replace") as log:
                log.seek(self._log_start)
                return reason(log.read()) or "its log is empty"
        except OSError:
            return "no log"

    def _launch(self) -> None:
        with self._lock:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("ab") as log:
                self._log_start = log.tell()
                self._process = start(
                    self.command,
                    environment={**plain_environment(), **self.environment},
                    folder=self.folder,
                    output=log,
                    as_server=self.as_server,
                )

    def _watch(self) -> None:
        pause = 0.1
        while not self._stopping.is_set():
            process = self._process
            assert process is not None  # noqa: S101 - start() made it
            started = time.monotonic()
            process.wait()
            kill_group(process.pid)  # what it left behind would hold its port or data
            end_processes(self.folder)
            if self._stopping.is_set():
                return
            # One that keeps dying is tried ever more slowly; one that ran well is tried at once.
            pause = (
                0.1 if time.monotonic() - started > _LONGEST_PAUSE_SECONDS else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            )
            if self._stopping.wait(pause):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                self._launch()


def free_of_others(address: str, port: int) -> None:
    """Check that nothing else listens at an address.

    Raises:
        LaptopError: it is taken; names the process where /proc tells.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise LaptopError(
                f"{address}:{port} is taken{_by_whom(address, port)} ({error.strerror}); end that, or choose other "
                "addresses for this checkout, such as LAMBDA_RDS_PROXY_SUBNET=127.99.1, and `make down` first"
            ) from None


def _by_whom(address: str, port: int) -> str:
    try:
        connections: list[Any] = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    at = {(each, port) for each in (address, "0.0.0.0", "::")}  # noqa: S104 - where it may listen, not we
    for each in connections:
        if each.status == psutil.CONN_LISTEN and each.pid and tuple(each.laddr) in at:
            with contextlib.suppress(psutil.Error):
                return f" by process {each.pid} ({psutil.Process(each.pid).name()})"
    return ""
