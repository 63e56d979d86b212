"""The functions (data sources) a program of this project may call."""

from collections.abc import Callable, Mapping

from . import ACCOUNT
from .policy_document import policy_document
from .properties import Properties
from .types import rds_instance

_ZONE_IDS = ["euw1-az1", "euw1-az2", "euw1-az3"]


def _zones(args: Properties, region: str) -> Properties:
    excluded = set(args.get("excludeZoneIds", []))
    found = [(f"{region}{letter}", zone) for letter, zone in zip("abc", _ZONE_IDS, strict=True) if zone not in excluded]
    return {"id": region, "names": [name for name, _ in found], "zoneIds": [zone for _, zone in found]}


def _region(_: Properties, region: str) -> Properties:
    return {"id": region, "region": region, "name": region, "description": f"the laptop, as {region}"}


def _identity(_: Properties, __: str) -> Properties:
    return {"id": ACCOUNT, "accountId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:user/laptop", "userId": "AIDALAPTOP"}


def _partition(_: Properties, __: str) -> Properties:
    return {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws"}


_GET_INSTANCE = "aws:rds/getInstance:getInstance"

FUNCTIONS: Mapping[str, Callable[[Properties, str], Properties]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getCallerIdentity:getCallerIdentity": _identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:iam/getPolicyDocument:getPolicyDocument": lambda args, _: policy_document(args),
    _GET_INSTANCE: lambda args, _: rds_instance.looked_up(str(args.get("dbInstanceIdentifier"))),
}


def example(token: str, region: str) -> Properties:
    """What an answer looks like, without a server that knows one."""
    if token == _GET_INSTANCE:
        texts = dict.fromkeys(("id", "dbInstanceIdentifier", "address", "resourceId"), "")
        return {**texts, "port": 0, "vpcSecurityGroups": [""]}
    return call(token, {}, region)


def call(token: str, args: Properties, region: str) -> Properties:
    """The result of a function.

    Raises:
        ValueError: the laptop does not answer this function.
    """
    function = FUNCTIONS.get(token)
    if function is None:
        raise ValueError(
            f"the laptop's stand-in for the aws provider does not answer {token}; it answers "
            + ", ".join(sorted(name.rsplit(":", 1)[1] for name in FUNCTIONS))
        )
    return {**args, **function(args, str(args.get("region", region)))}
