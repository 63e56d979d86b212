"""What a stack adopts, as its configuration says it: what was made elsewhere, and what is yet to be imported."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .config_tables import Table, parse_table
from .config_values import matching, table, text, text_list

_GROUP_ID = re.compile(r"sg-[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class AdoptionConfig:
    """`adopted` and `import`; `database` and `proxy` as `AdoptedDatabase` and `AdoptedProxy` have them."""

    database: Mapping[str, Any] | None = None
    proxy: Mapping[str, Any] | None = None

    def as_args(self, existing_database: Mapping[str, Any] | None) -> dict[str, Any]:
        """The arguments of `ServerlessDatabase`; the proxy's target is the adopted database, or the existing one."""
        args: dict[str, Any] = {}
        if self.database is not None:
            args["adopted_database"] = dict(self.database)
        if self.proxy is not None:
            target = self.database or existing_database or {}
            args["adopted_proxy"] = {**self.proxy, "target_identifier": target["identifier"]}
        return args


def _group_ids(value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(_GROUP_ID.fullmatch(str(each)) for each in value):
        raise ValueError("a list of security groups such as [sg-0123456789abcdef0], the one that gets the rules first")
    return [str(each) for each in value]


def _texts(value: object) -> list[str]:
    return list(text_list(value))


_PARTS: Table = {"database": ("database", table), "proxy": ("proxy", table)}
_DATABASE: Table = {
    "identifier": ("identifier", text),
    "subnetGroup": ("subnet_group_name", text),
    "securityGroupIds": ("security_group_ids", _group_ids),
    "instances": ("instance_identifiers", _texts),
}
_PROXY: Table = {
    "name": ("name", matching(re.compile(r"[a-zA-Z](?:-?[a-zA-Z0-9]+)*"), "the name of an RDS Proxy")),
}
_IMPORT: Table = {"database": ("database", _texts), "proxy": ("proxy", _texts)}


def parse_adoption(adopted: object, importing: object, problems: list[str]) -> AdoptionConfig:
    """Parse the two keys; None where one is not given. What is wrong is added to `problems`."""
    parts = parse_table(_PARTS, table(adopted or {}), problems, where="adopted.")
    changes = parse_table(_IMPORT, table(importing or {}), problems, where="import.")
    if "database" in parts:
        needed = ("identifier", "subnetGroup", "securityGroupIds")
        parts["database"] = parse_table(
            _DATABASE, parts["database"], problems, where="adopted.database.", required=needed
        )
    if "proxy" in parts:
        parts["proxy"] = parse_table(_PROXY, parts["proxy"], problems, where="adopted.proxy.", required=("name",))
    for part, names in changes.items():
        if part in parts:
            parts[part] = {**parts[part], "import_changes": names}
        else:
            problems.append(f"import.{part} is there without adopted.{part}; say what is to be imported")
    return AdoptionConfig(**parts)


def adoption_problems(
    adopted: AdoptionConfig,
    *,
    cluster_instances: int | None,
    existing_database: bool,
    existing_network: bool,
) -> list[str]:
    """What the adoption needs of the other keys; `cluster_instances` is None for an instance."""
    found = []
    if adopted.database is not None and existing_database:
        found.append("adopted.database and existingDatabase; a database is managed here or elsewhere, give one of them")
    if adopted.database is not None and not existing_network:
        found.append("adopted.database needs vpcId and subnetIds: a proxy stands in the VPC of its database")
    if adopted.proxy is not None and adopted.database is None and not existing_database:
        found.append("adopted.proxy stands before a database that is there; give adopted.database or existingDatabase")
    members = (adopted.database or {}).get("instance_identifiers", [])
    if adopted.database is not None and len(members) != (cluster_instances or 0):
        found.append(
            f"adopted.database.instances has {len(members)} names; it needs the identifier of each instance of a "
            f"cluster ({cluster_instances} with instances), and none with target instance"
            if cluster_instances
            else "adopted.database.instances is for target cluster; leave it out with target instance"
        )
    return found
