"""Whether the database can be made here and now: version, class, zones, storage, parameters, snapshot."""

import re
from collections.abc import Iterator, Mapping, Sequence

from .account import Account, Offer, Parameter, Snapshot, Versions
from .answers import NotSeen, Problem, Row, Verdict, listed, rows
from .needs import Needs, NewDatabase

_STORAGE = "gp3"
_RANGE = re.compile(r"(-?[0-9.]+)-(-?[0-9.]+)")


def is_made(needs: Needs) -> NewDatabase | None:
    """The database, if it is not there yet: one that runs need not be what could be made today."""
    return None if needs.deployed.database else needs.database


def version(needs: Needs, account: Account) -> list[Row]:
    """Whether AWS makes this version today."""
    database = is_made(needs)
    if database is None:
        return []

    def problems(seen: Versions) -> Iterator[Problem]:
        if seen.chosen is None:
            offered = (
                f"what it makes of {database.family} is {listed(reversed(seen.offered))}"
                if seen.offered
                else (f"it makes none of {database.family}")
            )
            yield Problem(
                found=f"{needs.region} makes no {database.rds_engine} {database.version}; {offered}",
                fix=f"set engineVersion to {seen.offered[-1]}" if seen.offered else "set engineVersion to another one",
            )
        elif seen.chosen in seen.deprecated:
            yield Problem(
                found=f"{database.rds_engine} {seen.chosen} is deprecated: AWS is about to upgrade it by itself",
                fix=f"set engineVersion to {seen.offered[-1]}",
            )

    def fine(seen: Versions) -> str:
        newer = "" if seen.chosen == seen.offered[-1] else f"; the newest of {database.family} is {seen.offered[-1]}"
        asked = "" if database.version == seen.chosen else f" is what AWS makes of {database.version} today"
        return f"{database.rds_engine} {seen.chosen}{asked or ' can be made'}{newer}"

    return rows("engine version", account.versions, problems, fine)


def instance_class(needs: Needs, account: Account) -> list[Row]:
    """Whether the class is there with what the stack wants of it, in zones that it can stand in."""
    database = is_made(needs)
    if database is None:
        return []
    usable = _usable_zones(needs, account)

    def problems(offers: Sequence[Offer]) -> Iterator[Problem]:
        what = f"{database.instance_class} for {database.rds_engine} {database.version}"
        if not offers:
            yield Problem(found=f"{needs.region} has no {what}", fix="set instanceClass to another one")
            return
        stored = [each for each in offers if database.is_cluster or each.storage_type == _STORAGE]
        if not stored:
            yield Problem(found=f"{what} is not there with storage {_STORAGE}", fix="set instanceClass to another one")
            return
        yield from _storage(database, stored)
        zones = {zone for each in stored for zone in each.zones}
        if usable is not None and len(zones & usable) < database.zones:
            there = listed(sorted(zones & usable)) or "none"
            yield Problem(
                found=f"{what} is there in {there} of the zones of this stack ({', '.join(sorted(usable))}), and it "
                f"needs {database.zones}; others that have it: {listed(sorted(zones - usable)) or 'none'}",
                fix="set instanceClass to another one, or subnets in other zones (subnetIds, zones)",
            )
        for wanted, has, called in (
            (database.multi_az, "multi_az", "standby in a second zone (profile prod)"),
            (database.iam_authentication, "iam_authentication", "IAM authentication (auth iam-end-to-end)"),
            (database.performance_insights, "performance_insights", "Performance Insights (performanceInsights)"),
            (True, "encryption", "encrypted storage"),
        ):
            if wanted and not any(getattr(each, has) for each in stored):
                yield Problem(found=f"{what} has no {called}", fix="set instanceClass or engineVersion to another one")

    def fine(offers: Sequence[Offer]) -> str:
        zones = {zone for each in offers for zone in each.zones}
        return f"{database.instance_class} is there in {listed(sorted(zones))}"

    found = rows("instance class", account.offers, problems, fine)
    if usable is None and not isinstance(account.offers, NotSeen):
        why = "which zones the stack stands in was not seen, so nobody looked whether the class is there"
        found.append(Row(question="instance class", verdict=Verdict.NOT_SEEN, found=why))
    return found


def _usable_zones(needs: Needs, account: Account) -> set[str] | None:
    """Names of the zones that the stack's subnets stand in."""
    if needs.vpc is not None:
        seen = account.subnets
        return None if isinstance(seen, NotSeen) else {each.zone for each in seen}
    # Of a new VPC in the first zones of the region that have RDS Proxy.
    return None if isinstance(account.zones, NotSeen) else set(account.zones[: needs.zones])


