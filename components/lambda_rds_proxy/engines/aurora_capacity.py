"""`max_connections` of Aurora: of an instance class, or of Serverless v2 by its highest capacity.

Sources: Aurora User Guide, "Managing Amazon Aurora PostgreSQL" (table of 2023, since taken from the page), "Managing
performance and scaling for Aurora MySQL", and "Performance and scaling for Aurora Serverless v2".
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from . import instance_classes

SERVERLESS = "db.serverless"
# Aurora capacity units (ACU): CreateDBCluster, ServerlessV2ScalingConfiguration (botocore's service model). 0 would let
# the cluster pause, which a proxy, with its connections held open, never lets happen.
LOWEST_ACU, HIGHEST_ACU = 0.5, 256.0

_POSTGRESQL: Mapping[str, int] = MappingProxyType(
    {
        "db.t3.medium": 420,
        "db.t4g.medium": 405,
        "db.t3.large": 844,
        "db.t4g.large": 844,
        "db.r5.large": 1600,
        "db.r6g.large": 1722,
        "db.r5.xlarge": 3300,
        "db.r6g.xlarge": 3479,
    }
)
_MYSQL_BURSTABLE: Mapping[str, int] = MappingProxyType({"small": 45, "medium": 90, "large": 135})
_MYSQL: Mapping[str, int] = MappingProxyType(
    {
        "large": 1000,
        "xlarge": 2000,
        "2xlarge": 3000,
        "4xlarge": 4000,
        "8xlarge": 5000,
        "12xlarge": 6000,
        "16xlarge": 6000,
        "24xlarge": 7000,
    }
)
# Highest capacity in ACU → (MySQL, PostgreSQL).
_BY_ACU: Mapping[float, tuple[int, int]] = MappingProxyType(
    {
        1: (90, 189),
        4: (135, 823),
        8: (1000, 1669),
        16: (2000, 3360),
        32: (3000, 5000),
        64: (4000, 5000),
        128: (5000, 5000),
        192: (6000, 5000),
    }
)
# Serverless v2 with a floor of 0.5 ACU: PostgreSQL is held at this, whatever the highest capacity.
_POSTGRESQL_FROM_HALF_AN_ACU = 2000
_CLASS = re.compile(r"db\.([a-z])[0-9]+[a-z]*\.([0-9]*[a-z]+)")


def max_connections(*, engine: str, instance_class: str) -> int:
    """`max_connections` of a class of Aurora: published, or for PostgreSQL the estimate for an instance of that memory.

    Args:
        engine: "postgresql" or "mysql".
        instance_class: for example "db.r6g.large".

    Raises:
        ValueError: Aurora does not have the class, or it is not known here.
    """
    instance_classes.memory_gib(instance_class)
    match = _CLASS.fullmatch(instance_class)
    family, size = (match[1], match[2]) if match else ("", "")
    if size == "micro" or (size == "small" and engine == "postgresql"):
        raise ValueError(f'instance class "{instance_class}" is not one of Aurora; the smallest is db.t4g.medium')
    if engine == "postgresql":
        return _POSTGRESQL.get(instance_class) or instance_classes.max_connections(
            engine=engine, instance_class=instance_class
        )
    known = _MYSQL_BURSTABLE if family == "t" else _MYSQL
    if size not in known:
        raise ValueError(f'instance class "{instance_class}" is not known for Aurora MySQL; use db.r6g.large or larger')
    return known[size]


def serverless_max_connections(*, engine: str, min_acu: float, max_acu: float) -> int:
    """`max_connections` of Serverless v2, which follows its highest capacity: the next published value below it."""
    published = _BY_ACU[max((acu for acu in _BY_ACU if acu <= max_acu), default=1)]
    if engine == "mysql":
        return published[0]
    return min(published[1], _POSTGRESQL_FROM_HALF_AN_ACU) if min_acu <= LOWEST_ACU else published[1]


def capacity_problems(min_acu: float, max_acu: float) -> list[str]:
    """What is wrong with a range of Serverless v2 under a proxy, each as a sentence that names the value."""
    found = []
    if min_acu == 0:
        found.append(
            "minCapacity is 0; a proxy keeps connections open, so the cluster would never scale to zero: the lowest "
            f"is {LOWEST_ACU}"
        )
    elif not LOWEST_ACU <= min_acu <= HIGHEST_ACU or min_acu * 2 % 1:
        found.append(f"minCapacity is {min_acu:g}; it must be from 0.5 to 256 ACU in steps of 0.5")
    if not max(min_acu, 1) <= max_acu <= HIGHEST_ACU or max_acu * 2 % 1:
        found.append(
            f"maxCapacity is {max_acu:g}; it must be from 1 to 256 ACU in steps of 0.5 and not below minCapacity"
        )
    return found
