"""The doctor on AWS, with moto's RDS, CloudWatch, EC2 and Lambda."""

import contextlib
import io
import itertools
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from lambda_rds_proxy.serverless_database.budget import connection_budget
from ops.aws import source
from ops.aws.cloudwatch import Function, Target, queries
from ops.aws.source import CloudWatchSource, sources
from ops.aws.surroundings import admits
from ops.doctor.drift import Settings, Surroundings
from ops.doctor.source import CannotLookError
from ops.doctor.table import diagnose
from ops.doctor.verdict import Cause
from ops.stack_outputs import StackError
from tests.contracts.iam import listed, statements
from tests.ops.aws.series import SERIES, answer

NOW = datetime.now(UTC).replace(second=30, microsecond=0)
ENDPOINT = "orders.proxy-abc.eu-west-1.rds.amazonaws.com"
OUTPUTS: dict[str, Any] = {
    "proxyEndpoint": ENDPOINT,
    "proxyPort": 5432,
    "databaseEndpoint": "orders.abc.eu-west-1.rds.amazonaws.com",
    "functions": {"app": "orders-app"},
    "connectionBudget": connection_budget(
        max_connections=79, percent=85, reserved_concurrency=[("app", 20)], vcpus=2, sessions_per_vcpu=50
    ).as_output(),
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[dict[str, str]]:
    """An account with a proxy in front of an instance, and one function: ids by name."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        for name, value in (("AWS_ACCESS_KEY_ID", "fake"), ("AWS_SECRET_ACCESS_KEY", "fake")):
            patch.setenv(name, value)
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        yield _account()


def _account() -> dict[str, str]:
    ec2, rds, iam = boto3.client("ec2"), boto3.client("rds"), boto3.client("iam")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/{size}", AvailabilityZone=f"eu-west-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for n, size, zone in ((0, 24, "a"), (1, 28, "b"))
    ]
    groups = {
        name: ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
        for name in ("clients", "proxy", "database")
    }
    for server, client in (("proxy", "clients"), ("database", "proxy")):
        pair = [{"GroupId": groups[client]}]
        rule = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": pair}
        ec2.authorize_security_group_ingress(GroupId=groups[server], IpPermissions=[rule])
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = iam.create_role(RoleName="proxy", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    rds.create_db_subnet_group(DBSubnetGroupName="orders", DBSubnetGroupDescription="orders", SubnetIds=subnets)
    rds.create_db_instance(
        DBInstanceIdentifier="orders",
        DBInstanceClass="db.t4g.micro",
        Engine="postgres",
        MasterUsername="db_admin",
        MasterUserPassword="not-a-real-one",
        AllocatedStorage=20,
        VpcSecurityGroupIds=[groups["database"]],
        DBSubnetGroupName="orders",
    )
    secret = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:app-AbCdEf"
    rds.create_db_proxy(
        DBProxyName="orders",
        EngineFamily="POSTGRESQL",
        Auth=[{"AuthScheme": "SECRETS", "IAMAuth": "REQUIRED", "SecretArn": secret}],
        RoleArn=role,
        VpcSubnetIds=subnets,
        VpcSecurityGroupIds=[groups["proxy"]],
        RequireTLS=True,
        IdleClientTimeout=900,
    )
    rds.register_db_proxy_targets(
        DBProxyName="orders", TargetGroupName="default", DBInstanceIdentifiers=["orders"], DBClusterIdentifiers=[]
    )
    rds.modify_db_proxy_target_group(
        DBProxyName="orders",
        TargetGroupName="default",
        ConnectionPoolConfig={"MaxConnectionsPercent": 85, "ConnectionBorrowTimeout": 5},
    )
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "")
    boto3.client("lambda").create_function(
        FunctionName="orders-app",
        Runtime="python3.13",
        Role=role,
        Handler="app.handler",
        Code={"ZipFile": package.getvalue()},
        Timeout=15,
    )
    return {**groups, "role": role, "secret": secret, "roomy": subnets[0], "narrow": subnets[1]}


# CloudWatch Logs takes no event that is older than 14 days.
_hours = itertools.count(3, 3)


def publish(cause: Cause) -> datetime:
    """A row's series, a value a minute, the last one a minute old, at an hour of their own: the moment to look."""
    now = NOW - timedelta(hours=next(_hours))
    client = boto3.client("cloudwatch")
    target = Target(dimension="DBInstanceIdentifier", identifier="orders")
    asked = {
        each["Id"]: each["MetricStat"]["Metric"]
        for each in queries("orders", target, [Function(name="orders-app", timeout=15)])
    }
    series = dict(SERIES[cause])
    uses = list(reversed(series.pop("uses0", [])))
    for name, values in series.items():
        for age, value in enumerate(reversed(values)):
            metric = asked[name]
            point: dict[str, Any] = {
                "MetricName": metric["MetricName"],
                "Dimensions": metric["Dimensions"],
                "Timestamp": now.replace(second=0) - timedelta(minutes=2 + age),
            }
            if name == "failures0":  # one value for each use
                point["StatisticValues"] = {"SampleCount": uses[age], "Sum": value, "Minimum": 0.0, "Maximum": 1.0}
            else:
                point["Value"] = value
            client.put_metric_data(Namespace=metric["Namespace"], MetricData=[point])
    return now


@pytest.fixture
def role_may(monkeypatch: pytest.MonkeyPatch, cloud: dict[str, str]) -> Callable[[str], None]:
    """Lets IAM's policy simulator, which moto does not have, decide."""

    def decide(decision: str) -> None:
        iam = boto3.client("iam")
        stubber = Stubber(iam)
        result = {"EvalActionName": "secretsmanager:GetSecretValue", "EvalDecision": decision}
        wanted = {
            "PolicySourceArn": cloud["role"],
            "ActionNames": ["secretsmanager:GetSecretValue"],
            "ResourceArns": [cloud["secret"]],
        }
        stubber.add_response("simulate_principal_policy", {"EvaluationResults": [result]}, wanted)
        stubber.activate()
        real = boto3.client
        monkeypatch.setattr(boto3, "client", lambda name: iam if name == "iam" else real(name))

    return decide


@pytest.mark.parametrize("cause", [Cause.HEALTHY, Cause.POOL_TOO_SMALL, Cause.NEVER_REACHED, Cause.DATABASE_FULL])
def test_a_row_is_named_by_what_cloudwatch_answers(cloud: dict[str, str], cause: Cause) -> None:
    now = publish(cause)
    seen = CloudWatchSource(OUTPUTS, minutes=5).look(now)
    assert diagnose(seen).cause is cause, seen
    assert seen.functions[0].timeout == 15


@pytest.mark.parametrize("cause", list(SERIES))
def test_each_row_is_named_by_the_answer_of_get_metric_data(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch, cause: Cause
) -> None:
    looked_at, client, real = CloudWatchSource(OUTPUTS, minutes=5), boto3.client("cloudwatch"), boto3.client
    looked_at._targets = [{"Type": "RDS_INSTANCE", "Role": "READ_WRITE", "TargetHealth": {"State": "AVAILABLE"}}]
    stubber = Stubber(client)  # it refuses an answer that has not the service's shape
    stubber.add_response("get_metric_data", answer(cause))
    stubber.activate()
    monkeypatch.setattr(boto3, "client", lambda name: client if name == "cloudwatch" else real(name))
    seen = looked_at.look(NOW)
    assert diagnose(seen).cause is cause, seen
    stubber.assert_no_pending_responses()


def test_a_proxy_that_does_not_serve_is_told_by_its_status(cloud: dict[str, str]) -> None:
    looked_at = CloudWatchSource(OUTPUTS, minutes=5)
    looked_at._proxy = {**looked_at._proxy, "Status": "incompatible-network"}
    verdict = diagnose(looked_at.look(publish(Cause.HEALTHY)))
    assert verdict.cause is Cause.PROXY_DOWN
    assert "proxy incompatible-network" in verdict.numbers
    assert "subnets" in verdict.next_step


def test_minutes_before_those_asked_for_and_the_unfinished_one_do_not_count(cloud: dict[str, str]) -> None:
    now = publish(Cause.POOL_TOO_SMALL)
    seen = CloudWatchSource(OUTPUTS, minutes=2).look(now)
    assert seen.functions[0].errors == sum(SERIES[Cause.POOL_TOO_SMALL]["errors0"][-2:])
    later = CloudWatchSource(OUTPUTS, minutes=5).look(now + timedelta(hours=1))
    assert later.connections is None


def test_settings_are_those_that_run(cloud: dict[str, str]) -> None:
    assert CloudWatchSource(OUTPUTS).settings() == Settings(
        max_connections_percent=85, borrow_timeout=5, idle_client_timeout=900, require_tls=True, auth="iam"
    )


def test_users_who_log_in_in_several_ways_are_all_told(cloud: dict[str, str]) -> None:
    looked_at = CloudWatchSource(OUTPUTS)
    auths = [{"IAMAuth": "DISABLED"}, {"IAMAuth": "REQUIRED"}]
    looked_at._proxy = {**looked_at._proxy, "DefaultAuthScheme": "IAM_AUTH", "Auth": auths}
    assert looked_at.settings().auth == "iam, iam-end-to-end, secret"


def test_addresses_rules_and_the_secret_are_looked_at(cloud: dict[str, str], role_may: Callable[[str], None]) -> None:
    role_may("allowed")
    found = CloudWatchSource(OUTPUTS).surroundings()
    assert found == Surroundings(
        free_addresses=((cloud["roomy"], 251), (cloud["narrow"], 11)),
        clients_reach_proxy=True,
        proxy_reaches_database=True,
        proxy_leaves=True,
        secret_readable=True,
        engine=("postgres", "POSTGRESQL", "POSTGRESQL"),
        ports=(5432, 5432),
    )


def test_rules_that_are_gone_and_a_secret_out_of_reach_are_seen(
    cloud: dict[str, str], role_may: Callable[[str], None]
) -> None:
    ec2 = boto3.client("ec2")
    groups = ec2.describe_security_groups(GroupIds=[cloud["proxy"], cloud["database"]])["SecurityGroups"]
    for group in groups:
        ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    role_may("implicitDeny")
    found = CloudWatchSource(OUTPUTS).surroundings()
    for group in groups:
        ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
        ec2.authorize_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
    assert (found.clients_reach_proxy, found.proxy_reaches_database, found.secret_readable) == (False, False, False)
    assert found.proxy_leaves is False


def test_a_target_whose_engine_or_port_does_not_fit_is_named(
    cloud: dict[str, str], role_may: Callable[[str], None]
) -> None:
    role_may("allowed")
    looked_at = CloudWatchSource(OUTPUTS)
    looked_at._proxy = {**looked_at._proxy, "EngineFamily": "MYSQL"}
    looked_at._targets = [{**each, "Port": 5433} for each in looked_at._targets]
    found = looked_at.surroundings()
    assert (found.engine, found.ports) == (("postgres", "POSTGRESQL", "MYSQL"), (5433, 5432))


def test_a_database_that_no_more_sessions_fit_in_is_told_with_the_percent_that_fits(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """NASA-IMPACT/veda-backend 649: 1,445 sessions on the two vCPUs of a db.r5.large."""
    budget = connection_budget(
        max_connections=1700, percent=85, reserved_concurrency=[("api", 1000)], vcpus=2, sessions_per_vcpu=50
    )
    series = {"sessions": 1445.0, "connections": 1445.0, "allowed": 1445.0, "borrowed": 1440.0, "cpu": 99.5}
    found = [
        {"Id": name, "Label": name, "Timestamps": [NOW], "Values": [value], "StatusCode": "Complete"}
        for name, value in series.items()
    ]
    looked_at, client, real = (
        CloudWatchSource({**OUTPUTS, "connectionBudget": budget.as_output()}),
        boto3.client("cloudwatch"),
        boto3.client,
    )
    stubber = Stubber(client)
    stubber.add_response("get_metric_data", {"MetricDataResults": found})
    stubber.activate()
    monkeypatch.setattr(boto3, "client", lambda name: client if name == "cloudwatch" else real(name))
    verdict = diagnose(looked_at.look(NOW))
    assert verdict.cause is Cause.CPU_BOUND
    assert "1,445 sessions, while it bears about 100 at once" in verdict.numbers
    assert "lower maxConnectionsPercent to 5, or give the functions a reservedConcurrency of 100" in verdict.next_step
    (warning,) = looked_at.budget()
    assert "lower maxConnectionsPercent to 5" in warning


@pytest.mark.parametrize(("message", "cause"), [("too many competing requests", Cause.IAM_THROTTLED), ("", None)])
def test_iams_own_limit_is_told_by_the_proxys_log(cloud: dict[str, str], message: str, cause: Cause | None) -> None:
    logs, group, now = boto3.client("logs"), "/aws/rds/proxy/orders", publish(Cause.LOGIN_REFUSED)
    logs.create_log_group(logGroupName=group)
    try:
        logs.create_log_stream(logGroupName=group, logStreamName="a")
        event = {"timestamp": round((now.timestamp() - 150) * 1000), "message": f"The IAM authentication: {message}."}
        logs.put_log_events(logGroupName=group, logStreamName="a", logEvents=[event])
        assert diagnose(CloudWatchSource(OUTPUTS, minutes=5).look(now)).cause is (cause or Cause.LOGIN_REFUSED)
    finally:
        logs.delete_log_group(logGroupName=group)


@pytest.fixture
def proxy_log(cloud: dict[str, str]) -> Iterator[str]:
    """The log group of the proxy."""
    yield "/aws/rds/proxy/orders"
    boto3.client("logs").delete_log_group(logGroupName="/aws/rds/proxy/orders")


PIN = (
    "The client session was pinned to the database connection [dbConnection=1] for the remainder of the session. The "
    "proxy can't reuse this connection until the session ends. Reason: SQL changed session settings that the proxy "
    'doesn\'t track. Digest: "set search_path = $1".'
)


def test_why_sessions_are_pinned_is_read_out_of_the_proxys_log(proxy_log: str) -> None:
    now = publish(Cause.PINNED)
    logged(now, PIN, "A new client connected from 10.0.0.7:51234.", PIN, group=proxy_log)
    looked_at = CloudWatchSource(OUTPUTS, minutes=5)
    verdict = diagnose(looked_at.look(now))
    assert verdict.cause is Cause.PINNED
    assert any(each.startswith("2 of 2 pinned sessions: “set search_path = $1” – SQL") for each in verdict.numbers)
    assert verdict.next_step.startswith("“set search_path = $1”: ")
    told = looked_at.pins(now.timestamp() - 300)
    assert (sum(told.pins.values()), told.pinned) == (2, None)


def test_a_proxy_whose_log_says_nothing_of_its_pins_is_told_how_it_would(proxy_log: str) -> None:
    now = publish(Cause.PINNED)
    logged(now, "A new client connected from 10.0.0.7:51234.", group=proxy_log)
    seen = CloudWatchSource(OUTPUTS, minutes=5).look(now)
    assert diagnose(seen).cause is Cause.PINNED
    assert any("set debugLoggingUntil" in each for each in seen.not_seen)


def test_a_proxys_log_that_may_not_be_read_leaves_the_verdict(cloud: dict[str, str]) -> None:
    seen = CloudWatchSource(OUTPUTS, minutes=5).look(publish(Cause.PINNED))
    assert diagnose(seen).cause is Cause.PINNED
    assert any(each.startswith("why sessions are pinned: ResourceNotFound") for each in seen.not_seen)
    with pytest.raises(CannotLookError, match="CloudWatch Logs does not show /aws/rds/proxy/orders"):
        CloudWatchSource(OUTPUTS).pins(0)


def logged(now: datetime, *messages: str, group: str = "/aws/lambda/orders-app") -> None:
    """Put events into a log group, the function's own if none is named, one each second, a few minutes before."""
    logs = boto3.client("logs")
    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="a")
    begin = round((now.timestamp() - 200) * 1000)
    events = [{"timestamp": begin + 1000 * at, "message": each} for at, each in enumerate(messages)]
    logs.put_log_events(logGroupName=group, logStreamName="a", logEvents=events)


RAISED = (
    '[ERROR] ValueError: token=hunter2\nTraceback (most recent call last):\n  File "/var/task/app.py", line 7, in x'
)
REQUEST = "11111111-2222-4333-8444-555555555555"


def test_what_functions_fail_with_is_read_out_of_their_logs(cloud: dict[str, str]) -> None:
    now = publish(Cause.PROXY_WORKS)
    logged(now, RAISED, "[ERROR] OperationalError: refused", RAISED, "hello")
    verdict = diagnose(CloudWatchSource(OUTPUTS, minutes=5).look(now))
    assert verdict.cause is Cause.FUNCTION_FAILS, verdict
    assert "“ValueError: token=***” at app.py:7" in verdict.numbers[0]


def test_an_init_that_failed_twice_is_one_failed_invocation(cloud: dict[str, str]) -> None:
    now, error = publish(Cause.PROXY_WORKS), "[ERROR] Runtime.ImportModuleError: no\nTraceback (most recent call last):"
    phases = [f"INIT_REPORT Init Duration: 9.00 ms\tPhase: {each}\tStatus: error\n" for each in ("init", "invoke")]
    logged(now, error, phases[0], error, phases[1])
    (failures,) = [each.failures for each in CloudWatchSource(OUTPUTS, minutes=5).look(now).functions if each.failures]
    assert (failures.count, failures.most, failures.error) == (1, 1, "Runtime.ImportModuleError")


@pytest.mark.parametrize(("outcome", "cause"), [("ok", Cause.FUNCTION_FAILS), ("unavailable", Cause.PROXY_WORKS)])
def test_a_time_out_is_told_by_how_its_use_of_the_database_had_ended(
    cloud: dict[str, str], outcome: str, cause: Cause
) -> None:
    now = publish(Cause.PROXY_WORKS)
    used = f'{{"_aws":{{"Timestamp":1,"CloudWatchMetrics":[]}},"RequestId":"{REQUEST}","Outcome":"{outcome}"}}'
    logged(now, used, f"2026-11-28T12:00:00.000Z {REQUEST} Task timed out after 15.00 seconds")
    seen = CloudWatchSource(OUTPUTS, minutes=5).look(now)
    assert diagnose(seen).cause is cause, seen


def test_a_log_that_is_too_long_is_read_in_ten_pages_and_said_so(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = publish(Cause.PROXY_WORKS)
    real, asked = boto3.client, list[dict[str, Any]]()

    def client(name: str) -> Any:
        made = real(name)
        if name == "logs":
            event = {"timestamp": 1000, "message": RAISED, "logStreamName": "a"}

            def pages(**request: Any) -> dict[str, Any]:
                asked.append(request)
                return {"events": [event], "nextToken": "more"}

            made.filter_log_events = pages
        return made

    monkeypatch.setattr(boto3, "client", client)
    seen = CloudWatchSource(OUTPUTS, minutes=5).look(now)
    assert len(asked) == 10 and asked[1]["nextToken"] == "more"
    assert seen.not_seen == ("the log of orders-app tells of more failures than were read",)


def test_a_log_that_may_not_be_read_leaves_the_verdict(cloud: dict[str, str]) -> None:
    now = publish(Cause.PROXY_WORKS)
    logs = boto3.client("logs")
    with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
        logs.delete_log_group(logGroupName="/aws/lambda/orders-app")
    seen = CloudWatchSource(OUTPUTS, minutes=5).look(now)
    assert diagnose(seen).cause is Cause.PROXY_WORKS
    assert seen.not_seen[0].startswith("the log of orders-app: ResourceNotFound")


def test_how_long_nothing_was_changed_is_known_by_proxy_and_target_group(cloud: dict[str, str]) -> None:
    looked_at = CloudWatchSource(OUTPUTS)
    end = NOW.replace(second=0) - timedelta(minutes=1)
    looked_at._proxy = {**looked_at._proxy, "CreatedDate": end - timedelta(days=9), "UpdatedDate": end}
    looked_at._group = {"UpdatedDate": end - timedelta(hours=2)}
    looked_at._proxy["UpdatedDate"] = end - timedelta(hours=3)
    assert looked_at.look(NOW).target_seconds == 7200


def test_what_the_shell_may_not_see_is_a_note_and_no_finding(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = boto3.client

    def denied(name: str) -> Any:
        client = real(name)
        if name not in ("ec2", "iam"):
            return client
        stubber = Stubber(client)
        for call in ("describe_subnets", "describe_security_groups", "simulate_principal_policy"):
            if hasattr(client, call):
                stubber.add_client_error(call, "AccessDenied")
        stubber.activate()
        return client

    monkeypatch.setattr(boto3, "client", denied)
    found = CloudWatchSource(OUTPUTS).surroundings()
    assert found == Surroundings(engine=found.engine, ports=found.ports, not_seen=found.not_seen)
    assert len(found.not_seen) == 3
    assert all(each.endswith(": AccessDenied") for each in found.not_seen)


def test_without_the_database_the_rest_is_seen(cloud: dict[str, str], role_may: Callable[[str], None]) -> None:
    role_may("allowed")
    looked_at = CloudWatchSource({**OUTPUTS, "databaseEndpoint": "gone.abc.eu-west-1.rds.amazonaws.com"})
    found = looked_at.surroundings()
    assert found.not_seen == ("the database gone: DBInstanceNotFound",)
    assert found.proxy_reaches_database is None
    assert len(found.free_addresses) == 2 and found.clients_reach_proxy and found.secret_readable


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"proxyEndpoint": "other.proxy-abc.eu-west-1.rds.amazonaws.com"}, "RDS does not show the proxy other"),
        ({"functions": {"app": "gone"}}, "Lambda does not show gone: ResourceNotFoundException"),
    ],
)
def test_what_has_to_be_seen_and_is_not_is_said_in_a_sentence(
    cloud: dict[str, str], change: dict[str, Any], words: str
) -> None:
    with pytest.raises(CannotLookError, match=words):
        CloudWatchSource({**OUTPUTS, **change}).look(NOW)