def _storage(database: NewDatabase, offers: Sequence[Offer]) -> Iterator[Problem]:
    wanted = database.storage_gib
    sizes = [each for each in offers if each.least_gib is not None and each.most_gib is not None]
    if wanted is None or not sizes or any((each.least_gib or 0) <= wanted <= (each.most_gib or 0) for each in sizes):
        return
    least, most = min(each.least_gib or 0 for each in sizes), max(each.most_gib or 0 for each in sizes)
    yield Problem(
        found=f"storageGib is {wanted}, and {database.instance_class} takes {least} to {most} GiB of {_STORAGE}",
        fix=f"set storageGib to {least if wanted < least else most}",
    )


def parameters(needs: Needs, account: Account) -> list[Row]:
    """Whether the family has the parameters that the stack states, and takes their values."""
    database = needs.database
    if database is None or not database.parameters:
        return []

    def problems(known: Mapping[str, Parameter]) -> Iterator[Problem]:
        for name, value in database.parameters.items():
            seen = known.get(name)
            if seen is None:
                found = f"{database.family} has no parameter {name}"
            elif not seen.is_modifiable:
                found = f"{name} of {database.family} cannot be changed"
            elif value is not None and not takes(seen.allowed_values, value):
                found = f"{name} is {value}, and {database.family} takes {seen.allowed_values}"
            else:
                continue
            yield Problem(found=found, fix=f"change or remove it in parameters (or {_setting(name)})")

    return rows(
        "parameters",
        account.parameters,
        problems,
        lambda _: f"{listed(database.parameters)}: {database.family} takes it",
    )


def _setting(name: str) -> str:
    return "maxConnections" if name == "max_connections" else "engineVersion, whose family has it"


def takes(allowed: str | None, value: str) -> bool:
    """Whether RDS's text of allowed values, such as `1-100,200` or `ON,OFF`, has a value; what is no list takes all."""
    # A formula such as {DBInstanceClassMemory/9531392} is a number that RDS computes.
    if not allowed or "{" in value:
        return True
    # A list of words is a value of its own where several may be given, as of shared_preload_libraries.
    words = [each.strip() for each in value.split(",")]
    return all(any(_is_of(part.strip(), word) for part in allowed.split(",")) for word in words)


def _is_of(part: str, value: str) -> bool:
    bounds = _RANGE.fullmatch(part)
    if bounds is None:
        return part.lower() == value.lower()
    try:
        return float(bounds[1]) <= float(value) <= float(bounds[2])
    except ValueError:
        return False


def snapshot(needs: Needs, account: Account) -> list[Row]:
    """Whether what the database is restored from is there, fits, and is encrypted with the stack's key."""
    database = is_made(needs)
    if database is None or database.snapshot is None:
        return []
    name = database.snapshot

    def problems(seen: Snapshot | None) -> Iterator[Problem]:
        kind = "a cluster" if database.is_cluster else "an instance"
        copy = "cluster-" if database.is_cluster else ""
        command = f"aws rds copy-db-{copy}snapshot with --kms-key-id, and name the copy in snapshotIdentifier"
        if seen is None:
            yield Problem(
                found=f"{needs.region} has no snapshot {name} of {kind}",
                fix="set snapshotIdentifier to one that `aws rds describe-db-"
                f"{copy}snapshots` shows; one of another account by its ARN",
            )
            return
        if seen.status != "available":
            yield Problem(found=f"snapshot {name} is {seen.status}", fix="wait until it is available")
        if seen.rds_engine != database.rds_engine:
            yield Problem(
                found=f"snapshot {name} is of {seen.rds_engine}, and the stack makes {database.rds_engine}",
                fix="set engine and kind to those of the snapshot, or name another one",
            )
        if not seen.encrypted:
            yield Problem(found=f"snapshot {name} is not encrypted, and every database here is", fix=command)
        elif needs.data_key is not None and seen.key not in (None, needs.data_key) and not database.is_cluster:
            # A cluster is restored with the key that is stated: RestoreDBClusterFromSnapshot has KmsKeyId.
            yield Problem(
                found=f"snapshot {name} is encrypted with {seen.key}, and kmsKeyArn is {needs.data_key}", fix=command
            )
        if database.storage_gib is not None and seen.storage_gib > database.storage_gib:
            yield Problem(
                found=f"snapshot {name} has {seen.storage_gib} GiB, and storageGib is {database.storage_gib}",
                fix=f"set storageGib to {seen.storage_gib} or more",
            )

    return rows("snapshot", account.snapshot, problems, lambda _: f"{name} is there, encrypted, and fits")
