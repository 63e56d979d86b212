"""What a stack needs of its account, out of its settings. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..database.args import DatabaseSettings
from ..database.choices import choose
from ..engines import ENGINES, Auth, TargetKind
from ..function.args import FunctionSettings
from ..names import physical_name
from ..network.args import NetworkSettings
from ..preflight.deployed import deployed
from ..preflight.needs import ExistingVpc, Needs, NewDatabase
from ..proxy.args import ProxySettings
from ..proxy.ceiling import MAX_PERCENT_TOTAL
from ..settings.reading import with_defaults
from ..user.args import UserSettings
from .args import ServerlessDatabaseArgs
from .problems import addresses_by_taker, auths_of, profile_of, reads_secrets, target_of


def needs_of(
    given: ServerlessDatabaseArgs,
    *,
    project: str,
    stack: str,
    region: str,
    name: str = "database",
    resources: Sequence[Mapping[str, Any]] = (),
    **more: Any,  # noqa: ANN401 - fields of the needs that are no settings
) -> Needs:
    """What the settings of a ServerlessDatabase need.

    Args:
        given: the settings, which are in accord with each other.
        project: Pulumi's.
        stack: Pulumi's.
        region: where.
        name: the logical name of the ServerlessDatabase.
        resources: what the state of the stack has, if it is deployed.
        more: what the configuration says of the account: allowed_accounts, role_to_assume, unread, …
    """
    network, shared = with_defaults(NetworkSettings, given.get("network", {})), given.get("stack", {})
    proxy = with_defaults(ProxySettings, given.get("proxy", {}))
    new, adopted = _new_database(given, name), given.get("adopted", {})
    existing = given.get("existing_database", {}).get("identifier") or adopted.get("database", {}).get("identifier")
    rotates = "rotation_days" in given.get("user", {}) and any(
        auth is not Auth.IAM_END_TO_END for auth in auths_of(given).values()
    )
    vpc = None
    if "vpc_id" in network:
        vpc = ExistingVpc(vpc_id=str(network["vpc_id"]), subnet_ids=_texts(network.get("subnet_ids")))
    addresses = addresses_by_taker(given)
    reserved = [
        with_defaults(FunctionSettings, each).get("reserved_concurrency") for each in given["functions"].values()
    ]
    return Needs(
        project=project,
        stack=stack,
        region=region,
        names={kind: tuple(each) for kind, each in _names(given, project, stack, name, rotates=rotates)},
        counts=_counts(given, new, addresses),
        addresses=addresses,
        functions=tuple(given["functions"]),
        proxy_name=_proxy_name(given, project, stack, name),
        proxy_family=ENGINES[target_of(given)[0]].proxy_family,
        percent=proxy["max_connections_percent"],
        other_proxies_percent=proxy["other_proxies_percent"],
        most_percent=MAX_PERCENT_TOTAL,
        zones=network["zones"],
        tags=_plain(shared.get("tags", {})),
        permissions_boundary=_text(shared.get("permissions_boundary_arn")),
        reserved_concurrency=sum(each or 0 for each in reserved),
        stated_concurrency=shared.get("account_concurrent_executions"),
        database=new,
        target=_text(existing),
        target_is_cluster=target_of(given)[1] is TargetKind.CLUSTER,
        target_group=_text(given.get("existing_database", {}).get("security_group_id")),
        vpc=vpc,
        reads_secrets=reads_secrets(given),
        makes_endpoint=network.get("secrets_endpoint", vpc is None and reads_secrets(given)),
        endpoint_group=_text(network.get("secrets_endpoint_security_group_id")),
        flow_logs=network["flow_logs"],
        rotation_application=ENGINES[target_of(given)[0]].rotation_application if rotates else None,
        data_key=_text(shared.get("kms_key_arn")),
        log_key=_text(shared.get("log_kms_key_arn")),
        topic=_text(given.get("monitor", {}).get("alarm_topic_arn")),
        deployed=deployed(resources, name=name, addresses=sum(addresses.values())),
        **more,
    )


def provider_settings(values: Mapping[str, str]) -> dict[str, Any]:
    """What the provider's keys of a configuration say of the account, as fields of the needs.

    Raises:
        ValueError: one is no JSON.
    """

    def read(key: str) -> Any:  # noqa: ANN401 - JSON
        try:
            return json.loads(values.get(f"aws:{key}", "null"))
        except ValueError:
            raise ValueError(
                f"aws:{key} is {values[f'aws:{key}']}, which is no JSON; see `pulumi config set --path`"
            ) from None

    # The provider assumes one after the other, so the last one deploys.
    roles = read("assumeRoles") or [read("assumeRole") or {}]
    return {
        "allowed_accounts": tuple(read("allowedAccountIds") or ()),
        "forbidden_accounts": tuple(read("forbiddenAccountIds") or ()),
        "role_to_assume": roles[-1].get("roleArn"),
    }


def _new_database(given: ServerlessDatabaseArgs, name: str) -> NewDatabase | None:
    if "existing_database" in given or "database" in given.get("adopted", {}):
        return None
    settings = with_defaults(DatabaseSettings, given.get("database", {}))
    choices = choose(name, settings, profile_of(given))
    cluster = choices.kind is TargetKind.CLUSTER
    return NewDatabase(
        rds_engine=choices.target.engine,
        family=choices.target.family(choices.version),
        version=choices.version,
        version_in_full=choices.target.is_in_full(choices.version),
        instance_class=choices.instance_class,
        is_cluster=cluster,
        zones=min(choices.instances, 2) if cluster else 1 + choices.prod,
        storage_gib=None if cluster else settings["storage_gib"],
        multi_az=choices.prod and not cluster,
        iam_authentication=Auth.IAM_END_TO_END in auths_of(given).values(),
        performance_insights=choices.performance_insights,
        parameters={key: _text(value) for key, value, _ in choices.parameter_values},
        snapshot=settings.get("snapshot_identifier"),
    )


def _proxy_name(given: ServerlessDatabaseArgs, project: str, stack: str, name: str) -> str:
    adopted = given.get("adopted", {}).get("proxy")
    return adopted["name"] if adopted else physical_name(project, stack, name, lower_case=True)


def _names(
    given: ServerlessDatabaseArgs, project: str, stack: str, name: str, *, rotates: bool
) -> Iterator[tuple[str, list[str]]]:
    """Kind → the names that the components state; what Pulumi makes up ends in digits that nobody else has."""
    auths, user = auths_of(given), with_defaults(UserSettings, given.get("user", {}))
    master = "existing_database" not in given or "admin_secret_arn" in given["existing_database"]
    admin = [f"{name}-admin"] if user["bootstrap"] and master else []
    functions = [physical_name(project, stack, each) for each in (*given["functions"], *admin)]
    # The first user's parts are called as the whole.
    with_secrets = [
        f"{name}-{each}" if index else name
        for index, (each, auth) in enumerate(auths.items())
        if auth is not Auth.IAM_END_TO_END
    ]
    rotations = [physical_name(project, stack, each, "rotation") for each in with_secrets] if rotates else []
    groups = [f"/aws/lambda/{each}" for each in (*functions, *rotations)]
    proxy = _proxy_name(given, project, stack, name)
    if "proxy" not in given.get("adopted", {}):
        yield "proxy", [proxy]
        groups.append(f"/aws/rds/proxy/{proxy}")
    if with_defaults(NetworkSettings, given.get("network", {}))["flow_logs"]:
        groups.append(f"/aws/vpc/{physical_name(project, stack, f'{name}-flow-logs')}")
    yield "log group", groups
    yield "function", functions
    yield "CloudFormation stack", [f"serverlessrepo-{each}" for each in rotations]


def _counts(given: ServerlessDatabaseArgs, new: NewDatabase | None, addresses: Mapping[str, int]) -> dict[str, int]:
    """How many of what has a quota."""
    counts = {"proxies": 0 if "proxy" in given.get("adopted", {}) else 1, "network interfaces": sum(addresses.values())}
    if "vpc_id" not in given.get("network", {}):
        counts["VPCs"] = 1
    if "alarm_topic_arn" in given.get("monitor", {}):
        counts["EventSubscriptions"] = 1
    if new is not None:
        counts |= {"DBInstances": 1, "DBSubnetGroups": 1}
        counts |= (
            {"DBClusters": 1, "DBClusterParameterGroups": 1, "DBInstances": addresses["the database"]}
            if new.is_cluster
            else {"DBParameterGroups": 1, "AllocatedStorage": new.storage_gib or 0}
        )
    return counts


def _text(value: object) -> str | None:
    """What is said, where it is a plain value."""
    return value if isinstance(value, str) else None


def _texts(values: object) -> tuple[str, ...]:
    return tuple(each for each in values if isinstance(each, str)) if isinstance(values, list) else ()


def _plain(values: object) -> dict[str, str]:
    return {key: each for key, each in values.items() if isinstance(each, str)} if isinstance(values, Mapping) else {}
