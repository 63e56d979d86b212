"""What cannot go together in the settings of a database. Pure."""

from collections.abc import Iterator

from ..engines import ENGINES, Profile, TargetKind
from ..engines.instance_classes import SERVERLESS
from ..settings.reading import with_defaults
from ..settings.spelling import Spelling
from .args import AdoptedDatabase, DatabaseSettings
from .choices import BACKUP_DAYS, instance_class_of, instances_of


def database_problems(given: DatabaseSettings, call: Spelling, *, profile: Profile) -> Iterator[str]:
    """Each contradiction as a sentence that names the settings and the fix."""
    database = with_defaults(DatabaseSettings, given)
    kind, facts = database["kind"], ENGINES[database["engine"]]
    cluster = kind is TargetKind.CLUSTER
    yield from _class_problems(given, call)
    # RDS takes names in any case.
    parameters = {each.lower() for each in given.get("parameters", {})}
    tls = facts.target(kind).tls.name
    if tls in parameters:
        name = call("database.parameters")
        yield f"{name} has {tls}; the database refuses plain text in any case, leave it out"
    if "max_connections" in parameters:
        name = call("database.max_connections")
        yield f"{call('database.parameters')} has max_connections; give it as {name}, so that the budget knows it"
    lowest = BACKUP_DAYS[profile]
    days = given.get("backup_retention_days", lowest)
    if days < lowest:
        yield (
            f"{call('database.backup_retention_days')} is {days}; it must be at least {lowest} with "
            f"{call('stack.profile')} {profile.value}"
        )
    instances, name = given.get("instances", 1), call("database.instances")
    if not cluster and instances != 1:
        kinds = call("database.kind")
        yield f"{name} is {instances}; {kinds} instance has exactly 1 (choose {kinds} cluster for more)"
    if cluster and profile is Profile.PROD and instances_of(given, profile) < 2:
        yield f"{name} is {instances}; a cluster of profile prod needs 2, so that it survives the loss of a zone"


def _class_problems(given: DatabaseSettings, call: Spelling) -> Iterator[str]:
    database = with_defaults(DatabaseSettings, given)
    cluster = database["kind"] is TargetKind.CLUSTER
    chosen, name = instance_class_of(given), call("database.instance_class")
    low, high = call("database.min_capacity"), call("database.max_capacity")
    if chosen == SERVERLESS:
        if database["max_capacity"] < database["min_capacity"]:
            yield f"{high} is {database['max_capacity']:g}; it must not be below {low} ({database['min_capacity']:g})"
        if not cluster:
            yield f"{name} is {SERVERLESS}; only a cluster is serverless, choose {call('database.kind')} cluster"
    elif given.keys() & {"min_capacity", "max_capacity"}:
        yield f"{low} and {high} are for {name} {SERVERLESS} only; leave them out"
    elif cluster:
        try:
            ENGINES[database["engine"]].cluster.max_connections(chosen)
        except ValueError as error:
            yield str(error)


def restored_problem(
    snapshot: str, encrypted: bool | None, key: str | None, stated: str | None, call: Spelling
) -> str | None:
    """What is wrong with how an instance is encrypted that was restored: with what its snapshot was, and nothing else.

    Args:
        snapshot: what it was restored from.
        encrypted: whether it is.
        key: with which key; None if that is not known.
        stated: the customer managed key of the stack, if there is one.
        call: how whoever reads it calls settings.
    """
    name, key_name = call("database.snapshot_identifier"), call("stack.kms_key_arn")
    if not encrypted:
        return (
            f"{name} {snapshot} is not encrypted, and neither is what was restored from it; the next update replaces "
            "it, so copy the snapshot with --kms-key-id (aws rds copy-db-snapshot) and restore the copy"
        )
    if stated is not None and key is not None and key != stated:
        return (
            f"{name} {snapshot} is encrypted with {key}, and so is what was restored from it, not with {key_name} "
            f"{stated}; to change that copy the snapshot with it (aws rds copy-db-snapshot) and restore the copy"
        )
    return None


def adopted_database_problems(
    adopted: AdoptedDatabase, given: DatabaseSettings, call: Spelling, *, profile: Profile
) -> Iterator[str]:
    """Whether an adopted cluster has the identifier of each of its instances, and an instance none."""
    cluster = with_defaults(DatabaseSettings, given)["kind"] is TargetKind.CLUSTER
    names = call("adopted.database.instance_identifiers")
    members, instances = adopted.get("instance_identifiers", []), instances_of(given, profile)
    if cluster and len(members) != instances:
        yield (
            f"{names} has {len(members)} names; it needs the identifier of each instance of a cluster "
            f"({instances} with {call('database.instances')})"
        )
    if not cluster and members:
        kind = call("database.kind")
        yield f"{names} is for {kind} cluster; leave it out with {kind} instance"
