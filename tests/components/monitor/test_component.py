import json
from typing import Any

import boto3
import moto
import pulumi
import pytest

from lambda_rds_proxy import DatabaseFunction, Monitor
from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from lambda_rds_proxy.existing import existing_database, existing_proxy
from lambda_rds_proxy.function import vpc_function as lambda_function
from lambda_rds_proxy.monitor.alarms import PROXY_ALARMS, STACK_ALARMS
from lambda_rds_proxy.monitor.args import MonitorArgs
from rds_connection.metrics import proxy_of
from tests.components.declared import ACCOUNT, REGION, Declared, Registered, arguments, declare
from tests.components.proxy.test_component import DATABASE as ORDERS
from tests.components.proxy.test_verification import PROXY

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:on-call"
DATABASE: Any = {**ORDERS, "max_connections": 79}
FUNCTIONS: Any = {
    "api": {"name": "orders-api", "log_group_name": "/aws/lambda/orders-api", "timeout": 15},
    "reports": {
        "name": "orders-reports",
        "log_group_name": "/aws/lambda/orders-reports",
        "timeout": 60,
        "reserved_concurrency": 20,
        "alarms": ["slow", "concurrency-nearly-used-up"],
    },
}


def functions(count: int) -> Any:
    return {f"f{n}": {"name": f"orders-f{n}", "log_group_name": f"/log/f{n}", "timeout": 15} for n in range(count)}


def monitor(**args: Any) -> Declared:
    whole = arguments(MonitorArgs, {"proxy": PROXY, "database": DATABASE, "functions": FUNCTIONS, **args})

    def program() -> Any:
        made = Monitor("orders", whole)
        return {
            "name": made.dashboard_name,
            "url": made.dashboard_url,
            "bottleneck": made.bottleneck_alarm_arn,
            "metrics": made.metrics_of_alarms(),
        }

    return declare(program)


def alarm(declared: Declared, name: str) -> dict[str, Any]:
    return declared.one("metricAlarm:MetricAlarm", f"orders-{name}").inputs


def queries(inputs: dict[str, Any]) -> list[dict[str, Any]]:
    return [query["metric"] for query in inputs["metricQueries"] if "metric" in query]


def test_every_row_of_the_table_is_an_alarm_and_a_function_has_those_that_it_asks_for() -> None:
    made = {each.name for each in monitor().all("metricAlarm:MetricAlarm")}
    wanted = {f"orders-{row.name}" for row in (*PROXY_ALARMS, *STACK_ALARMS)} | {"orders-database-nearly-full"}
    assert made == wanted | {"orders-reports-slow", "orders-reports-concurrency-nearly-used-up"}


@pytest.mark.parametrize("row", [row for row in STACK_ALARMS if row.of_each_function], ids=lambda row: row.name)
def test_an_alarm_over_functions_reads_ten_at_most_names_each_and_compares_the_worst(row: Any) -> None:
    declared = monitor(functions=functions(21))
    read: list[str] = []
    for key, many in ((row.name, 10), (f"{row.name}-2", 10)):
        inputs = alarm(declared, key)
        (value,) = [query for query in inputs["metricQueries"] if query.get("returnData")]
        assert value["expression"] == "MAX(METRICS())"
        named = {
            query["label"]: query["metric"]["dimensions"] for query in inputs["metricQueries"] if "metric" in query
        }
        assert named == {label: {"FunctionName": f"orders-{label}"} for label in named}
        assert len(named) == many  # PutMetricAlarm takes no more
        read += named
    last = alarm(declared, f"{row.name}-3")
    assert last["dimensions"] == {"FunctionName": "orders-f20"}  # MAX of one series would be a number, and no series
    assert sorted([*read, "f20"]) == sorted(functions(21))


def test_a_function_that_is_added_last_changes_one_alarm_of_each_row() -> None:
    before, after = (
        {each.name: each.inputs for each in monitor(functions=functions(count)).all("metricAlarm:MetricAlarm")}
        for count in (24, 25)
    )
    assert {name for name in after if before.get(name) != after[name]} == {"orders-errors-3", "orders-throttles-3"}


