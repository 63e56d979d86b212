"""The name of a database's final snapshot, which outlives the database: the next one needs another name."""

import secrets

import pulumi

from ..names import physical_name


def final_snapshot_name(
    name: str, *, made_of: pulumi.Input[list[object]], parent: pulumi.Resource
) -> pulumi.Output[str]:
    """A name that stays as long as the database does and never comes back.

    AWS refuses to delete a database whose final snapshot has a name that is taken (DBSnapshotAlreadyExists). So the
    name ends in what was drawn when the database was made and is kept in the stack's state. What would replace the
    database draws anew: `made_of` is all of it. The old database still leaves the name that it had.
    """
    drawn = pulumi.Stash(
        f"{name}-final-snapshot",
        input=secrets.token_hex(4),
        # Every run draws, and only what is made takes it.
        opts=pulumi.ResourceOptions(parent=parent, ignore_changes=["input"], replacement_trigger=made_of),
    )
    project, stack = pulumi.get_project(), pulumi.get_stack()
    return drawn.output.apply(lambda suffix: physical_name(project, stack, name, "final", str(suffix)))
