"""AWS's Lambda runtime client and boto3, as the managed runtime has them: installed once, into the cache."""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from .checkout import cache_root, checkout_root


def lambda_runtime_directory() -> Path:
    """The folder that stands for /var/runtime, installed if it is not there.

    Raises:
        RuntimeError: pip could not install it.
    """
    requirements = checkout_root() / "local" / "runtime-requirements.txt"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    key = hashlib.sha256(requirements.read_bytes() + python.encode()).hexdigest()[:16]
    folder = cache_root() / "lambda-runtime" / key
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, suffix=".part") as aside:
        target = Path(aside) / "runtime"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--target", str(target), "--requirement", str(requirements)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"pip could not install AWS's Lambda runtime client: {reason}")
        try:
            target.rename(folder)
        except OSError:  # another checkout was faster: its content is the same
            if not folder.is_dir():
                raise
    return folder