def test_each_further_function_adds_a_filter_two_metrics_to_alarms_and_nothing_else() -> None:
    few, many = monitor(functions=functions(10)), monitor(functions=functions(20))
    assert many.result["metrics"] - few.result["metrics"] == 10 * 2
    assert len(many.resources) - len(few.resources) == 10 + 2


def test_a_monitor_without_functions_has_no_alarms_of_functions() -> None:
    made = {each.name for each in monitor(functions={}).all("metricAlarm:MetricAlarm")}
    assert not made & {f"orders-{row.name}" for row in STACK_ALARMS}


def test_the_work_with_the_database_is_watched_by_what_the_handler_calls_the_proxy() -> None:
    proxy = {**PROXY, "endpoint": "Orders-ro.endpoint.proxy-abc.eu-west-1.rds.amazonaws.com"}
    declared = monitor(proxy=proxy)
    assert alarm(declared, "database-work-fails")["dimensions"] == {"Proxy": proxy_of(proxy["endpoint"])}
    body = declared.one("dashboard:Dashboard").inputs["dashboardBody"]
    assert '"ConnectTime", "Proxy", "orders-ro"' in body


def test_every_alarm_looks_at_whole_minutes() -> None:
    for each in monitor().all("metricAlarm:MetricAlarm"):
        periods = {query["period"] for query in queries(each.inputs)} if "metricQueries" in each.inputs else set()
        assert (periods or {each.inputs["period"]}) == {60}
        assert each.inputs["datapointsToAlarm"] == each.inputs["evaluationPeriods"]


def test_utilisation_is_a_quotient_of_two_sums_over_the_proxys_nodes() -> None:
    inputs = alarm(monitor(), "pool-nearly-full")
    (value,) = [query for query in inputs["metricQueries"] if query.get("returnData")]
    assert value["expression"] == "100 * connections / allowed"
    assert [(each["metricName"], each["stat"], each["dimensions"]) for each in queries(inputs)] == [
        ("DatabaseConnections", "Sum", {"ProxyName": "orders"}),
        ("MaxDatabaseConnectionsAllowed", "Sum", {"ProxyName": "orders"}),
    ]


def test_thresholds_follow_profile_timeout_concurrency_and_max_connections() -> None:
    dev, prod = monitor(), monitor(profile=Profile.PROD)
    assert (alarm(dev, "pool-nearly-full")["threshold"], alarm(prod, "pool-nearly-full")["threshold"]) == (90, 70)
    assert alarm(prod, "reports-slow")["threshold"] == 0.8 * 60_000
    assert alarm(prod, "reports-slow")["extendedStatistic"] == "p90"
    assert alarm(prod, "reports-concurrency-nearly-used-up")["threshold"] == 18
    assert alarm(prod, "database-nearly-full")["threshold"] == 63  # of the 70 that are not reserved


def test_a_database_of_unknown_size_has_no_alarm_of_its_own() -> None:
    declared = monitor(database={key: DATABASE[key] for key in DATABASE if key != "max_connections"})
    assert not [each for each in declared.all("metricAlarm:MetricAlarm") if "database-nearly-full" in each.name]


def test_timeouts_are_counted_in_each_functions_log_under_one_name() -> None:
    declared = monitor()
    filters = declared.all("logMetricFilter:LogMetricFilter")
    assert [each.inputs["logGroupName"] for each in filters] == ["/aws/lambda/orders-api", "/aws/lambda/orders-reports"]
    assert {each.inputs["pattern"] for each in filters} == {'"Task timed out"'}
    read = alarm(declared, "timeouts")
    assert not read.get("dimensions")  # what a filter counts has none
    for each in filters:
        transformation = each.inputs["metricTransformation"]
        assert (read["namespace"], read["metricName"]) == (transformation["namespace"], transformation["name"])
        assert (transformation["value"], transformation["defaultValue"]) == ("1", "0")


