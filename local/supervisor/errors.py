"""The one error of the laptop cloud."""


class LaptopError(RuntimeError):
    """Something the laptop cloud cannot do; the message is one sentence for the user."""
