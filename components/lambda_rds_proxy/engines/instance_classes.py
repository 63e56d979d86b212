"""`max_connections` of a DB instance class, as RDS sets it.

RDS derives it from `DBInstanceClassMemory`, the bytes left after the operating system and RDS itself have taken theirs,
so the real value is below formula × nameplate memory. Measured and published values stand in `PUBLISHED`; the rest is a
conservative estimate, fitted so that it is below every published point (by 1 to 8 %).

Formulas: RDS User Guide "Quotas and constraints": PostgreSQL LEAST(memory / 9531392, 5000), MySQL memory / 12582880.
"""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

_DIVISOR: Mapping[str, int] = MappingProxyType({"postgresql": 9_531_392, "mysql": 12_582_880})
_LIMIT: Mapping[str, int] = MappingProxyType({"postgresql": 5_000, "mysql": 100_000})

# Read on running instances (default parameter group), or published by AWS.
PUBLISHED: Mapping[tuple[str, str], int] = MappingProxyType(
    {
        ("postgresql", "db.t4g.micro"): 79,
        ("postgresql", "db.t3.micro"): 81,
        ("postgresql", "db.t3.small"): 191,
        ("mysql", "db.t3.micro"): 60,
        ("mysql", "db.m7g.large"): 630,
    }
)

# GiB per size and vCPU per size: RDS User Guide "Hardware specifications for DB instance classes".
_BURSTABLE_GIB = {"micro": 1, "small": 2, "medium": 4, "large": 8, "xlarge": 16, "2xlarge": 32}
_LARGE_MULTIPLES = {
    "large": 1,
    "xlarge": 2,
    "2xlarge": 4,
    "4xlarge": 8,
    "8xlarge": 16,
    "12xlarge": 24,
    "16xlarge": 32,
    "24xlarge": 48,
}
_GIB_OF_LARGE = {"m": 8, "r": 16, "x": 32}

_CLASS = re.compile(r"db\.(?P<family>[a-z])(?P<generation>[0-9]+)[a-z]*\.(?P<size>[0-9]*[a-z]+)")


def memory_gib(instance_class: str) -> int:
    """Nameplate memory of an instance class in GiB.

    Raises:
        ValueError: the class is not of a known family and size.
    """
    match = _CLASS.fullmatch(instance_class)
    if match:
        family, size = match["family"], match["size"]
        if family == "t" and size in _BURSTABLE_GIB:
            return _BURSTABLE_GIB[size]
        if family in _GIB_OF_LARGE and size in _LARGE_MULTIPLES:
            return _GIB_OF_LARGE[family] * _LARGE_MULTIPLES[size]
    raise ValueError(
        f'instance class "{instance_class}" is not known here; use a db.t, db.m, db.r or db.x class such as '
        "db.t4g.micro or db.r7g.large"
    )


def vcpus(instance_class: str) -> int:
    """vCPUs of an instance class: 2 up to large, then doubling with the size.

    Raises:
        ValueError: the class is not of a known family and size.
    """
    memory_gib(instance_class)
    multiple = re.match(r"([0-9]*)xlarge", instance_class.rsplit(".", 1)[1])
    return 4 * int(multiple[1] or 1) if multiple else 2


def max_connections(*, engine: str, instance_class: str) -> int:
    """`max_connections` that RDS sets for a class when no parameter group overrides it: published, or estimated.

    Args:
        engine: "postgresql" or "mysql".
        instance_class: for example "db.t4g.micro".

    Raises:
        ValueError: engine or class is not known.
    """
    if engine not in _DIVISOR:
        raise ValueError(f'engine "{engine}" is not known; use postgresql or mysql')
    published = PUBLISHED.get((engine, instance_class))
    if published is not None:
        return published
    usable_gib = 0.91 * memory_gib(instance_class) - 0.21
    return min(math.floor(usable_gib * 2**30 / _DIVISOR[engine]), _LIMIT[engine])


def is_estimate(*, engine: str, instance_class: str) -> bool:
    """Whether `max_connections` of this class is an estimate rather than a published or measured value."""
    return (engine, instance_class) not in PUBLISHED