def test_a_stack_whose_up_failed_before_it_had_outputs_is_looked_at_by_what_it_has(
    cloud: dict[str, str], role_may: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    role_may("allowed")
    asked = []

    def stack_resources(stack: str) -> list[dict[str, Any]]:
        asked.append(stack)
        host = str(OUTPUTS["databaseEndpoint"])
        function = "urn:pulumi:dev::p::lambda-rds-proxy:index:DatabaseFunction$aws:lambda/function:Function::app"
        return [
            {"type": "aws:rds/proxy:Proxy", "outputs": {"name": "orders", "endpoint": ENDPOINT}},
            {"type": "aws:rds/instance:Instance", "outputs": {"address": host}},
            {"type": "aws:lambda/function:Function", "urn": function, "outputs": {"name": "orders-app"}},
        ]

    monkeypatch.setattr(source, "stack_outputs", lambda _: {})
    monkeypatch.setattr(source, "stack_resources", stack_resources)
    (looked_at,) = sources("dev")
    assert asked == ["dev"]  # it takes the engine a second
    assert (looked_at.name, looked_at.is_configured, looked_at.budget()) == ("orders", True, ())
    seen, around = looked_at.look(NOW), looked_at.surroundings()
    assert [each.name for each in seen.functions] == ["orders-app"]
    assert around.clients_reach_proxy


def test_a_stack_that_has_no_proxy_yet_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "stack_outputs", lambda _: {"functions": {}})
    monkeypatch.setattr(source, "stack_resources", lambda _: [])
    with pytest.raises(StackError, match=r'the stack "dev" has no proxy; run `pulumi up --stack dev`'):
        next(sources("dev"))


