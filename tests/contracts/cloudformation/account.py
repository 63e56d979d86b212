"""An AWS account in a region, as far as a program asks it: what is made answers in AWS's own forms."""

from typing import Any

from pulumi.runtime import mocks

from tests.contracts.cloudformation.mapping import answered

ACCOUNT = "123456789012"


def place(region: str) -> dict[str, str]:
    """What ARNs and host names of a region have in common."""
    china, gov = region.startswith("cn-"), region.startswith("us-gov-")
    suffix = "amazonaws.com.cn" if china else "amazonaws.com"
    return {
        "partition": "aws-cn" if china else "aws-us-gov" if gov else "aws",
        "region": region,
        "account": ACCOUNT,
        "suffix": suffix,
        # Those of China stand the other way round: RDS User Guide for China, "Endpoints".
        "hosts": f"rds.{region}.{suffix}" if china else f"{region}.rds.{suffix}",
    }


class Account(mocks.Mocks):
    """Answers of one region."""

    def __init__(self, region: str) -> None:
        super().__init__()
        self._place = place(region)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "pulumi:index:Stash":
            return f"{args.name}-id", {**args.inputs, "output": args.inputs["input"]}
        found: dict[str, Any] = {}
        for path, value in answered(args.typ, args.name, self._place).items():
            first, _, rest = path.partition(".")
            if first.endswith("[]"):
                found[first.removesuffix("[]")] = [{rest: value}]
            elif rest:
                found[first] = {rest: value}
            else:
                found[first] = value
        given = {"port": 5432, **self._names(args), **args.inputs, **found}
        return found.get("id", f"{args.name}-1a2b3c4"), given

    def _names(self, args: mocks.MockResourceArgs) -> dict[str, str]:
        if args.typ == "aws:lambda/invocation:Invocation":
            return {"result": "{}"}
        if args.typ == "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup":
            return {"name": "default"}
        own = f"{args.name}-1a2b3c4"
        return {"name": own, "identifier": own}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:
        region = self._place["region"]
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getAvailabilityZones:getAvailabilityZones": {
                "names": [f"{region}{letter}" for letter in "abc"],
                "zoneIds": ["az1", "az2", "az3"],
            },
            "aws:index/getRegion:getRegion": {"region": region, "id": region},
            "aws:index/getPartition:getPartition": {
                "partition": self._place["partition"],
                "dnsSuffix": self._place["suffix"],
                "id": self._place["partition"],
            },
        }
        return answers[args.token], []
