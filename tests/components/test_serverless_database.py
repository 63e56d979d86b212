import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lambda_rds_proxy import ServerlessDatabase, database_function, database_user
from lambda_rds_proxy.engines import Auth, Engine, Profile, TargetKind
from tests.components.declared import Declared, declare

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = [{"name": "app", "path": "handler", "reserved_concurrency": 20}, {"name": "reports", "path": "handler"}]


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    for module in (database_user, database_function):
        monkeypatch.setattr(module, "build_package", lambda *_, **__: archive)


def stack(**args: Any) -> Declared:
    whole: Any = {"functions": FUNCTIONS, **args}

    def program() -> Any:
        made = ServerlessDatabase("database", whole)
        return {
            "proxy_endpoint": made.proxy_endpoint,
            "database_endpoint": made.database_endpoint,
            "functions": made.functions,
            "secret_arn": made.secret_arn,
            "budget": made.connection_budget().as_output(),
            "dashboard_url": made.dashboard_url,
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
    assert len(declared.all("function:Function")) == 3


def test_everything_has_the_tags() -> None:
    declared = stack(tags={"team": "orders"})
    untagged = {
        each.type
        for each in declared.resources
        if not each.component and each.inputs.get("tags", {}).get("team") != "orders"
    }
    cannot = {"RouteTableAssociation", "SecurityGroupIngressRule", "SecurityGroupEgressRule", "RolePolicy"}
    cannot |= {"ProxyDefaultTargetGroup", "ProxyTarget", "Invocation"}
    assert {token.split(":")[-1] for token in untagged} <= cannot


def test_prod_keeps_what_holds_data() -> None:
    declared = stack(profile=Profile.PROD)
    assert declared.one("rds/instance:Instance").protect
    assert {each.inputs["retentionInDays"] for each in declared.all("logGroup:LogGroup")} == {90}


def test_no_endpoint_is_made_when_nothing_in_the_vpc_reads_a_secret() -> None:
    assert not stack(bootstrap=False).all("vpcEndpoint:VpcEndpoint")
    assert stack(bootstrap=False, auth=Auth.SECRET).all("vpcEndpoint:VpcEndpoint")
    assert stack().all("vpcEndpoint:VpcEndpoint")


def test_a_function_without_reserved_concurrency_is_warned_about() -> None:
    declared = stack()
    assert declared.result["budget"]["verdict"] == "unbounded"
    assert any("reports have no reservedConcurrency" in message for message in declared.messages)


def test_a_borrow_timeout_that_outlives_a_function_is_refused() -> None:
    with pytest.raises(ValueError, match="connection_borrow_timeout is 15 but the timeout of function app is 15"):
        stack(connection_borrow_timeout=15)


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
        "import sys; import lambda_rds_proxy, lambda_rds_proxy.stack_config, lambda_rds_proxy.package, "
        "lambda_rds_proxy.instance_classes, lambda_rds_proxy.connection_budget, lambda_rds_proxy.names; "
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
