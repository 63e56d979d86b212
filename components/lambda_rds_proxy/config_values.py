"""Parsers of single configuration values: each gives the parsed value, or raises ValueError with what is allowed."""

import ipaddress
import re
from collections.abc import Callable, Collection
from enum import Enum
from typing import TypeVar, cast

from .engines.instance_classes import SERVERLESS, memory_gib
from .proxy.debug_logging import parse_until

Parser = Callable[[object], object]
_E = TypeVar("_E", bound=Enum)


def text(value: object) -> str:
    """A text or number, as text."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("a text")
    if not str(value).strip():
        raise ValueError("a text that is not empty")
    return str(value)


def matching(pattern: re.Pattern[str], allowed: str) -> Parser:
    """A text of a pattern."""

    def parse(value: object) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError(allowed)
        return value

    return parse


def whole_number(
    allowed: str, *, low: int | None = None, high: int | None = None, members: Collection[int] | None = None
) -> Parser:
    """A whole number in a range, or of a list."""

    def parse(value: object) -> int:
        try:
            if isinstance(value, bool) or float(cast(str, value)) != int(float(cast(str, value))):
                raise ValueError
            number = int(float(cast(str, value)))
        except (TypeError, ValueError, OverflowError):
            raise ValueError(allowed) from None
        if (low is not None and number < low) or (high is not None and number > high):
            raise ValueError(allowed)
        if members is not None and number not in members:
            raise ValueError(allowed)
        return number

    return parse


def capacity(value: object) -> float:
    """Aurora capacity units; the range is checked where both ends are known."""
    try:
        number = float(cast(str, value))
    except (TypeError, ValueError, OverflowError):
        raise ValueError("a number of ACU such as 0.5 or 8") from None
    if isinstance(value, bool) or not 0 <= number <= 256:
        raise ValueError("a number of ACU from 0.5 to 256")
    return number


def time(value: object) -> str:
    """A time that `debug_logging` understands."""
    parse_until(value if isinstance(value, str) else "")
    return str(value)


def text_list(value: object) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise ValueError("a list of texts")
    return tuple(text(item) for item in value)


def flag(value: object) -> bool:
    """true or false, as Pulumi or JSON writes it."""
    if value in (True, "true"):
        return True
    if value in (False, "false"):
        return False
    raise ValueError("true or false")


def member(kind: type[_E]) -> Parser:
    """A value of an enumeration."""

    def parse(value: object) -> _E:
        try:
            return kind(value)
        except ValueError:
            raise ValueError("one of " + ", ".join(str(member.value) for member in kind)) from None

    return parse


def instance_class(value: object) -> str:
    """A DB instance class whose memory is known, or db.serverless."""
    if value == SERVERLESS:
        return SERVERLESS
    try:
        memory_gib(text(value))
    except ValueError:
        raise ValueError("a known class such as db.t4g.micro, db.m7g.large or db.r7g.large") from None
    return str(value)


def cidr(value: object) -> str:
    """An IPv4 network that two /20 or smaller subnets fit into."""
    allowed = "an IPv4 network between /16 and /24 such as 10.0.0.0/16"
    try:
        network = ipaddress.IPv4Network(cast(str, value))
    except ValueError:
        raise ValueError(allowed) from None
    if not 16 <= network.prefixlen <= 24:
        raise ValueError(allowed)
    return str(network)


def subnets(value: object) -> tuple[str, ...]:
    """At least two different subnet ids."""
    allowed = "a list of at least 2 subnet ids, in at least 2 availability zones"
    if not isinstance(value, list) or not all(isinstance(item, str) and item.startswith("subnet-") for item in value):
        raise ValueError(allowed)
    if len(set(value)) < 2:
        raise ValueError(allowed)
    return tuple(value)


def string_map(value: object) -> dict[str, str]:
    """A map of texts."""
    if not isinstance(value, dict):
        raise ValueError("a map of texts")
    return {str(key): text(item) for key, item in value.items()}


def entries(shape: str) -> Parser:
    """A list of maps; empty is none."""

    def parse(value: object) -> list[object]:
        if not isinstance(value, list):
            raise ValueError(f"a list of {shape}")
        return value

    return parse


def table(value: object) -> dict[str, object]:
    """A map, whose own keys are parsed by its own table."""
    if not isinstance(value, dict):
        raise ValueError("a map")
    return {str(key): item for key, item in value.items()}
