"""Engine runs on an account in a file: the real engine, this repository's program, no server."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tests.waiting import LIMIT_SECONDS
from toolchain.checkout import LAPTOP_PASSPHRASE
from toolchain.shell import laptop_environment

from .__main__ import FILE
from .account import Account

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 4 * LIMIT_SECONDS
_PROJECT = {"name": "lambda-rds-proxy", "runtime": {"name": "python", "options": {"virtualenv": ".venv"}}}


class Stack:
    """A stack of a program, with its backend and its account in a folder of its own."""

    def __init__(self, folder: Path, program: Path = ROOT / "__main__.py", *, name: str = "dev") -> None:
        self.name = name
        self._folder = folder
        self._account = folder / "account"
        (folder / "backend").mkdir()
        # The program finds its room beside the file that it is.
        (folder / "__main__.py").symlink_to(program)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        (folder / "Pulumi.yaml").write_text(json.dumps(_PROJECT))
        self.must("stack", "init", "--no-select")

    @property
    def account(self) -> Account:
        """The account; whoever opens it may change it between two runs."""
        return Account(self._account)

    def configure(self, **values: Any) -> None:
        """Write the stack's configuration: the laptop's account, and these keys."""
        keys = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
        keys |= {f"lambda-rds-proxy:{key}": value for key, value in values.items()}
        file = self._folder / f"Pulumi.{self.name}.yaml"
        salt = (
            [line for line in file.read_text().splitlines() if line.startswith("encryptionsalt")]
            if file.exists()
            else []
        )
        file.write_text("\n".join([*salt, f"config: {json.dumps(keys)}", ""]))

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run the engine."""
        backend = f"file://{self._folder / 'backend'}"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AWS_"))}
        shell = laptop_environment(ROOT)
        return subprocess.run(
            ["pulumi", *arguments, "-s", self.name, "--non-interactive", "--color", "never"],
            cwd=self._folder,
            env={
                **inherited,
                **shell,
                "PATH": os.pathsep.join([str(Path(__file__).with_name("bin")), shell["PATH"]]),
                "PULUMI_BACKEND_URL": backend,
                "LAMBDA_RDS_PROXY_BACKEND": backend,
                "PULUMI_CONFIG_PASSPHRASE": LAPTOP_PASSPHRASE,
                # A state of a thousand resources is written once, not with each of them.
                "PULUMI_EXPERIMENTAL": "1",
                "PULUMI_SKIP_CHECKPOINTS": "1",
                FILE: str(self._account),
            },
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )

    def must(self, *arguments: str) -> str:
        """Run the engine, which must succeed: what it said."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
        return done.stdout

    def up(self, *arguments: str) -> None:
        self.must("up", "--skip-preview", *arguments)

    def must_not_drift(self) -> None:
        """The promise of the drift workflow."""
        self.must("preview", "--refresh", "--expect-no-changes", "--diff")

    def destroy(self) -> None:
        self.must("destroy", "--skip-preview")
