"""The outputs of a deployed stack, as `pulumi stack output` gives them."""

import json
import subprocess
from typing import Any

from toolchain.checkout import checkout_root


class StackError(RuntimeError):
    """A stack that cannot be read, or has not what is asked of it: one sentence for the user."""


def stack_outputs(stack: str) -> dict[str, Any]:
    """The outputs by name, without secrets.

    Raises:
        StackError: there is no `pulumi`, or no such stack.
    """
    try:
        done = subprocess.run(
            ["pulumi", "stack", "output", "--json", "--stack", stack, "--non-interactive"],
            cwd=checkout_root(),
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise StackError('there is no `pulumi` on PATH; in this checkout: eval "$(make -s env)"') from None
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1].removeprefix("error: ")
        raise StackError(f'the stack "{stack}" cannot be read: {reason}')
    outputs: dict[str, Any] = json.loads(done.stdout or "{}")
    return outputs
