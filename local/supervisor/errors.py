"""The errors of the laptop cloud."""


class LaptopError(RuntimeError):
    """Something the laptop cloud cannot do; the message is one sentence for the user."""


class RefusedError(Exception):
    """What the laptop's AWS endpoint answers instead: an error's name and its message."""

    def __init__(self, kind: str, message: str, *, status: int = 403) -> None:
        super().__init__(message)
        self.kind = kind
        self.status = status
