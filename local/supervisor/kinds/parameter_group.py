"""The DB parameter groups: read by the instances that name them, whenever those are started (pending-reboot)."""

from .kind import Kind


class ParameterGroups(Kind):
    """All parameter groups."""

    name = "parameter-group"
