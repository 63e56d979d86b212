"""Memory and vCPUs of a DB instance class, and the capacity of the one that has neither: the same for every engine."""

import re

SERVERLESS = "db.serverless"
# Aurora capacity units (ACU): CreateDBCluster, ServerlessV2ScalingConfiguration (botocore's service model). 0 would let
# the cluster pause, which a proxy, with its connections held open, never lets happen.
LOWEST_ACU, HIGHEST_ACU = 0.5, 256.0
# Sessions that are all at work: nobody publishes it for RDS. A hoster of PostgreSQL lets have 80 connections per core
# of 2 cores, 60 of 4, 47 of 8, 30 of 16 (supabase.com/docs/guides/platform/compute-and-disk); 722 on each of 2 vCPUs
# took a database down for 33 minutes (NASA-IMPACT/veda-backend 649). `python -m bench.sessions` shows the curve.
SESSIONS_PER_VCPU = 50
# An ACU is 2 GiB with the processor that goes with them (Aurora User Guide, "Aurora Serverless v2 capacity"), and
# Aurora's provisioned classes have 8 GiB to a vCPU.
_VCPUS_PER_ACU = 0.25

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


def usable_bytes(instance_class: str) -> float:
    """`DBInstanceClassMemory`, estimated: the bytes left after the operating system and RDS have taken theirs.

    Fitted so that `max_connections` by each engine's formula is below every published value, by 1 to 8 %.

    Raises:
        ValueError: the class is not of a known family and size.
    """
    return (0.91 * memory_gib(instance_class) - 0.21) * 2**30


def vcpus(instance_class: str) -> int:
    """vCPUs of an instance class: 2 up to large, then doubling with the size.

    Raises:
        ValueError: the class is not of a known family and size.
    """
    memory_gib(instance_class)
    multiple = re.match(r"([0-9]*)xlarge", instance_class.rsplit(".", 1)[1])
    return 4 * int(multiple[1] or 1) if multiple else 2


def vcpus_of_capacity(acu: float) -> float:
    """vCPUs of Serverless v2 at a capacity in ACU, about: AWS publishes no number."""
    return acu * _VCPUS_PER_ACU