def test_each_of_two_proxies_is_looked_at_with_its_own_database_and_callers(
    cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rds, functions = boto3.client("rds"), boto3.client("lambda")
    own = rds.describe_db_proxies(DBProxyName="orders")["DBProxies"][0]
    rds.create_db_cluster(
        DBClusterIdentifier="archive",
        Engine="aurora-postgresql",
        MasterUsername="m",
        MasterUserPassword="not-a-real-one",
    )
    rds.create_db_proxy(
        DBProxyName="reports",
        EngineFamily="POSTGRESQL",
        Auth=[{"AuthScheme": "SECRETS", "IAMAuth": "DISABLED", "SecretArn": cloud["secret"]}],
        RoleArn=cloud["role"],
        VpcSubnetIds=own["VpcSubnetIds"],
    )
    rds.register_db_proxy_targets(
        DBProxyName="reports", TargetGroupName="default", DBInstanceIdentifiers=[], DBClusterIdentifiers=["archive"]
    )
    endpoint = rds.describe_db_proxies(DBProxyName="reports")["DBProxies"][0]["Endpoint"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "")
    functions.create_function(
        FunctionName="reports-app",
        Runtime="python3.13",
        Role=cloud["role"],
        Handler="app.handler",
        Code={"ZipFile": package.getvalue()},
        Environment={"Variables": {"DB_HOST": endpoint}},
    )
    outputs = {**OUTPUTS, "functions": {"app": "orders-app", "reports": "reports-app"}}
    monkeypatch.setattr(source, "stack_outputs", lambda _: outputs)
    proxies = {"reports": endpoint, "orders": ENDPOINT}.items()
    kind = "aws:rds/proxy:Proxy"
    there = [{"type": kind, "outputs": {"name": name, "endpoint": where}} for name, where in proxies]
    monkeypatch.setattr(source, "stack_resources", lambda _: there)
    try:
        orders, reports = sources("dev")
        assert (orders.name, orders.is_configured, reports.name, reports.is_configured) == (
            "orders",
            True,
            "reports",
            False,
        )
        # `orders-app` names no proxy: it may have been meant for either.
        seen, other = orders.look(NOW), reports.look(NOW)
        assert [each.name for each in seen.functions] == ["orders-app"]
        assert [each.name for each in other.functions] == ["orders-app", "reports-app"]
        assert (reports.target().dimension, reports.target().identifier) == ("DBClusterIdentifier", "archive")
        assert (seen.max_connections, other.max_connections) == (79, None)
        assert [each.name for each in sources("dev", proxy="reports")] == ["reports"]
        assert next(sources("dev")).name == "orders"
        with pytest.raises(CannotLookError, match="RDS does not show the proxy gone: DBProxyNotFoundFault"):
            next(sources("dev", proxy="gone"))
    finally:
        functions.delete_function(FunctionName="reports-app")
        rds.delete_db_proxy(DBProxyName="reports")


@pytest.mark.parametrize(
    ("health", "state", "reason"),
    [
        ([("READ_WRITE", "AVAILABLE", None)], "AVAILABLE", None),
        ([("READ_ONLY", "UNAVAILABLE", "CONNECTION_FAILED"), ("READ_WRITE", "AVAILABLE", None)], "AVAILABLE", None),
        ([("READ_WRITE", "UNAVAILABLE", "AUTH_FAILURE")], "UNAVAILABLE", "AUTH_FAILURE"),
        ([], "UNUSED", None),
    ],
)
def test_the_writers_health_counts(
    cloud: dict[str, str], health: list[tuple[str, str, str | None]], state: str, reason: str | None
) -> None:
    looked_at = CloudWatchSource(OUTPUTS, minutes=5)
    looked_at._targets = [
        {"Type": "RDS_INSTANCE", "Role": role, "TargetHealth": {"State": found, **({"Reason": why} if why else {})}}
        for role, found, why in health
    ]
    target = looked_at.target()
    assert (target.state, target.reason) == (state, reason)


@pytest.mark.parametrize(
    ("rule", "wanted", "admitted"),
    [
        ({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-1"}]}, ["sg-1"], True),
        (
            {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": "sg-1"}]},
            ["sg-2"],
            False,
        ),
        (
            {"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "UserIdGroupPairs": [{"GroupId": "sg-1"}]},
            ["sg-1"],
            False,
        ),
        (
            {"IpProtocol": "tcp", "FromPort": 5000, "ToPort": 6000, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]},
            ["sg-1"],
            True,
        ),
        ({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}, [], False),
    ],
)
def test_a_rule_admits_by_port_and_group_or_network(rule: dict[str, Any], wanted: list[str], admitted: bool) -> None:
    assert admits([{"IpPermissions": [rule]}], 5432, wanted) is admitted


# What it may ask


def _permissions() -> dict[str, set[str]]:
    """Statement → actions, of the policy for who looks."""
    found = statements("doctor", fill={})
    return {each["Sid"]: set(listed(each["Action"])) for each in found}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, cloud: dict[str, str]) -> tuple[set[str], set[str]]:
    """(the actions that were asked for, those that are refused from now on)."""
    real, calls, refused = boto3.client, set[str](), set[str]()

    def record(model: Any, **_: Any) -> Any:
        service = {"monitoring": "cloudwatch"}.get(
            model.service_model.endpoint_prefix, model.service_model.service_name
        )
        calls.add(f"{service}:{model.name}")
        if f"{service}:{model.name}" in refused:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "refused"}}, model.name)
        if service == "iam":  # moto has no simulator
            return AWSResponse("", 200, {}, None), {"EvaluationResults": [{"EvalDecision": "allowed"}]}
        return None

    def client(name: str) -> Any:
        made = real(name)
        made.meta.events.register_first("before-call.*.*", record)
        return made

    monkeypatch.setattr(boto3, "client", client)
    return calls, refused


