"""Stacks, and an account in which each of them can be made."""

import json
from typing import Any

from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from lambda_rds_proxy.preflight.account import (
    Account,
    Caller,
    Concurrency,
    Decision,
    Key,
    Offer,
    Parameter,
    Proxies,
    Quota,
    Share,
    Snapshot,
    Topic,
    Versions,
)
from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.network import Endpoint, RouteTable, Subnet, Vpc
from lambda_rds_proxy.preflight.permissions import simulations
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.needs import needs_of
from tests.components.declared import ACCOUNT, REGION, arguments

ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/pulumi"
DATA_KEY, LOG_KEY = (f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{name}" for name in ("1111", "2222"))
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms"
SUBNETS = ["subnet-1", "subnet-2"]
EXISTING: Any = {
    "engine": Engine.POSTGRESQL,
    "kind": TargetKind.INSTANCE,
    "identifier": "orders-db",
    "endpoint": f"orders-db.abcdefghijkl.{REGION}.rds.amazonaws.com",
    "port": 6432,
    "database_name": "orders",
    "resource_id": "db-ABCDEFGHIJKL",
    "security_group_id": "sg-0da7a",
    "max_connections": 405,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "dev": {},
    "prod": {
        "profile": Profile.PROD,
        "instance_class": "db.m7g.large",
        "storage_gib": 100,
        "rotation_days": 30,
        "kms_key_arn": DATA_KEY,
        "log_kms_key_arn": LOG_KEY,
        "alarm_topic_arn": TOPIC,
        "vpc_id": "vpc-1",
        "subnet_ids": SUBNETS,
        "functions": {"app": {"path": "handler", "reserved_concurrency": 200}},
    },
    "cluster": {"kind": TargetKind.CLUSTER, "instances": 2, "auth": Auth.IAM_END_TO_END, "flow_logs": True},
    "restored": {"snapshot_identifier": "before", "kms_key_arn": DATA_KEY},
    "existing": {
        "vpc_id": "vpc-1",
        "subnet_ids": SUBNETS,
        "existing_database": EXISTING,
        "max_connections_percent": 50,
        "other_proxies_percent": 40,
    },
}


def needs(name: str, /, **more: Any) -> Needs:
    """What a stack of these settings needs; `settings` and `resources` may add to them."""
    given = {"functions": {"app": {"path": "handler"}}, **SETTINGS[name], **more.pop("settings", {})}
    args = arguments(ServerlessDatabaseArgs, given)
    return needs_of(args, project="shop", stack="dev", region=REGION, **more)


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*", **each} for each in statements]}
    )


OWNER = {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*"}
LOGS = {
    "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
    "Action": ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:*"}},
}
# SNS's default.
PUBLISH = {
    "Principal": {"AWS": "*"},
    "Action": ["SNS:Publish", "SNS:Subscribe"],
    "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
}


def good(name: str, of: Needs | None = None) -> Account:
    """An account in which this stack can be made."""
    wanted = of or needs(name)
    database = wanted.database
    version = (database.version if database.version_in_full else f"{database.version}.6") if database else ""
    return Account(
        caller=Caller(account=ACCOUNT, arn=ROLE),
        decisions=tuple(
            Decision(action=action, resource=request.resource, decision="allowed")
            for each in simulations(wanted, account=ACCOUNT, partition="aws")
            for request in each.requests
            for action in request.actions
        ),
        service_linked_role=True,
        concurrency=Concurrency(limit=1000, unreserved=1000),
        quotas={name: Quota(used=1, most=100_000) for name in wanted.counts},
        versions=Versions(offered=(version,), chosen=version),
        offers=(
            Offer(zones=(f"{REGION}a", f"{REGION}b"), storage_type="gp3", least_gib=20, most_gib=65_536),
            Offer(zones=(f"{REGION}a",), storage_type="gp2", least_gib=20, most_gib=65_536, multi_az=False),
        ),
        zones=(f"{REGION}a", f"{REGION}b", f"{REGION}c"),
        parameters={each: Parameter(is_modifiable=True) for each in (database.parameters if database else ())},
        snapshot=Snapshot(rds_engine="postgres", status="available", encrypted=True, key=DATA_KEY, storage_gib=20),
        rotation=True,
        vpc=Vpc(vpc_id="vpc-1", dns_support=True, dns_hostnames=True),
        subnets=tuple(
            Subnet(
                subnet_id=each, vpc_id="vpc-1", zone_id=f"euw1-az{index}", free_addresses=250, zone=f"{REGION}{zone}"
            )
            for index, (each, zone) in enumerate(zip(SUBNETS, "ab", strict=True))
        ),
        endpoints=(Endpoint(endpoint_id="vpce-1", state="available", private_dns=True, groups=("sg-0e",)),),
        routes=(RouteTable(subnet_ids=(), is_main=True, default_target=None),),
        keys={key: Key(arn=key, state="Enabled") for key in (DATA_KEY, LOG_KEY)},
        key_policies={DATA_KEY: policy(OWNER), LOG_KEY: policy(OWNER, LOGS)},
        topic=Topic(policy=policy(PUBLISH)),
        names={kind: frozenset({"of-others"}) for kind in wanted.names},
        proxies=Proxies(shares=(Share(proxy="billing", percent=wanted.other_proxies_percent),)),
    )
