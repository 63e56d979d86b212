"""Rooms that import nothing from each other have copies of a few facts: here they must be equal."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pulumi
import pytest
from hypothesis import given

from lambda_rds_proxy.engines import ENGINES, Auth, Engine
from lambda_rds_proxy.function.component import connection_environment
from lambda_rds_proxy.function.package import cache_folder
from lambda_rds_proxy.monitor.metrics import HANDLER_NAMESPACE, OF_THE_HANDLER, custom_metrics, metric_label
from lambda_rds_proxy.proxy.ceiling import MAX_PERCENT_TOTAL
from lambda_rds_proxy.stack.args import LAMBDA_PYTHON
from lambda_rds_proxy.stack.place import ACCOUNT_VARIABLE, LAPTOP_ACCOUNT
from lambda_rds_proxy.user.admin_function.database_admin import app, server
from local.provider import ACCOUNT
from local.supervisor import secrets_manager
from ops.aws.cloudwatch import Function, Target, queries
from rds_connection import Settings, addresses, settings
from rds_connection.invocations import Invocation
from rds_connection.metrics import metrics_line, proxy_of
from rds_proxy_guard.rules import max_connections
from tests.components.proxy.test_verification import PROXY
from tests.handler.test_tls import TEXTS
from toolchain import checkout
from toolchain.checkout import cache_root

ROOT = Path(__file__).resolve().parents[2]


def test_the_component_and_the_policy_have_the_same_limit() -> None:
    assert MAX_PERCENT_TOTAL == max_connections.MAX_PERCENT


def test_the_handler_understands_the_environment_that_the_component_writes() -> None:
    for auth, engine in itertools.product(Auth, Engine):
        proxy: Any = {**PROXY, "auth": auth, "engine": engine}
        environment = {name: str(value) for name, value in connection_environment(proxy).items()}
        assert not any(isinstance(value, pulumi.Output) for value in environment.values())
        found = Settings.from_environment({**environment, "AWS_REGION": "eu-west-1"})  # Lambda sets it
        assert (found.engine, found.host, found.port) == (engine.value, PROXY["endpoint"], 5432)


@given(TEXTS)
def test_the_handler_and_the_admin_function_send_the_same_values(text: str) -> None:
    assert server.is_sendable(text) == settings.is_sendable(text)
    assert server.is_host(text) == addresses.is_host(text)


def test_the_handler_and_the_admin_function_know_a_host_name_alike() -> None:
    assert server._NAME.pattern == addresses._NAME.pattern


def test_the_laptops_account_is_the_same_everywhere() -> None:
    assert LAPTOP_ACCOUNT == ACCOUNT == secrets_manager.ACCOUNT == checkout.LAPTOP_ACCOUNT
    assert ACCOUNT_VARIABLE == checkout.ACCOUNT_VARIABLE


def test_one_cache_is_used_by_all() -> None:
    assert cache_folder() == cache_root()


def test_the_monitor_reads_the_metrics_that_the_handler_writes() -> None:
    line = json.loads(
        metrics_line(Invocation(None), outcome="ok", function="orders-api", proxy="orders", milliseconds=0)
    )
    written = {
        (each["Name"], *directive["Dimensions"][0])
        for directive in line["_aws"]["CloudWatchMetrics"]
        for each in directive["Metrics"]
        if directive["Namespace"] == HANDLER_NAMESPACE
    }
    read = {(metric.name, *metric.dimensions({"function": "", "endpoint": ""})) for metric in OF_THE_HANDLER}
    # A line of a healthy function is all that it pays for.
    assert read == written
    assert len(read) + 1 == custom_metrics(1)


@given(TEXTS)
def test_the_monitor_calls_a_proxy_as_the_handler_does(text: str) -> None:
    host = f"Orders-1.{text}"
    assert metric_label(host) == proxy_of(host) == "orders-1"


def test_the_runbooks_query_reads_fields_that_the_handler_writes() -> None:
    (query,) = re.findall(r"--query-string \"(.*?)\"", (ROOT / "docs/runbook.md").read_text(), re.DOTALL)
    read = set(re.findall(r"(?:sum|pct|ispresent)\((\w+)", query)) | {"FunctionName", "Outcome"}
    line = metrics_line(Invocation(None), outcome="ok", function="orders-api", proxy="orders", milliseconds=0)
    assert read <= set(json.loads(line))
    assert len(read) == 8


def test_the_doctor_asks_for_metrics_that_the_handler_writes() -> None:
    failed = json.loads(
        metrics_line(Invocation(None), outcome="unavailable", function="orders-api", proxy="orders", milliseconds=0)
    )
    written = {
        (directive["Namespace"], each["Name"], *directive["Dimensions"][0])
        for directive in failed["_aws"]["CloudWatchMetrics"]
        for each in directive["Metrics"]
    }
    target = Target(dimension="DBInstanceIdentifier", identifier="orders")
    asked = {
        (metric["Namespace"], metric["MetricName"], *(each["Name"] for each in metric["Dimensions"]))
        for query in queries("orders", target, [Function(name="orders-api", timeout=15)])
        for metric in [query["MetricStat"]["Metric"]]
        if metric["Namespace"] == HANDLER_NAMESPACE
    }
    assert len(asked) == 2
    assert asked <= written


@pytest.mark.parametrize("engine", list(Engine))
def test_the_handler_knows_the_port_of_a_proxy_of_every_engine(engine: Engine) -> None:
    environment = {"DB_HOST": "h", "DB_NAME": "n", "DB_USER": "u", "DB_ENGINE": engine.value, "AWS_REGION": "eu-west-1"}
    assert Settings.from_environment(environment).port == ENGINES[engine].port


@pytest.mark.parametrize("engine", list(Engine))
def test_the_admin_function_names_the_engine_as_rds_does(engine: Engine) -> None:
    assert ENGINES[engine].instance.engine == app.driver(engine.value).SECRET_ENGINE


def test_all_functions_use_the_same_driver() -> None:
    folders = [
        ROOT / "handler",
        ROOT / "components/lambda_rds_proxy/user/admin_function",
        ROOT / "local/rotation_function",
    ]
    for name, users in (("requirements.txt", folders), ("requirements-mysql.txt", folders[:2])):
        pinned = [re.findall(r"^\S+==\S+", (folder / name).read_text(), re.MULTILINE) for folder in users]
        assert pinned[0] != [] and all(each == pinned[0] for each in pinned)


def test_lambdas_python_is_one_that_lambda_has() -> None:
    import botocore.loaders
    import botocore.model

    document = botocore.loaders.Loader().load_service_model("lambda", "service-2")
    runtimes = botocore.model.ServiceModel(document, "lambda").shape_for("Runtime").enum
    assert f"python{LAMBDA_PYTHON}" in runtimes


def test_each_published_room_pins_the_same_pulumi() -> None:
    pins = set()
    for name in (
        "requirements.txt",
        "components/requirements.txt",
        "policies/requirements.txt",
        "requirements-dev.txt",
    ):
        pins |= {line.split(" ")[0] for line in (ROOT / name).read_text().splitlines() if line.startswith("pulumi==")}
    assert len(pins) == 1


@pytest.mark.parametrize("engine", Engine)
def test_the_admin_function_refuses_every_name_that_a_preview_keeps_for_the_server(engine: Engine) -> None:
    assert all(app._RESERVED.fullmatch(f"{prefix}anything") for prefix in ENGINES[engine].reserved_users)
    assert not app._RESERVED.fullmatch("app")
