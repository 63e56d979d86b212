"""The daemon: `python -m local.supervisor ROOT`. Started by `client.SupervisorClient.ensure`, never by hand."""

import json
import os
import resource
import secrets
import shutil
import signal
import sys
import threading
from pathlib import Path

from toolchain.checkout import (
    GATEWAY_PORT,
    LAPTOP_MARK,
    LAPTOP_REGION,
    checkout_id,
    gateway_url,
    laptop_state,
    subnet,
)
from toolchain.lambda_runtime import lambda_runtime_directory
from toolchain.laptop_key import shell_secret
from toolchain.remains import end_processes

from .cloud import Cloud
from .errors import LaptopError
from .file_lock import held
from .gateway import Gateway
from .private_file import write_private
from .processes import free_of_others
from .running_code import birth, code_digest

# A supervisor that nobody gives anything to do goes away again.
_UNUSED_SECONDS = 120.0
_REAP_SECONDS = 30.0
# One that is ending may wait 10 s for each of its servers.
_PREDECESSOR_SECONDS = 40.0


def main() -> int:
    """Run until told to end, or until the last resource is gone."""
    root = Path(sys.argv[1]).resolve()
    folder = laptop_state(root)
    try:
        with held(folder / "supervisor.lock", seconds=_PREDECESSOR_SECONDS) as alone:
            if not alone:
                raise LaptopError(f"another supervisor holds {folder / 'supervisor.lock'} and does not end")
            if _serve(root, folder):
                _remove(folder)
    except (LaptopError, ValueError) as error:
        print(error, flush=True)
        return 1
    return 0


def _serve(root: Path, folder: Path) -> bool:
    """Serve until the end: whether nothing is left that another supervisor would bring back."""
    os.umask(0o077)  # what it writes, logs too, is nobody else's to read
    code = code_digest()  # at once: a `git pull` may come while it starts
    if os.geteuid() == 0:
        folder.chmod(0o755)  # the servers' account passes through; what is secret in it has 0600
    _lift_limits()
    os.environ[LAPTOP_MARK] = str(folder)
    end_processes(folder)
    address = (f"{subnet(root)}.1", GATEWAY_PORT)
    free_of_others(*address)
    cloud = Cloud(
        folder,
        account_hash=checkout_id(root),
        subnet=subnet(root),
        region=LAPTOP_REGION,
        gateway=gateway_url(root),
        libraries=lambda_runtime_directory,
        shell_secret=shell_secret(root),
    )
    ended = threading.Event()
    token = secrets.token_urlsafe(24)
    gateway = Gateway(address, cloud, token, ended=ended)
    threading.Thread(target=gateway.serve_forever, args=(0.05,), daemon=True).start()
    cloud.restore()
    _introduce(folder, gateway_url(root), token, code)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    _wait(cloud, ended)
    gateway.shutdown()
    gateway.server_close()
    cloud.stop()
    (folder / "supervisor.json").unlink(missing_ok=True)
    return cloud.empty


def _wait(cloud: Cloud, ended: threading.Event) -> None:
    """Wait for the end: told to, or nothing to do from the start."""
    if ended.wait(_UNUSED_SECONDS) or cloud.empty:
        ended.set()
        return
    while not ended.wait(_REAP_SECONDS):
        cloud.functions.reap()


def _lift_limits() -> None:
    """Allow as many open files as we may: a pooler holds a file for each of thousands of clients."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _remove(folder: Path) -> None:
    """Leave nothing, unless somebody is starting the next supervisor, which needs the folder."""
    with held(folder / "start.lock", seconds=0) as nobody_starts:
        if nobody_starts:
            shutil.rmtree(folder, ignore_errors=True)


def _introduce(folder: Path, url: str, token: str, code: str) -> None:
    card = {"pid": os.getpid(), "born": birth(os.getpid()), "code": code, "url": url, "token": token}
    write_private(folder / "supervisor.json", json.dumps(card))


if __name__ == "__main__":
    sys.exit(main())
