import fnmatch
import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from lambda_rds_proxy.function import vpc_function as lambda_function
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.config import project_values, read_config
from lambda_rds_proxy.settings.spelling import SERVED, SPELLING
from tests.components.declared import Declared, arguments, declare, without_secrets

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS: Any = {"app": {"path": "handler", "reserved_concurrency": 20}, "reports": {"path": "handler"}}

EXISTING: Any = {
    "engine": Engine.POSTGRESQL,
    "kind": TargetKind.INSTANCE,
    "identifier": "orders-db",
    "endpoint": "orders-db.abcdefghijkl.eu-west-1.rds.amazonaws.com",
    "port": 6432,
    "database_name": "orders",
    "resource_id": "db-ABCDEFGHIJKL",
    "security_group_id": "sg-0da7a",
    "max_connections": 405,
    "instance_class": "db.t4g.medium",
}
VPC: Any = {"vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)


def stack(**args: Any) -> Declared:
    whole = arguments(ServerlessDatabaseArgs, {"functions": FUNCTIONS, **args})

    def program() -> Any:
        made = ServerlessDatabase("database", whole)
        return {
            "proxy_endpoint": made.proxy_endpoint,
            "database_endpoint": made.database_endpoint,
            "functions": made.functions,
            "secret_arn": made.secret_arn,
            "budget": made.connection_budget().as_output(),
            "dashboard_url": made.dashboard_url,
            "cost": (cost := made.monthly_cost()) and cost.as_output(),
        }

    return declare(program)


def test_functions_are_made_after_the_way_through_the_proxy_was_verified() -> None:
    declared = stack()
    (verification,) = [each for each in declared.all("invocation:Invocation") if "Verification" in each.urn]
    for name in ("app", "reports"):
        assert declared.waits_for(declared.one("function:Function", name), verification)


def test_the_order_is_database_user_proxy_target_verification_functions() -> None:
    declared = stack()
    made = {("Verification" in each.urn): each for each in declared.all("invocation:Invocation")}
    order = [
        declared.one("rds/instance:Instance"),
        made[False],
        declared.one("rds/proxy:Proxy"),
        declared.one("proxyTarget:ProxyTarget"),
        made[True],
        declared.one("function:Function", "app"),
    ]
    for earlier, later in itertools.pairwise(order):
        assert declared.waits_for(later, earlier), f"{later.urn} does not wait for {earlier.urn}"


def test_the_environment_of_a_function_never_derives_from_the_database() -> None:
    declared = stack()
    database = declared.one("rds/instance:Instance").urn
    for function in declared.all("function:Function"):
        assert database not in function.property_dependencies.get("environment", set())


@pytest.mark.parametrize("auth", list(Auth))
@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("kind", list(TargetKind))
def test_every_combination_of_engine_target_and_auth_is_declared(engine: Engine, kind: TargetKind, auth: Auth) -> None:
    declared = stack(engine=engine, kind=kind, auth=auth, instances=1)
    assert declared.one("rds/proxy:Proxy").inputs["requireTls"] is True
    own = [each for each in declared.all("function:Function") if each.name != "database-admin"]
    assert [each.name for each in own] == ["app", "reports"]
    # The admin function makes the user and verifies the way, and reads a secret to do so.
    assert len(declared.all("invocation:Invocation")) == 2
    assert declared.all("vpcEndpoint:VpcEndpoint")


@pytest.mark.parametrize("auth", list(Auth))
def test_every_role_has_the_permissions_boundary_and_none_without_it(auth: Auth) -> None:
    boundary = "arn:aws:iam::123456789012:policy/shop-boundary"
    roles = stack(auth=auth, permissions_boundary_arn=boundary).all("iam/role:Role")
    assert len(roles) == 4  # two functions, the admin function, the proxy
    assert [each.name for each in roles if each.inputs["permissionsBoundary"] != boundary] == []
    assert [each.name for each in stack(auth=auth).all("iam/role:Role") if "permissionsBoundary" in each.inputs] == []


def test_everything_has_the_tags() -> None:
    declared = stack(tags={"team": "orders"})
    untagged = {
        each.type
        for each in declared.resources
        if not each.component and each.inputs.get("tags", {}).get("team") != "orders"
    }
    cannot = {"RouteTableAssociation", "SecurityGroupIngressRule", "SecurityGroupEgressRule", "RolePolicy"}
    cannot |= {
        "DefaultSecurityGroup",
        "ProxyDefaultTargetGroup",
        "ProxyTarget",
        "Invocation",
        "Dashboard",
        "LogMetricFilter",
    }
    assert {token.split(":")[-1] for token in untagged} <= cannot


def test_proxy_database_and_every_function_are_watched_and_the_topic_is_told() -> None:
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    functions = {**FUNCTIONS, "app": {"path": "handler", "alarms": ["slow"]}}
    declared = stack(alarm_topic_arn=topic, profile=Profile.PROD, functions=functions)
    made = {each.name for each in declared.all("metricAlarm:MetricAlarm")}
    assert {
        "database-pool-full",
        "database-database-nearly-full",
        "database-errors",
        "database-app-slow",
    } <= made
    assert declared.one("eventSubscription:EventSubscription").inputs["snsTopic"] == topic
    assert declared.one("metricAlarm:MetricAlarm", "database-pool-nearly-full").inputs["threshold"] == 70
    body = json.loads(declared.one("dashboard:Dashboard").inputs["dashboardBody"])
    assert declared.one("rds/proxy:Proxy").inputs["name"] in body["widgets"][0]["properties"]["markdown"]
    assert declared.result["dashboard_url"].endswith("#dashboards/dashboard/lambda-rds-proxy-test-database")
    # 13 metrics of proxy and database, 2 of the functions together, 2 of each, 1 more that one of them asks for.
    assert declared.result["cost"]["lines"]["alarms"] == round((13 + 2 + 2 * 2 + 1) * 0.1 + 0.5, 2)


def test_prod_keeps_what_holds_data() -> None:
    declared = stack(profile=Profile.PROD)
    assert declared.one("rds/instance:Instance").protect
    assert {each.inputs["retentionInDays"] for each in declared.all("logGroup:LogGroup")} == {90}


def test_no_endpoint_is_made_when_nothing_in_the_vpc_reads_a_secret() -> None:
    assert not stack(bootstrap=False).all("vpcEndpoint:VpcEndpoint")
    assert stack(bootstrap=False, auth=Auth.SECRET).all("vpcEndpoint:VpcEndpoint")
    assert stack().all("vpcEndpoint:VpcEndpoint")


def test_a_function_without_reserved_concurrency_is_stated_and_not_warned_about() -> None:
    declared = stack()
    assert declared.result["budget"]["verdict"] == "unbounded"
    assert any("reports has no reserved_concurrency" in message for message in declared.messages)
    assert not any("reserved_concurrency" in message for message in declared.warnings)


def test_the_budget_takes_the_accounts_limit_where_it_is_known() -> None:
    declared = stack(account_concurrent_executions=130)
    assert declared.result["budget"]["clients"] == 130
    assert declared.result["budget"]["verdict"] == "multiplexed"
    assert not any("reserved_concurrency" in message for message in declared.messages)


def test_more_sessions_than_the_processor_bears_are_warned_about_with_what_fits() -> None:
    functions = {"api": {"path": "handler", "reserved_concurrency": 1000}}
    declared = stack(functions=functions, instance_class="db.r5.large", max_connections=1700)
    assert declared.result["budget"]["verdict"] == "cpu-bound"
    (warning,) = [each for each in declared.warnings if "vCPUs" in each]
    assert "lower proxy.max_connections_percent to 5, or give the functions a reserved_concurrency of 100" in warning
    patient = stack(functions=functions, instance_class="db.r5.large", max_connections=1700, sessions_per_vcpu=500)
    assert patient.result["budget"]["verdict"] == "fits-even-pinned"


@pytest.mark.parametrize(
    ("database", "vcpus"),
    [
        ({"instance_class": "db.m7g.xlarge"}, 4),
        ({"kind": TargetKind.CLUSTER, "instance_class": "db.serverless", "max_capacity": 16}, 4),
        ({"existing_database": {**EXISTING, "instance_class": "db.r6g.8xlarge"}, **VPC}, 32),
        ({"existing_database": {key: each for key, each in EXISTING.items() if key != "instance_class"}, **VPC}, None),
        ({"existing_database": {**EXISTING, "instance_class": "db.serverless"}, **VPC}, None),
    ],
)
def test_the_budget_knows_the_vcpus_of_the_writer(database: dict[str, Any], vcpus: float | None) -> None:
    assert stack(**database).result["budget"]["vcpus"] == vcpus


@pytest.mark.parametrize("name", ["dev", "local", "prod"])
def test_no_stack_of_this_checkout_is_more_than_its_processor_bears(name: str) -> None:
    keys = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    values = {key: each if isinstance(each, str) else json.dumps(each) for key, each in keys.items()}
    whole, _ = read_config(project_values(values, project="lambda-rds-proxy"), project=ROOT)

    def program() -> object:
        return ServerlessDatabase("database", whole).connection_budget().verdict

    assert declare(program).result in ("fits-even-pinned", "unbounded")


@pytest.mark.parametrize(
    ("limit", "sums"),
    [
        (10, r"20 \+ 5 = 25 concurrent executions are reserved, but 10 of the account's 10 .* must stay unreserved"),
        (100, "but 100 of the account's 100 .* must stay unreserved, which leaves 0"),
        (124, "but 100 of the account's 124 .* must stay unreserved, which leaves 24; lower reserved_concurrency"),
    ],
)
def test_a_reservation_that_the_account_cannot_make_is_refused_with_the_sums(limit: int, sums: str) -> None:
    functions = {**FUNCTIONS, "reports": {"path": "handler", "reserved_concurrency": 5}}
    with pytest.raises(ValueError, match=sums):
        stack(functions=functions, account_concurrent_executions=limit)
    assert stack(functions=functions, account_concurrent_executions=125).result["budget"]["clients"] == 25


def test_a_borrow_timeout_that_outlives_a_function_is_refused() -> None:
    with pytest.raises(ValueError, match="connection_borrow_timeout is 15 but the timeout of function app is 15"):
        stack(connection_borrow_timeout=15)


def test_a_program_of_another_language_reads_of_the_arguments_that_it_wrote() -> None:
    token = SPELLING.set(SERVED)
    try:
        with pytest.raises(ValueError, match=r"proxy\.connectionBorrowTimeout is 15 but the timeout of function app"):
            stack(connection_borrow_timeout=15)
    finally:
        SPELLING.reset(token)


def test_an_explicit_provider_reaches_every_resource() -> None:
    import pulumi
    import pulumi_aws as aws

    def program() -> None:
        provider = aws.Provider("elsewhere", region="us-east-1")
        whole: Any = {"functions": FUNCTIONS}
        ServerlessDatabase("database", whole, pulumi.ResourceOptions(providers=[provider]))

    declared = declare(program)
    aws_resources = [each for each in declared.resources if each.type.startswith("aws:")]
    assert aws_resources
    assert {each.provider.split("::")[-2] for each in aws_resources} == {"elsewhere"}


def test_the_package_can_be_imported_without_loading_pulumi_aws() -> None:
    code = (
        "import sys; import lambda_rds_proxy.serverless_database.config, lambda_rds_proxy.function.package, "
        "lambda_rds_proxy.engines.instance_classes, lambda_rds_proxy.serverless_database.budget; "
        "print(json.dumps(sorted(name for name in sys.modules if name.split('.')[0] in ('pulumi_aws', 'boto3'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import json; {code}"],
        env={"PYTHONPATH": str(ROOT / "components")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []


SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:m"


def test_an_existing_database_is_used_by_reference_and_nothing_of_it_is_made() -> None:
    declared = stack(existing_database=EXISTING, **VPC)
    made = {each.type for each in declared.resources}
    assert not any(token.startswith("aws:rds/") and "roxy" not in token for token in made)
    assert declared.one("ProxyTarget").inputs["dbInstanceIdentifier"] == "orders-db"
    assert declared.result["budget"]["ceiling"] == 344
    assert set(declared.result["cost"]["lines"]) == {"proxy", "alarms", "dashboard", "customMetrics"}
    assert any("GRANT CONNECT" in message for message in declared.messages)  # no admin secret: the SQL is printed


def test_a_further_function_costs_sixty_cents_and_eight_resources_at_most() -> None:
    few, many = (stack(functions={f"f{n}": {"path": "handler"} for n in range(count)}) for count in (10, 30))
    assert (many.result["cost"]["total"] - few.result["cost"]["total"]) / 20 <= 0.60
    assert (len(many.resources) - len(few.resources)) / 20 <= 8


def test_an_existing_database_with_an_admin_secret_gets_its_user_made() -> None:
    declared = stack(existing_database={**EXISTING, "admin_secret_arn": SECRET}, **VPC)
    (asked,) = [each for each in declared.all("invocation:Invocation") if "DatabaseUser" in each.urn]
    assert json.loads(asked.inputs["input"])["host"] == EXISTING["endpoint"]


def test_functions_connect_as_the_user_they_name_through_the_one_proxy() -> None:
    declared = stack(
        functions={**FUNCTIONS, "reports": {"path": "handler", "user": "reporting"}},
        users={"reporting": {"auth": Auth.SECRET}},
    )
    environments = {
        each.name: each.inputs["environment"]["variables"]
        for each in declared.all("function:Function")
        if "environment" in each.inputs
    }
    assert environments["app"]["DB_USER"] == "app"
    assert (environments["reports"]["DB_USER"], environments["reports"]["DB_AUTH"]) == ("reporting", "secret")
    assert len(declared.all("rds/proxy:Proxy")) == 1
    assert [each.name for each in declared.all("function:Function")] == ["app", "database-admin", "reports"]
    assert len({each.inputs["input"] for each in declared.all("invocation:Invocation")}) == 4
    assert declared.all("vpcEndpoint:VpcEndpoint")
    allowed = {
        name: declared.statements(declared.one("rolePolicy:RolePolicy", f"{name}-connect"))
        for name in ("app", "reports")
    }
    assert allowed["app"][0]["Resource"].endswith("/app")
    assert allowed["reports"][0]["Action"] == ["secretsmanager:GetSecretValue"]


def test_a_database_user_with_iam_on_both_sides_switches_iam_on_in_the_database() -> None:
    users = {"batch": {"auth": Auth.IAM_END_TO_END}}
    assert stack(users=users).one("rds/instance:Instance").inputs["iamDatabaseAuthenticationEnabled"] is True
    assert stack().one("rds/instance:Instance").inputs["iamDatabaseAuthenticationEnabled"] is False


def test_the_one_key_encrypts_database_and_secrets() -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/0123"
    declared = stack(kms_key_arn=key, users={"reporting": {}})
    assert declared.one("rds/instance:Instance").inputs["kmsKeyId"] == key
    assert {each.inputs["kmsKeyId"] for each in declared.all("secret:Secret")} == {key}


def timeouts(**given: Any) -> dict[str, tuple[int | None, int | None]]:
    """(of statements, idle in a transaction) in milliseconds of each user that is made."""
    calls = [json.loads(each.inputs["input"]) for each in stack(**given).all("invocation:Invocation")]
    return {
        each["user"]: (
            each["timeouts"]["statement_timeout"],
            each["timeouts"]["idle_in_transaction_session_timeout"],
        )
        for each in calls
        if each["action"] == "create-user"
    }


def test_each_users_timeouts_follow_from_the_slowest_of_its_functions() -> None:
    functions: Any = {
        "app": {"path": "handler"},
        "slow": {"path": "handler", "timeout": 60},
        "reports": {"path": "handler", "timeout": 900, "user": "reporting"},
    }
    users: Any = {"reporting": {}, "nobodys": {}}
    assert timeouts(functions=functions, users=users) == {
        "app": (70_000, 70_000),
        "reporting": (910_000, 910_000),
        "nobodys": (None, None),
    }
    assert timeouts() == {"app": (25_000, 25_000)}


def test_a_users_own_timeout_goes_before_what_follows_and_is_no_other_users() -> None:
    users: Any = {"migrations": {"statement_timeout": 0}, "reporting": {}}
    assert timeouts(idle_in_transaction_session_timeout=5, users=users) == {
        "app": (25_000, 5_000),
        "migrations": (0, None),
        "reporting": (None, None),
    }


def test_every_users_password_is_rotated_but_of_those_that_have_none() -> None:
    users: Any = {"reporting": {}, "batch": {"auth": Auth.IAM_END_TO_END}}
    rotations = stack(rotation_days=30, users=users).all("secretRotation:SecretRotation")
    assert [each.name for each in rotations] == ["database", "database-reporting"]


def test_the_cost_is_said_at_preview_with_the_endpoint_that_secrets_need() -> None:
    (message,) = [each for each in stack().messages if "on AWS about" in each]
    assert "secretsEndpoint 14.60 USD" in message
    assert "list prices of us-east-1, not of eu-west-1" in message
    assert not any("secretsEndpoint" in each for each in stack(bootstrap=False).messages)


def test_the_cost_can_be_switched_off() -> None:
    declared = stack(monthly_cost=False)
    assert declared.result["cost"] is None
    assert not any("per month" in each for each in declared.messages)


def test_an_existing_database_without_a_class_has_an_unknown_cost() -> None:
    unknown = {key: value for key, value in EXISTING.items() if key != "instance_class"}
    cost = stack(existing_database=unknown, **VPC).result["cost"]
    assert (cost["lines"]["proxy"], cost["total"]) == (None, None)


def test_preflight_asks_for_the_addresses_that_the_class_needs() -> None:
    import pulumi

    with pytest.raises(pulumi.RunError, match="10 free addresses; the proxy needs 15"):
        stack(**VPC, preflight=True, instance_class="db.r6g.2xlarge")
    assert stack(**VPC, preflight=True).result["functions"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"existing_database": EXISTING}, "existing_database needs network.vpc_id and network.subnet_ids"),
        (
            {"existing_database": {key: EXISTING[key] for key in EXISTING if key != "max_connections"}, **VPC},
            "existing_database.max_connections is missing",
        ),
        (
            {"functions": {"app": {"path": "handler", "user": "nobody"}}},
            "functions.app.user is nobody; the users of this stack are app",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(args: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        stack(**args)


def test_ipv6_needs_a_vpc_that_has_it() -> None:
    with pytest.raises(ValueError, match=r"proxy\.endpoint_network_type is DUAL; a new VPC has no IPv6 networks"):
        stack(endpoint_network_type="DUAL")
    made = stack(endpoint_network_type="DUAL", **VPC).one("rds/proxy:Proxy")
    assert made.inputs["endpointNetworkType"] == "DUAL"


def test_any_number_of_functions_shares_the_one_proxy() -> None:
    assert not [each for each in stack(functions={}).all("function:Function") if each.name != "database-admin"]
    many = {f"f{index}": {"path": "handler", "reserved_concurrency": 1} for index in range(12)}
    declared = stack(functions=many)
    assert len(declared.all("function:Function")) == 13
    assert len(declared.all("rds/proxy:Proxy")) == 1
    assert declared.result["budget"]["clients"] == 12


@pytest.mark.parametrize("auth", list(Auth))
def test_further_functions_ask_the_provider_nothing(auth: Auth) -> None:
    many: Any = {f"f{index}": {"path": "handler"} for index in range(4)}
    assert sorted(stack(auth=auth, functions=many).asked) == sorted(
        stack(auth=auth, functions={"f0": many["f0"]}).asked
    )


@pytest.mark.parametrize(
    ("given", "masters"),
    [
        ({}, ["rds!db-*"]),
        ({"kind": TargetKind.CLUSTER}, ["rds!cluster-*"]),
        ({**VPC, "secrets_endpoint": True, "existing_database": EXISTING}, []),
        (
            {
                **VPC,
                "secrets_endpoint": True,
                "existing_database": {
                    **EXISTING,
                    "admin_secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf",
                },
            },
            ["master-AbCdEf"],
        ),
    ],
)
def test_the_endpoint_lets_through_the_secrets_of_the_stack_alone(given: dict[str, Any], masters: list[str]) -> None:
    declared = stack(users={"reporting": {}}, **given)
    statements = json.loads(declared.one("vpcEndpoint:VpcEndpoint").inputs["policy"])["Statement"]
    through = [each["Resource"].rpartition(":secret:")[2] for each in statements if each["Resource"] != "*"]
    assert through == ["database-*", *masters]
    for made in declared.all("secret:Secret"):
        assert fnmatch.fnmatchcase(f"{made.name}-1a2b3c4-AbCdEf", "database-*") and "name" not in made.inputs


def test_a_secret_value_is_secret_in_every_resource_it_gets_into() -> None:
    secret = pulumi.Output.secret("hunter2")
    declared = stack(
        functions={"app": {"path": "handler", "environment": {"API_KEY": secret}}},
        parameters={"pgaudit.role": secret},
        init_query=secret,
        tags={"team": secret},
        extra_clients={"bastion": secret},
        alarm_topic_arn=secret,
        kms_key_arn=secret,
        log_kms_key_arn=secret,
        permissions_boundary_arn=secret,
        rotation_days=30,
        profile=Profile.PROD,
    )
    holding = [each for each in declared.resources if "hunter2" in str(each.inputs)]
    assert len(holding) > 30
    assert [each.urn for each in holding if "hunter2" in str(without_secrets(each.raw_inputs))] == []
    assert not any("hunter2" in message for message in declared.messages)
