"""A dashboard's body as the component makes it, and samples to fill it with."""

from typing import Any

from docs.pictures.function_lines import FunctionLines
from docs.pictures.laptop_metrics import LaptopSample
from lambda_rds_proxy.engines import Profile, TargetKind
from lambda_rds_proxy.monitor.dashboard import Watched, dashboard_body
from ops.doctor.evidence import Evidence


def body(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "title": "orders",
        "region": "eu-west-1",
        "profile": Profile.PROD,
        "proxy": "orders",
        "endpoint": "orders",
        "log_metric": "orders-timeouts",
        "database": "orders-db",
        "kind": TargetKind.INSTANCE,
        "max_connections": 79,
        "functions": {"api": "orders-api"},
        "alarms": ["arn:aws:cloudwatch:eu-west-1:000000000000:alarm:full"],
    }
    return dashboard_body(Watched(**{**values, **changes}))


def sample(at: float = 1.0, **seen: Any) -> LaptopSample:
    evidence: dict[str, Any] = {
        "seconds": 1.0,
        "target_state": "AVAILABLE",
        "max_connections": 79,
        "allowed": 67,
        "connections": 34,
        "borrowed": 20.1,
        "clients": 150,
        "clients_received": 5,
        "failed_logins": 0,
        "database_sessions": 36,
        "borrow_latency": 12.0,
        "answer": 3.0,
    }
    lines = FunctionLines(
        invocations=7,
        errors=2,
        timeouts=1,
        durations=[1, 2, 3, 4, 5, 6, 7, 8, 9, 100],
        metrics={"ConnectionsOpened": [1, 0, 1], "ConnectTime": [25.0, 0.0, 30.0], "Failures": [0, 1, 0]},
        running=1,
        concurrency=4,
    )
    return LaptopSample(at=at, evidence=Evidence(**{**evidence, **seen}), functions={"orders-api": lines})
