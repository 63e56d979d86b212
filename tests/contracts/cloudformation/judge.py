"""AWS's published schemas and lists, asked through cfn-lint: what it finds in a template."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.core import get_rules
from cfnlint.decode.decode import decode_str
from cfnlint.rules import RulesCollection
from cfnlint.runner import run_template_by_data

REGIONS = ("eu-west-1", "us-east-1", "us-gov-west-1", "cn-north-1")
# Rules that judge how a template is written, not what AWS makes of it.
IGNORED = {
    "W3010": "a template should not name zones; Pulumi asks for them at every preview",
    "E3038": "an application is SAM's, which would put the application's own resources into the template",
}
_VERSIONS = {"AWS::RDS::DBInstance": "aws_rds_dbinstance", "AWS::RDS::DBCluster": "aws_rds_dbcluster"}


def findings(template: Mapping[str, Any], regions: Sequence[str] = REGIONS) -> list[str]:
    """`rule resource.property: message` of each, in any of the regions; four cost what one does."""
    read, problems = decode_str(json.dumps(_with_versions(template)))
    assert read is not None and not problems
    found = run_template_by_data(read, ConfigMixIn(regions=[*regions]), _rules())
    return [f"{each.rule.id} {'.'.join(_place(each.path))}: {each.message}" for each in found]


def _place(path: Sequence[Any]) -> Iterator[str]:
    return (str(step) for step in path[1:] if step != "Properties")


@cache
def _rules() -> RulesCollection:
    return get_rules([], [*IGNORED], [])


def _with_versions(template: Mapping[str, Any]) -> dict[str, Any]:
    """The same, each version in part as the newest of the versions that it stands for.

    RDS takes a major version (cfn-lint issue 3849, where RDS User Guide says it of PostgreSQL; the provider keeps such
    a prefix of any engine). The lists have MySQL's in full only, and call 17 withdrawn with its oldest minor ones.
    """
    read: dict[str, Any] = json.loads(json.dumps(template))
    for each in read["Resources"].values():
        properties = each.get("Properties", {})
        version = properties.get("EngineVersion")
        if each["Type"] in _VERSIONS and isinstance(version, str) and isinstance(properties.get("Engine"), str):
            available = _available(_VERSIONS[each["Type"]], properties["Engine"])
            full = [listed for listed in available if listed.startswith(f"{version}.")]
            properties["EngineVersion"] = max(full, key=_order) if full else version
    return read


def _order(version: str) -> list[int]:
    return [int(part) if part.isdigit() else -1 for part in version.replace("-", ".").split(".")]


@cache
def _available(schema: str, engine: str) -> frozenset[str]:
    """Versions that can be made, without those that are withdrawn."""

    def listed(name: str, place: str) -> Iterator[str]:
        for each in json.loads((files("cfnlint") / f"data/schemas/extensions/{schema}/{name}.json").read_text())[
            "allOf"
        ]:
            if each["if"]["properties"]["Engine"].get("const") == engine:
                yield from each[place]["properties"]["EngineVersion"].get("enum", [])

    return frozenset({*listed("engine_version", "then")} - {*listed("engine_version_deprecated", "if")})


def part_of(template: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The template of one resource with all that it refers to."""
    resources = template["Resources"]
    wanted: dict[str, Any] = {}
    todo = [name]
    while todo:
        one = todo.pop()
        if one not in wanted and one in resources:
            wanted[one] = resources[one]
            todo.extend(_referred_to(resources[one]))
    return {**template, "Resources": wanted}


def _referred_to(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "Ref" in value:
            yield value["Ref"]
        elif "Fn::GetAtt" in value:
            yield value["Fn::GetAtt"][0]
        else:
            for each in value.values():
                yield from _referred_to(each)
    elif isinstance(value, list):
        for each in value:
            yield from _referred_to(each)