def _look(outputs: dict[str, Any] = OUTPUTS) -> tuple[Cause, Surroundings]:
    looked_at = CloudWatchSource(outputs)
    looked_at.settings()
    return diagnose(looked_at.look(NOW)).cause, looked_at.surroundings()


def test_it_asks_for_all_that_its_policy_allows_and_nothing_else(asked: tuple[set[str], set[str]]) -> None:
    calls, _ = asked
    now = publish(Cause.LOGIN_REFUSED)
    calls.clear()
    CloudWatchSource(OUTPUTS, minutes=5).look(now)
    _look()
    with contextlib.suppress(Exception):  # a cluster of that name is not there, and that it asked is enough
        _look({**OUTPUTS, "databaseEndpoint": "orders.cluster-abc.eu-west-1.rds.amazonaws.com"})
    assert calls == set().union(*_permissions().values())


def test_it_cannot_look_without_what_is_needed_and_can_without_the_surroundings(
    asked: tuple[set[str], set[str]],
) -> None:
    _, refused = asked
    whole, _ = _look()
    for sid, actions in _permissions().items():
        for action in actions:
            refused.clear()
            refused.add(action)
            if sid.startswith("Needed"):
                with pytest.raises(CannotLookError, match="AccessDenied"):
                    _look()
            else:
                cause, around = _look()
                assert cause is whole
                # This database is an instance, and no login was refused.
                unasked = ("rds:DescribeDBClusters", "logs:FilterLogEvents")
                assert ("AccessDenied" in str(around.not_seen)) is (action not in unasked)
