"""The daemon: `python -m local.supervisor ROOT`. Started by `client.SupervisorClient.ensure`, never by hand."""

import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import threading
from pathlib import Path

import psutil

from toolchain.checkout import GATEWAY_PORT, LAPTOP_REGION, checkout_id, gateway_url, laptop_state, subnet
from toolchain.lambda_runtime import lambda_runtime_directory

from .cloud import Cloud
from .errors import LaptopError
from .gateway import Gateway
from .processes import free_of_others, kill_group

# A supervisor that nobody gives anything to do goes away again.
_UNUSED_SECONDS = 120.0


def main() -> int:
    """Run until told to end, or until the last resource is gone."""
    root = Path(sys.argv[1]).resolve()
    folder = laptop_state(root)
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() == 0:
        folder.chmod(0o755)  # the servers' account passes through; what is secret in it has 0600
    with (folder / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0  # another one is there already
        try:
            return _serve(root, folder)
        except LaptopError as error:
            print(error, flush=True)
            return 1


def _serve(root: Path, folder: Path) -> int:
    _end_leftovers(folder)
    address = (f"{subnet(root)}.1", GATEWAY_PORT)
    free_of_others(*address)
    cloud = Cloud(
        folder,
        account_hash=checkout_id(root),
        subnet=subnet(root),
        region=LAPTOP_REGION,
        gateway=gateway_url(root),
        libraries=lambda_runtime_directory,
    )
    ended = threading.Event()
    token = secrets.token_urlsafe(24)
    gateway = Gateway(address, cloud, token, ended=ended.set)
    threading.Thread(target=gateway.serve_forever, daemon=True).start()
    cloud.restore()
    _introduce(folder, gateway_url(root), token)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    stopped_by_signal = not _wait(cloud, ended)
    gateway.shutdown()
    cloud.stop()
    (folder / "supervisor.json").unlink(missing_ok=True)
    if cloud.empty and not stopped_by_signal:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _wait(cloud: Cloud, ended: threading.Event) -> bool:
    """Wait for the end: whether it came because there is nothing left to run."""
    if not ended.wait(_UNUSED_SECONDS) and cloud.empty:
        return True
    while not ended.wait(30):
        cloud.reap()
    return cloud.empty


def _introduce(folder: Path, url: str, token: str) -> None:
    process = psutil.Process()
    card = {"pid": process.pid, "created": process.create_time(), "url": url, "token": token}
    aside = folder / "supervisor.json.new"
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(json.dumps(card))
    aside.replace(folder / "supervisor.json")


def _end_leftovers(folder: Path) -> None:
    """Servers of a supervisor that was killed where the kernel did not end them with it: known by our folder."""
    for process in psutil.process_iter(["cmdline", "pid"]):
        words = process.info["cmdline"] or []
        if process.pid != os.getpid() and any(word.startswith(f"{folder}/") for word in words[1:]):
            kill_group(process.pid)


if __name__ == "__main__":
    sys.exit(main())
