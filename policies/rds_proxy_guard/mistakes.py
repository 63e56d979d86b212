"""What is wrong with the configuration of any of the pack's policies: one policy of its own says it, and blocks nobody.

Under a policy of the pack it would stand beside some function, whose author can do nothing about it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .configuration import Configuration, Option, configuration

NAME = "rds-proxy-guard-configuration"


class Reader:
    """One policy's configuration, read once."""

    def __init__(self, policy: str, options: tuple[Option, ...]) -> None:
        self.policy = policy
        self.current = Configuration({})
        self._options = options
        self._given: Mapping[str, Any] | None = None

    def read(self, given: Mapping[str, Any]) -> Configuration:
        """The configuration as of now."""
        if given != self._given:
            self.current, self._given = configuration(given, self._options), dict(given)
        return self.current


def mistakes(readers: list[Reader], urns: list[str]) -> Iterator[str]:
    """What to say of all configurations in a stack of these resources: an exemption may have nothing to exempt, too."""
    for reader in readers:
        for problem in reader.current.problems():
            yield f"The configuration of {reader.policy} is wrong: {problem}"
        of_this_stack = [each for each in reader.current.exemptions if any(map(each.is_of, urns[:1]))]
        matching = {each for urn in (urns if of_this_stack else ()) for each in reader.current.exempting.of(urn)}
        for each in of_this_stack:
            if each not in matching:
                yield (
                    f"An exemption of {reader.policy} matches no resource of this stack: {each.urn} ({each.reason}). "
                    "Correct or remove it."
                )
