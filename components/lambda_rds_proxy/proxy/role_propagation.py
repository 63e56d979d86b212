"""Time for IAM to tell RDS of a proxy's new role.

IAM's changes are seen everywhere only after a while (IAM User Guide, "Changes that I make are not always immediately
visible"; terraform-provider-aws #6566 saw 10 s to 30 s), and the provider, which asks Lambda again until it knows a
role, asks RDS for a proxy only once (terraform-provider-aws, internal/service/rds/proxy.go). A database or an admin
function that is made meanwhile is time enough.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pulumi

from ..references import DatabaseUserRef

SECONDS = 15.0


def is_time_enough(user: DatabaseUserRef) -> bool:
    """Whether the proxy waits for an admin function: the provider made it only once Lambda knew a role as new."""
    return "admin_function_name" in user


def waiting_for(
    role_arn: pulumi.Output[str],
    *,
    name: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> pulumi.ResourceHookBinding:
    """Lets whatever is made with a role wait until the role is `SECONDS` old; a preview does not wait.

    `name` is unique in the program; `clock` tells seconds, `sleep` lets some pass.
    """
    known_since: list[float] = []
    role_arn.apply(lambda _: known_since.append(clock()))

    async def wait(_: pulumi.ResourceHookArgs) -> None:
        left = SECONDS - (clock() - known_since[0]) if known_since else 0.0
        if left > 0:
            await sleep(left)

    return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(f"role-of-{name}", wait)])