def test_another_stack_counts_its_timeouts_apart() -> None:
    whole: Any = {"proxy": PROXY, "database": DATABASE, "functions": FUNCTIONS}
    names = [
        {
            each.inputs["metricTransformation"]["name"]
            for each in declare(lambda: Monitor("orders", whole) and None, stack=stack).all("LogMetricFilter")
        }
        for stack in ("dev", "prod")
    ]
    assert not names[0] & names[1]


def test_the_topic_is_told_of_alarms_and_of_their_end_and_of_the_proxys_events() -> None:
    declared = monitor(alarm_topic_arn=TOPIC)
    silent = {"orders-pool-full"}  # it is a part of the composite alarm, and says nothing alone
    for each in [*declared.all("metricAlarm:MetricAlarm"), *declared.all("compositeAlarm:CompositeAlarm")]:
        told = [None, None] if each.name in silent else [[TOPIC], [TOPIC]]
        assert [each.inputs.get("alarmActions"), each.inputs.get("okActions")] == told
    events = declared.one("eventSubscription:EventSubscription").inputs
    assert (events["sourceType"], events["sourceIds"], events["snsTopic"]) == ("db-proxy", ["orders"], TOPIC)
    assert "failure" in events["eventCategories"]


def test_without_a_topic_nobody_is_told_and_there_is_no_subscription() -> None:
    declared = monitor()
    made = [*declared.all("metricAlarm:MetricAlarm"), *declared.all("compositeAlarm:CompositeAlarm")]
    assert not [each for each in made if each.inputs.get("alarmActions") or each.inputs.get("okActions")]
    assert not declared.all("eventSubscription:EventSubscription")


def test_the_composite_alarm_names_alarms_that_are_there_and_is_gone_before_them() -> None:
    declared = monitor()
    composite = declared.one("compositeAlarm:CompositeAlarm")
    for name in ("pool-full", "clients-waiting", "slow-queries"):
        part = declared.one("metricAlarm:MetricAlarm", f"orders-{name}")
        assert f'ALARM("{part.inputs["name"]}")' in composite.inputs["alarmRule"]
        assert declared.waits_for(composite, part)


def test_the_dashboard_shows_proxy_database_functions_and_alarms() -> None:
    declared = monitor()
    body = json.loads(declared.one("dashboard:Dashboard").inputs["dashboardBody"])
    text = json.dumps(body)
    for name in ("orders-db", "orders-api", "orders-reports"):
        assert name in text
    (shown,) = [each["properties"]["alarms"] for each in body["widgets"] if each["type"] == "alarm"]
    assert shown[0] == declared.result["bottleneck"]
    assert len(shown) == 1 + len(declared.all("metricAlarm:MetricAlarm"))
    assert declared.result["url"].endswith(f"#dashboards/dashboard/{declared.result['name']}")


def test_what_the_alarms_read_is_counted() -> None:
    declared = monitor(functions={})
    read = sum(len(queries(each.inputs)) or 1 for each in map(_with_queries, declared.all("metricAlarm:MetricAlarm")))
    assert declared.result["metrics"] == read == 13


def _with_queries(resource: Registered) -> Registered:
    resource.inputs.setdefault("metricQueries", [])
    return resource


def test_cloudwatch_takes_every_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    declared = monitor(alarm_topic_arn=TOPIC, profile=Profile.PROD)
    with moto.mock_aws():
        client = boto3.client("cloudwatch", region_name=REGION)
        for each in declared.all("metricAlarm:MetricAlarm"):
            client.put_metric_alarm(**_request(each.inputs))
        kept = client.describe_alarms()["MetricAlarms"]
    assert len(kept) == len(declared.all("metricAlarm:MetricAlarm"))


