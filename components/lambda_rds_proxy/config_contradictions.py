"""What is wrong between keys of a stack's configuration that are each right alone. No Pulumi in it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .adoption_config import adoption_problems
from .database.choices import database_problems
from .engines import ENGINES, Auth, TargetKind
from .proxy.connection_pool import check_total_percent
from .proxy.debug_logging import is_wanted

if TYPE_CHECKING:
    from .stack_config import StackConfig

# What describes a database that is made here, and says nothing about one that is there.
_OF_A_NEW_DATABASE = {
    "engine_version": "engineVersion",
    "min_capacity": "minCapacity",
    "max_capacity": "maxCapacity",
    "port": "port",
    "max_connections": "maxConnections",
    "parameters": "parameters",
    "backup_retention_days": "backupRetentionDays",
    "snapshot_identifier": "snapshotIdentifier",
    "performance_insights": "performanceInsights",
}


def contradictions(config: "StackConfig", given: Mapping[str, Any]) -> list[str]:
    """Each contradiction as a sentence that names the keys and the fix.

    Args:
        config: the whole configuration, with its defaults.
        given: field → value of what the stack itself says: only that can be too much.
    """
    found = [*_network(config, given), *_database(config, given), *_proxy(config), *_users(config)]
    found += adoption_problems(
        config.adopted,
        cluster_instances=config.instances if config.target is TargetKind.CLUSTER else None,
        existing_database=config.existing_database is not None,
        existing_network=config.vpc_id is not None,
    )
    found += [
        f"borrowTimeout is {config.pool.connection_borrow_timeout} but the timeout of function {function.name} is "
        f"{function.timeout} s; it must be below it, or the function is ended before the proxy can answer"
        for function in config.functions
        if config.pool.connection_borrow_timeout >= function.timeout
    ]
    return found


def _network(config: "StackConfig", given: Mapping[str, Any]) -> list[str]:
    found = []
    if (config.vpc_id is None) != (not config.subnet_ids):
        found.append("vpcId and subnetIds belong together; give both for an existing VPC, or neither for a new one")
    new_only = {"vpc_cidr": "vpcCidr", "zones": "zones"}
    existing_only = {"secrets_endpoint_security_group_id": "secretsEndpointSecurityGroupId"}
    if config.vpc_id is not None:
        found += [
            f"{key} is for a new VPC; leave it out when vpcId names an existing one"
            for name, key in new_only.items()
            if name in given
        ]
        if config.secrets_endpoint and config.secrets_endpoint_security_group_id:
            found.append("secretsEndpoint and secretsEndpointSecurityGroupId; make an endpoint, or name the one there")
    else:
        wrong = [key for name, key in existing_only.items() if name in given]
        wrong += ["preflight"] if config.preflight else []
        found += [f"{key} is for an existing VPC; give vpcId and subnetIds, or leave it out" for key in wrong]
    return found


def _database(config: "StackConfig", given: Mapping[str, Any]) -> list[str]:
    found = []
    if config.target is TargetKind.INSTANCE and config.instances != 1:
        found.append(f"instances is {config.instances}; target instance has exactly 1 (choose target cluster for more)")
    if config.existing_database is None:
        return found + database_problems({**given, "kind": config.target})
    if config.vpc_id is None:
        found.append("existingDatabase needs vpcId and subnetIds: a proxy stands in the VPC of its database")
    found += [
        f"{key} is for a new database; leave it out when existingDatabase names one"
        for name, key in _OF_A_NEW_DATABASE.items()
        if name in given
    ]
    return found


def _proxy(config: "StackConfig") -> list[str]:
    found = []
    if config.reader_endpoint and (config.target is TargetKind.INSTANCE or config.instances < 2):
        found.append(
            "readerEndpoint is true; it needs target cluster with at least 2 instances, because a proxy has no reader "
            "behind a single instance"
        )
    allowed, chosen = ENGINES[config.engine].client_password_auth_types, config.client_password_auth_type
    if chosen is not None and chosen not in allowed:
        found.append(f"clientPasswordAuthType is {chosen}; a {config.engine.value} proxy takes {' or '.join(allowed)}")
    if config.other_proxies_percent:
        try:
            check_total_percent([config.pool.max_connections_percent, config.other_proxies_percent])
        except ValueError as error:
            found.append(str(error))
    try:
        is_wanted(config.debug_logging_until, now=datetime.now(UTC))
    except ValueError as error:
        found.append(str(error))
    return found


def _users(config: "StackConfig") -> list[str]:
    names = [config.database_user, *(user.name for user in config.users)]
    found = [
        f'users has the name "{user.name}", which is databaseUser already; every user needs a name of its own'
        for user in config.users
        if user.name == config.database_user
    ]
    found += [
        f"functions.{function.name}.user is {function.user}; the users of this stack are {', '.join(names)}"
        for function in config.functions
        if function.user is not None and function.user not in names
    ]
    longest = ENGINES[config.engine].longest_user
    found += [
        f"the user {name} has {len(name)} characters; {config.engine.value} takes at most {longest}"
        for name in names
        if len(name) > longest
    ]
    auths = [config.auth, *(user.auth for user in config.users)]
    if config.rotation_days is not None and all(auth is Auth.IAM_END_TO_END for auth in auths):
        found.append("rotationDays is set but auth iam-end-to-end has no password to rotate; leave it out")
    return found
