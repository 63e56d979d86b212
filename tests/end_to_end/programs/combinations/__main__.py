"""Every engine × target × auth, in turn with a new and an existing database, and what else can be combined.

Each auth, kind and engine meets both a new and an existing database.
"""

import itertools
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "components"))

from lambda_rds_proxy import ServerlessDatabase  # noqa: E402
from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind  # noqa: E402

VPC: Any = {"vpc_id": "vpc-0123456789abcdef0", "subnet_ids": ["subnet-0a", "subnet-0b"]}


def declare(name: str, **args: Any) -> None:
    """One whole stack, with a function of its own."""
    functions = args.pop("functions", [{}])
    named = {
        f"{name}-{index}": {"path": str(ROOT / "handler"), "reserved_concurrency": 5, **each}
        for index, each in enumerate(functions)
    }
    whole: Any = {"functions": named, **args}
    ServerlessDatabase(name, whole)


def existing(engine: Engine, kind: TargetKind) -> Any:
    """A database that another team made, on a port of its own."""
    return {
        "engine": engine,
        "kind": kind,
        "identifier": f"legacy-{engine.value}-{kind.value}",
        "endpoint": "legacy.cluster-abcdefghijkl.eu-west-1.rds.amazonaws.com",
        "port": 6432,
        "database_name": "orders",
        "resource_id": "cluster-ABCDEFGHIJKL",
        "security_group_id": "sg-0123456789abcdef0",
        "max_connections": 405,
        "instance_class": "db.t4g.medium",
    }


for number, (engine, kind, auth) in enumerate(itertools.product(Engine, TargetKind, Auth)):
    name = f"{engine.value}-{kind.value}-{auth.value}"
    if number % 2 == 0:
        declare(f"{name}-new", database={"engine": engine, "kind": kind}, user={"auth": auth})
    else:
        # Three proxies in front of one database: each takes its third of the 90 %.
        shared: Any = {"max_connections_percent": 30, "other_proxies_percent": 60}
        declare(f"{name}-old", existing_database=existing(engine, kind), user={"auth": auth}, proxy=shared, network=VPC)

declare(
    "readers",
    network={"zones": 3},
    database={"kind": TargetKind.CLUSTER, "instance_class": "db.serverless", "max_capacity": 16, "instances": 2},
    proxy={"reader_endpoint": True},
    monitor={"alarm_topic_arn": "arn:aws:sns:eu-west-1:000000000000:on-call"},
)
declare(
    "users",
    stack={"kms_key_arn": "arn:aws:kms:eu-west-1:000000000000:key/0123"},
    user={"rotation_days": 30},
    users={"reporting": {"auth": Auth.SECRET}, "batch": {"auth": Auth.IAM_END_TO_END}},
    functions=[{}, {"user": "reporting", "tracing": True}, {"user": "batch"}],
)
declare(
    "mysql-prod",
    stack={"profile": Profile.PROD, "log_retention_days": 365},
    database={"engine": Engine.MYSQL, "instance_class": "db.m7g.large"},
    proxy={
        "session_pinning_filters": ["EXCLUDE_VARIABLE_SETS"],
        "init_query": "SET time_zone = '+00:00'",
        "extra_clients": {"bastion": "sg-0fedcba9876543210"},
    },
    monitor={"alarm_topic_arn": "arn:aws:sns:eu-west-1:000000000000:on-call"},
)
declare(
    "restored",
    network={**VPC, "secrets_endpoint": True},
    database={"snapshot_identifier": "orders-final", "port": 6432},
)