def _request(inputs: dict[str, Any]) -> dict[str, Any]:
    """The call that a provider makes of an alarm's arguments; botocore checks it. Pulumi knows no whole numbers."""

    def dimensions(given: dict[str, str]) -> list[dict[str, str]]:
        return [{"Name": key, "Value": value} for key, value in given.items()]

    request = {
        "AlarmName": inputs["name"],
        "AlarmDescription": inputs["alarmDescription"],
        "ComparisonOperator": inputs["comparisonOperator"],
        "EvaluationPeriods": int(inputs["evaluationPeriods"]),
        "DatapointsToAlarm": int(inputs["datapointsToAlarm"]),
        "Threshold": inputs["threshold"],
        "TreatMissingData": inputs["treatMissingData"],
        "AlarmActions": inputs.get("alarmActions") or [],
        "OKActions": inputs.get("okActions") or [],
    }
    if "metricQueries" not in inputs:
        kind = "ExtendedStatistic" if "extendedStatistic" in inputs else "Statistic"
        return request | {
            "Namespace": inputs["namespace"],
            "MetricName": inputs["metricName"],
            "Dimensions": dimensions(inputs.get("dimensions") or {}),
            "Period": int(inputs["period"]),
            kind: inputs[kind[0].lower() + kind[1:]],
        }
    request["Metrics"] = [
        {
            "Id": query["id"],
            "MetricStat": {
                "Metric": {
                    "Namespace": query["metric"]["namespace"],
                    "MetricName": query["metric"]["metricName"],
                    "Dimensions": dimensions(query["metric"]["dimensions"]),
                },
                "Period": int(query["metric"]["period"]),
                "Stat": query["metric"]["stat"],
            },
            "ReturnData": False,
        }
        if "metric" in query
        else {"Id": query["id"], "Expression": query["expression"], "ReturnData": True}
        for query in inputs["metricQueries"]
    ]
    return request


@pytest.mark.parametrize("kind", list(TargetKind))
def test_a_proxy_and_a_database_that_were_there_already_are_watched_by_reference(kind: TargetKind) -> None:
    def program() -> None:
        database = existing_database(
            "orders-db", engine=Engine.MYSQL, kind=kind, database_name="orders", max_connections=100
        )
        proxy = existing_proxy(
            "console", engine=Engine.MYSQL, auth=Auth.IAM, user="app", database_name="orders",
            client_security_group_id="sg-0c11",
        )  # fmt: skip
        Monitor("orders", {"proxy": proxy, "database": database})

    declared = declare(program)
    assert alarm(declared, "logins-fail")["dimensions"] == {"ProxyName": "console"}
    own = alarm(declared, "database-nearly-full")["dimensions"]
    assert own == (
        {"DBClusterIdentifier": "orders-db", "Role": "WRITER"}
        if kind is TargetKind.CLUSTER
        else {"DBInstanceIdentifier": "orders-db"}
    )
    assert not [each for each in declared.resources if each.type.startswith("aws:rds/")]


def test_a_function_made_here_hands_on_what_a_monitor_needs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)
    proxy: Any = {
        "name": "orders",
        "id": "prx-1",
        "arn": "arn:aws:rds:eu-west-1:1:db-proxy:prx-1",
        "endpoint": "host",
        "port": 5432,
        "engine": Engine.POSTGRESQL,
        "auth": Auth.IAM,
        "user": "app",
        "database_name": "orders",
        "security_group_id": "sg-1",
        "client_security_group_id": "sg-2",
    }
    network: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}

    def program() -> Any:
        made = DatabaseFunction(
            "api",
            {
                "network": network,
                "proxy": proxy,
                "settings": {"path": "handler", "timeout": 20, "reserved_concurrency": 7, "alarms": ["slow"]},
            },
        )
        return pulumi.Output.from_input(made.reference)

    assert declare(program).result == {
        "name": "lambda-rds-proxy-test-api",
        "log_group_name": "/aws/lambda/lambda-rds-proxy-test-api",
        "timeout": 20,
        "reserved_concurrency": 7,
        "alarms": ["slow"],
    }


def test_every_resource_that_takes_tags_has_them() -> None:
    declared = monitor(tags={"team": "orders"}, alarm_topic_arn=TOPIC)
    untagged = {
        each.type.rpartition(":")[2]
        for each in declared.resources
        if not each.component and each.inputs.get("tags") != {"team": "orders"}
    }
    assert untagged == {"Dashboard", "LogMetricFilter"}
