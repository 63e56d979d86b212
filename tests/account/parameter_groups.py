"""RDS's parameter groups: families, what a parameter takes, and the apply method that AWS gives back.

`parameters.json` is a part of AWS's own lists: a parameter that is not in it is refused as one that AWS does not know.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from local.provider.properties import Properties
from local.provider.types.row import Resource

from .account import Account, RefusedError, Service, arn
from .engine_versions import families


@cache
def _known(family: str) -> dict[str, Any]:
    table = json.loads(Path(__file__).with_name("parameters.json").read_bytes())
    found: dict[str, Any] = table[re.sub(r"[\d.]+$", "", family)]
    return found


def kept(family: str, given: Properties) -> Properties:
    """What AWS gives back of a parameter that it was given.

    The method of one whose value is the server's own default is always `pending-reboot` (source: terraform-provider-aws
    39252, 23335). The words of the refusals: terraform-provider-aws 216; prowler 4116 with the error for Aurora.

    Raises:
        RefusedError: AWS refuses it.
    """
    name, value, method = str(given["name"]).lower(), str(given["value"]), str(given.get("applyMethod", "immediate"))
    parameter = _known(family).get(name)
    if parameter is None:
        raise RefusedError("InvalidParameterValue", f"Could not find parameter with name: {name}")
    if not _takes(parameter["takes"], value):
        allowed = f"allowed values are: {parameter['takes']}"
        raise RefusedError("InvalidParameterValue", f"Invalid parameter value: {value} for: {name} {allowed}")
    if parameter["applies"] == "static" and method == "immediate":
        raise RefusedError("InvalidParameterCombination", "cannot use immediate apply method for static parameter")
    defaults = parameter.get("default", {})
    is_default = value == defaults.get(family, defaults.get("*"))
    return {"name": name, "value": value, "applyMethod": "pending-reboot" if is_default else method.lower()}


def _takes(allowed: str, value: str) -> bool:
    """AllowedValues of DescribeDBParameters: values, of which a list may have several, or a range."""
    bounds = re.fullmatch(r"(-?\d+)-(\d+)", allowed)
    if bounds is None:
        return {*value.split(",")} <= {*allowed.split(",")}
    return bool(re.fullmatch(r"-?\d+", value)) and int(bounds[1]) <= int(value) <= int(bounds[2])


def must_fit(account: Account, kind: str, group: object, family: str) -> None:
    """A database takes a group of its version's family only.

    source: the words: quickstart-r3-corda 25.

    Raises:
        RefusedError: it is of another, or there is no such group.
    """
    if group is None or str(group).startswith("default."):
        return
    found = account.get(kind, str(group))
    if found is None:
        raise RefusedError(f"{_CODES[kind]}NotFound", f"{_CODES[kind]} not found: {group}")
    if found["family"] != family:
        raise RefusedError(
            "InvalidParameterCombination",
            f"The Parameter Group {group} with DBParameterGroupFamily {found['family']} cannot be used for this "
            f"instance. Please use a Parameter Group with DBParameterGroupFamily {family}",
        )


_CODES = {"parameter-group": "DBParameterGroup", "cluster-parameter-group": "DBClusterParameterGroup"}


class ParameterGroup(Service):
    """Of instances."""

    kind = "parameter-group"
    abbreviation: ClassVar[str] = "pg"
    users: ClassVar[str] = "instance"

    def create(self, resource: Resource) -> tuple[str, Properties]:
        if self.account.get(self.kind, resource.name) is not None:
            raise RefusedError(f"{_CODES[self.kind]}AlreadyExists", f"Parameter group {resource.name} already exists")
        return self.update(resource)

    def update(self, resource: Resource) -> tuple[str, Properties]:
        family = str(resource.inputs["family"])
        if family not in families():
            raise RefusedError(
                "InvalidParameterValue", f"ParameterGroupFamily {family} is not a valid parameter group family"
            )
        parameters = [kept(family, each) for each in resource.inputs.get("parameters") or []]
        self.account.put(self.kind, resource.name, {"family": family, "parameters": parameters})
        where = arn("rds", resource.region, f"{self.abbreviation}:{resource.name}")
        return resource.name, {"arn": where, "parameters": parameters or None}

    def found(self, identifier: str, state: Properties) -> Properties | None:
        group = self.account.get(self.kind, identifier)
        return group and {"parameters": group["parameters"] or None}

    def gone(self, identifier: str, state: Properties) -> None:
        # source: RDS API Reference, DeleteDBParameterGroup: it cannot be associated with any DB instances.
        used = [name for name, each in self.account.all(self.users).items() if each.get("group") == identifier]
        if used:
            raise RefusedError(
                f"Invalid{_CODES[self.kind]}State",
                f"One or more database instances are still members of this parameter group {identifier}: "
                + ", ".join(used),
            )
        super().gone(identifier, state)


class ClusterParameterGroup(ParameterGroup):
    """Of clusters."""

    kind = "cluster-parameter-group"
    abbreviation = "cluster-pg"
    users = "cluster"
