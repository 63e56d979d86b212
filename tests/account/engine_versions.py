"""RDS's engine versions, by a dated table: which can be made, which a prefix means, and which AWS upgrades to."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from .account import Account, RefusedError

TABLE = Path(__file__).with_name("engine_versions.json")


@cache
def _table() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(TABLE.read_bytes())
    return found


def versions(engine: str) -> list[str]:
    """Those that can be made, the newest last; nothing of an engine that is not in the table."""
    return sorted(_table()["versions"].get(engine, []), key=_numbers)


def family(engine: str, version: str) -> str:
    """The parameter group family of a version.

    source: RDS API Reference, DBEngineVersion, DBParameterGroupFamily.
    """
    parts = version.split(".")
    return f"{engine}{parts[0]}" if "postgres" in engine else f"{engine}{parts[0]}.{parts[1]}"


def families() -> set[str]:
    """Those of all versions."""
    return {family(engine, version) for engine in _table()["versions"] for version in versions(engine)}


def resolved(account: Account, engine: str, asked: object) -> str:
    """The version that is made when this one is asked for: of a prefix, or of nothing, AWS's default.

    The default is the last but one of its major version, as long as AWS has not moved on (`upgrade_minor_versions`).
    Which it is on the day nobody knows but AWS.

    source: RDS API Reference, CreateDBInstance, EngineVersion; the words of the refusal: langfuse-terraform-aws 34,
    retool-modules 70.

    Raises:
        RefusedError: there is no such version.
    """
    known = versions(engine)
    if str(asked) in known:
        return str(asked)
    matching = [each for each in known if not asked or each.startswith(f"{asked}.")]
    if not matching:
        raise RefusedError("InvalidParameterCombination", f"Cannot find version {asked} for {engine}")
    newest = [each for each in matching if _major(each) == _major(matching[-1])]
    return newest[-1] if account.setting("minor versions are upgraded", False) or len(newest) == 1 else newest[-2]


def upgraded(account: Account, engine: str, runs: str, asked: object, *, major: bool = False) -> str:
    """The version after an update that asks for one.

    source: the words of both refusals: cloud-platform-environments 7615; RDS User Guide, "Upgrading the major version".

    Raises:
        RefusedError: it is older than what runs, or another major one without leave.
    """
    if asked is None or runs == asked or runs.startswith(f"{asked}."):
        return runs
    wanted = resolved(account, engine, asked)
    if _numbers(wanted) < _numbers(runs):
        raise RefusedError("InvalidParameterCombination", f"Cannot upgrade {engine} from {runs} to {wanted}")
    if _major(wanted) != _major(runs) and not major:
        raise RefusedError(
            "InvalidParameterCombination",
            "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
        )
    return wanted


def shown(configured: object, runs: str, pending: object = None) -> str:
    """What the provider keeps of a version: what was configured while it is what runs, what waits, or a prefix of it.

    source: terraform-provider-aws, internal/service/rds, `compareActualEngineVersion`.
    """
    if configured is not None and (pending == configured or runs == configured or runs.startswith(f"{configured}.")):
        return str(configured)
    return runs


def newest_minor(engine: str, runs: str) -> str:
    """What an automatic upgrade of the minor version ends in."""
    return [each for each in versions(engine) if _major(each) == _major(runs)][-1]


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.replace("mysql_aurora.", "").replace("-rds", "").split(".")]


def _major(version: str) -> list[int]:
    """Of PostgreSQL the first number, of MySQL the first two; Aurora MySQL's own number follows them."""
    return _numbers(version)[: 1 if _numbers(version)[0] > 9 else 2]
