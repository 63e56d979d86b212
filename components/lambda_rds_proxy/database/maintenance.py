"""What a change of a production database leaves to its maintenance window, said when it is previewed and made.

Such an update succeeds at once and changes nothing yet; until the window a refresh shows a change.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pulumi

# RDS User Guide, "Settings for DB instances", and Aurora User Guide, "Settings for Amazon Aurora": what is applied in
# the next maintenance window unless it is to be applied immediately. All else is applied at once in any case.
_WAITS = (
    *("instanceClass", "engineVersion", "allocatedStorage", "storageType", "multiAz"),
    "iamDatabaseAuthenticationEnabled",
)


def saying_what_waits(name: str, *, ignored: tuple[str, ...] = ()) -> pulumi.ResourceOptions:
    """Options of a resource that is not changed immediately: each of its updates says what waits.

    Args:
        name: unique among the database's resources.
        ignored: properties that an update does not change.
    """

    def say(args: pulumi.ResourceHookArgs) -> None:
        for sentence in waiting(args.old_outputs or {}, args.new_inputs or {}, ignored=ignored):
            pulumi.log.warn(f"{name}: {sentence}")

    hook = pulumi.ResourceHook(f"maintenance-{name}", say, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceOptions(hooks=pulumi.ResourceHookBinding(before_update=[hook]))


def waiting(runs: Mapping[str, Any], stated: Mapping[str, Any], *, ignored: tuple[str, ...] = ()) -> Iterator[str]:
    """A sentence for each property that will be changed in the maintenance window."""
    for prop in _WAITS:
        old, new = runs.get(prop), stated.get(prop)
        if prop not in ignored and isinstance(new, str | int | float) and old is not None and str(old) != str(new):
            yield (
                f"{prop} stays {old} until the next maintenance window and is {new} then; budget, cost and alarms "
                f"count with {new} from now on, and a refresh shows a change until then; `aws rds modify-db-instance` "
                "or `modify-db-cluster` with --apply-immediately does it now"
            )
