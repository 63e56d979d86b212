"""A checkout of its own for the end-to-end tests, beside the developer's: other addresses, other backend, other state.

Its folder has a space in its name on purpose.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.supervisor.client import SupervisorClient
from local.supervisor.proxy import seen
from tests.waiting import LIMIT_SECONDS
from toolchain.checkout import checkout_cache, laptop_state
from toolchain.remains import remove_remains
from toolchain.shell import laptop_environment, prepare

ROOT = Path(__file__).resolve().parents[2]
_SECONDS = 3 * LIMIT_SECONDS  # an `up` is a few minutes when others have the processors


@dataclass(frozen=True)
class Checkout:
    """A copy of this checkout, with its own laptop cloud."""

    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """What `make env` exports there."""
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "AWS_"))}
        return {**inherited, **laptop_environment(self.root)}

    @property
    def state(self) -> Path:
        """The laptop cloud's folder."""
        return laptop_state(self.root)

    @property
    def supervisor(self) -> SupervisorClient:
        """Its supervisor, which must be running."""
        found = SupervisorClient.running(self.root)
        assert found is not None, "the supervisor does not run"
        return found

    def pinned(self) -> list[str]:
        """The statements that pinned a session at any of its proxies since they were started."""
        proxies = [each["identifier"] for each in self.supervisor.resources() if each["kind"] == "proxy"]
        assert proxies
        return [pin.digest for name in proxies for pin in seen(self.state, name).pins]

    def pulumi(
        self, *arguments: str, project: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run the real engine."""
        return subprocess.run(
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],
            cwd=project or self.root,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run another command in the shell of `make env`."""
        return subprocess.run(
            list(command),
            cwd=self.root,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )

    def outputs(self, stack: str = "local") -> dict[str, Any]:
        """A stack's outputs."""
        found: dict[str, Any] = json.loads(self.pulumi("stack", "output", "--json", "-s", stack).stdout)
        return found

    def configure(self, stack: str, **values: Any) -> None:
        """Write a stack's configuration: the laptop's account, and these keys."""
        keys = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
        keys |= {f"lambda-rds-proxy:{name}": value for name, value in values.items()}
        (self.root / f"Pulumi.{stack}.yaml").write_text(json.dumps({"config": keys}))
        made = self.pulumi("stack", "init", stack, "--no-select")
        assert made.returncode == 0 or "already exists" in made.stderr, made.stderr

    def invoke(self, payload: bytes = b"{}", *, function: str = "app", stack: str = "local") -> dict[str, Any]:
        """Invoke a function through boto3, as a developer does in that shell."""
        code = (
            "import boto3, json, sys\n"
            "answer = boto3.client('lambda').invoke(FunctionName=sys.argv[1], Payload=sys.argv[2].encode())\n"
            "print(json.dumps({'error': answer.get('FunctionError'), 'body': json.loads(answer['Payload'].read())}))"
        )
        done = self.run("python", "-c", code, self.outputs(stack)["functions"][function], payload.decode())
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def must_answer(self) -> None:
        """The function of the stack `local` answers through the proxy; what it says else is the failure's message."""
        answer = self.invoke()
        assert answer["error"] is None and answer["body"].get("ok") is True, answer


@contextmanager
def copied(root: Path) -> Iterator[Checkout]:
    """A copy of this checkout that shares its virtual environments; everything it starts ends with the block."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    for environment in (".venv", "policies/venv"):
        (root / environment).symlink_to(ROOT / environment)
    prepare(root)
    (paths,) = (ROOT / ".venv" / "lib").glob("python3*/site-packages/lambda-rds-proxy.pth")
    kept = paths.read_text()
    try:
        yield Checkout(root)
    finally:
        paths.write_text(kept)  # `make setup` in the copy writes its own folder there
        remove_remains(root)
        shutil.rmtree(checkout_cache(root), ignore_errors=True)
