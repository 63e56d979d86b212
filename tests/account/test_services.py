"""Lambda, CloudWatch Logs, Secrets Manager, RDS Proxy: what they refuse, write and keep."""

import pytest

from tests.account.account import Account
from tests.account.provider import FailedError, Provider
from tests.account.samples import (
    APPLICATION,
    CLUSTER,
    INSTANCE,
    INVOCATION,
    LOG_GROUP,
    MEMBER,
    PROXY,
    SECRET,
    SUBNET,
    TARGET,
    cluster,
    function,
    instance,
    member,
    proxy,
)

# --- Lambda ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "reserved", "least"),
    [
        (10, [1], 10),
        (10, [-1], None),
        (10, [0], None),
        (1000, [900], None),
        (1000, [901], 100),
        (1000, [500, 401], 100),
    ],
)
def test_a_reservation_leaves_the_account_a_hundred_and_a_new_account_all_of_its_ten(
    account: Account, provider: Provider, package: str, limit: int, reserved: list[int], least: int | None
) -> None:
    account.set("concurrent executions", limit)
    *before, last = reserved
    for index, each in enumerate(before):
        function(provider, package, f"before-{index}", reservedConcurrentExecutions=each)
    if least is None:
        made = function(provider, package, reservedConcurrentExecutions=last)
        assert not provider.drift(made).changes
        return
    says = rf"UnreservedConcurrentExecution below its minimum value of \[{least}\]"
    with pytest.raises(FailedError, match=says):
        function(provider, package, reservedConcurrentExecutions=last)


# --- CloudWatch Logs ------------------------------------------------------------------------------------------------


def test_a_service_makes_the_group_that_it_writes_to_and_who_declares_it_later_is_refused(
    account: Account, provider: Provider, package: str
) -> None:
    made = [
        function(provider, package),
        provider.make(INVOCATION, functionName="app", input="{}"),
        provider.make(INSTANCE, **instance(enabledCloudwatchLogsExports=["postgresql"])),
        provider.make(PROXY, **proxy(provider)),
    ]
    groups = ["/aws/lambda/app", "/aws/rds/instance/orders/postgresql", "/aws/rds/proxy/orders"]
    assert [*account.all("log-group")] == groups
    for group in groups:
        with pytest.raises(FailedError, match="The specified log group already exists"):
            provider.make(LOG_GROUP, name=group, retentionInDays=14)
    for each in made:
        provider.destroy(each)
    assert [*account.all("log-group")] == groups


def test_a_group_that_was_declared_first_keeps_what_was_declared(provider: Provider, account: Account) -> None:
    group = provider.make(LOG_GROUP, name="exports", retentionInDays=14)
    account.put("log-group", "elsewhere", {"madeBy": "RDS"})
    assert group.id != "elsewhere" and not provider.drift(group).changes
    account.put("log-group", group.id, {"madeBy": "the stack"})
    assert provider.drift(group).changes == ["retentionInDays"]


# --- Secrets Manager ------------------------------------------------------------------------------------------------


def test_a_deleted_secret_keeps_its_name_through_its_recovery_window(account: Account, provider: Provider) -> None:
    made = provider.make(SECRET, recoveryWindowInDays=30, name="app")
    provider.destroy(made)
    account.pass_days(29)
    with pytest.raises(FailedError, match="a secret with this name is already scheduled for deletion"):
        provider.make(SECRET, recoveryWindowInDays=30, name="app")
    account.pass_days(1)
    again = provider.make(SECRET, recoveryWindowInDays=30, name="app")
    assert again.outputs["arn"] != made.outputs["arn"]


def test_a_secret_without_a_recovery_window_is_gone_at_once(provider: Provider) -> None:
    made = provider.make(SECRET, recoveryWindowInDays=0)
    provider.destroy(made)
    assert provider.refresh(made) is None
    provider.make(SECRET, recoveryWindowInDays=0)


# --- AWS's rotation function ----------------------------------------------------------------------------------------


def test_a_second_stack_of_the_name_is_refused_so_another_application_must_wait_for_the_first_to_go(
    provider: Provider,
) -> None:
    def make(application: str) -> None:
        provider.make(
            APPLICATION,
            applicationId=f"arn:aws:serverlessrepo:us-east-1:297356227824:applications/{application}",
            capabilities=["CAPABILITY_IAM"],
            parameters={"functionName": "rotation"},
        )

    make("SecretsManagerRDSPostgreSQLRotationSingleUser")
    with pytest.raises(FailedError, match=r"Stack \[serverlessrepo-.*\] already exists"):
        make("SecretsManagerRDSMySQLRotationSingleUser")


# --- RDS Proxy ------------------------------------------------------------------------------------------------------


def test_a_proxy_needs_a_role_that_is_there(provider: Provider) -> None:
    with pytest.raises(FailedError, match="RDS is not authorized to assume"):
        provider.make(PROXY, **proxy(provider, roleArn="arn:aws:iam::000000000000:role/nobody"))


def test_a_target_is_there_of_the_proxys_engine_and_a_cluster_has_a_member(provider: Provider) -> None:
    provider.make(PROXY, **proxy(provider))
    with pytest.raises(FailedError, match="DBInstance orders not found"):
        provider.make(TARGET, dbProxyName="orders", targetGroupName="default", dbInstanceIdentifier="orders")
    provider.make(INSTANCE, **instance(engine="mysql", engineVersion="8.4"))
    with pytest.raises(FailedError, match="is not of the proxy's engine family POSTGRESQL"):
        provider.make(TARGET, dbProxyName="orders", targetGroupName="default", dbInstanceIdentifier="orders")
    provider.make(CLUSTER, **cluster())
    with pytest.raises(FailedError, match="it has no instances"):
        provider.make(TARGET, dbProxyName="orders", targetGroupName="default", dbClusterIdentifier="orders")
    provider.make(MEMBER, **member())
    made = provider.make(TARGET, dbProxyName="orders", targetGroupName="default", dbClusterIdentifier="orders")
    assert made.id == "orders/default/TRACKED_CLUSTER/orders" and not provider.drift(made).changes


def test_a_proxy_without_enough_addresses_in_its_subnets_never_serves(provider: Provider) -> None:
    subnets = [provider.make(SUBNET, vpcId="vpc-1", cidrBlock=f"10.0.0.{each}/28").id for each in ("0", "16")]
    provider.make(PROXY, **proxy(provider, vpcSubnetIds=subnets))
    provider.make(INSTANCE, **instance(instanceClass="db.m7g.8xlarge"))
    with pytest.raises(FailedError, match="insufficient-resource-limits"):
        provider.make(TARGET, dbProxyName="orders", targetGroupName="default", dbInstanceIdentifier="orders")
