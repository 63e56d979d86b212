"""One planted fault for each question: it is found, with its value and its fix, and nothing else is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

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
from lambda_rds_proxy.preflight.answers import NotSeen, Row, Verdict
from lambda_rds_proxy.preflight.needs import Needs
from lambda_rds_proxy.preflight.network import Endpoint, Vpc
from lambda_rds_proxy.preflight.questions import judge
from tests.components.declared import ACCOUNT, REGION
from tests.components.preflight.samples import (
    DATA_KEY,
    LOG_KEY,
    LOGS,
    OWNER,
    PUBLISH,
    SETTINGS,
    TOPIC,
    good,
    needs,
    policy,
)


def findings(of: Needs, account: Account) -> list[Row]:
    return [each for each in judge(of, account) if each.verdict is Verdict.FINDING]


@pytest.mark.parametrize("name", SETTINGS)
def test_an_account_in_which_a_stack_can_be_made_is_silent(name: str) -> None:
    assert [each for each in judge(needs(name), good(name)) if each.verdict is not Verdict.OK] == []


@pytest.mark.parametrize("name", SETTINGS)
def test_an_account_that_answers_nothing_has_every_question_unseen_and_no_finding(name: str) -> None:
    found = judge(needs(name), Account())
    assert {each.verdict for each in found if each.question != "region"} == {Verdict.NOT_SEEN}
    # How the way out is depends on the endpoints.
    asked = {each.question for each in judge(needs(name), good(name))} - {"way to Secrets Manager"}
    assert {each.question for each in found} == asked


def test_what_one_question_was_refused_hides_no_other() -> None:
    refused = replace(good("prod"), concurrency=NotSeen(why="AccessDenied on GetAccountSettings", fix="allow it"))
    rest = [each for each in judge(needs("prod"), refused) if each.verdict is not Verdict.OK]
    assert rest == [
        Row(
            question="concurrency", verdict=Verdict.NOT_SEEN, found="AccessDenied on GetAccountSettings", fix="allow it"
        )
    ]


GP3 = Offer(zones=(f"{REGION}a", f"{REGION}b"), storage_type="gp3", least_gib=20, most_gib=1000)
SUBNET = "subnet-1"
# Question → stack, what of its needs is other, the fault in the account, and what is said: found and fix.
FAULTS: Mapping[str, tuple[str, str, dict[str, Any], dict[str, Any], str, str]] = {
    "wrong account": (
        *("identity", "dev", {"allowed_accounts": ("210987654321",)}, {}),
        *(f"account {ACCOUNT}, aws:allowedAccountIds has 210987654321", "AWS_PROFILE"),
    ),
    "forbidden account": (
        *("identity", "dev", {"forbidden_accounts": (ACCOUNT,)}, {}),
        *("aws:forbiddenAccountIds has it", "AWS_PROFILE"),
    ),
    "another role than the provider's": (
        *("identity", "dev", {"role_to_assume": f"arn:aws:iam::{ACCOUNT}:role/prod-deploy"}, {}),
        *("aws:assumeRoles has", "role_arn"),
    ),
    "region": ("region", "dev", {"region": "ap-east-2"}, {}, "ap-east-2 has no RDS Proxy", "aws:region"),
    "permissions": (
        *("permissions", "dev", {}),
        {
            "decisions": (
                Decision(action="rds:CreateDBProxy", resource="*", decision="implicitDeny"),
                Decision(action="iam:PassRole", resource="arn:r", decision="explicitDeny", by_boundary=True),
            )
        },
        *("may not rds:CreateDBProxy on *: no policy allows it", "docs/roles"),
    ),
    "organization": (
        *("permissions", "dev", {}),
        {"decisions": (Decision(action="a:B", resource="*", decision="explicitDeny", by_organization=True),)},
        *("an organization's policy", "docs/roles"),
    ),
    "service-linked role": (
        *("service-linked role", "dev", {}),
        {"service_linked_role": False, "decisions": ()},
        *("no AWSServiceRoleForRDS, and this identity may not make it", "create-service-linked-role"),
    ),
    "concurrency of a new account": (
        *("concurrency", "prod", {}, {"concurrency": Concurrency(limit=10, unreserved=10)}),
        *("functions reserve 200 of 10 concurrent executions, and -190 would stay", "--desired-value 1000"),
    ),
    "stated concurrency": (
        *("concurrency", "dev", {"stated_concurrency": 400}, {}),
        *("accountConcurrentExecutions is 400, and the account has 1000", "set accountConcurrentExecutions to 1000"),
    ),
    "quota of proxies": (
        *("quota of proxies", "dev", {}, {"quotas": {"proxies": Quota(used=20, most=20)}}),
        *("20 of 20 proxies are there, and this stack makes 1 more", "--quota-code L-D94C7EA3 --desired-value 21"),
    ),
    "quota of instances": (
        *("quota of DB instances", "cluster", {}, {"quotas": {"DBInstances": Quota(used=39, most=40)}}),
        *("39 of 40 DB instances are there, and this stack makes 2 more", "--service-code rds"),
    ),
    "quota of VPCs": (
        *("quota of VPCs", "dev", {}, {"quotas": {"VPCs": Quota(used=5, most=5, is_default=True)}}),
        *("5 of 5 (AWS's default) VPCs", "--quota-code L-F678F1CE"),
    ),
    "quota of network interfaces": (
        *("quota of network interfaces", "dev", {}, {"quotas": {"network interfaces": Quota(used=4990, most=5000)}}),
        *("makes 17 more", "--quota-code L-DF5E4CA3"),
    ),
    "version that AWS makes no more": (
        *("engine version", "cluster", {}, {"versions": Versions(offered=("17.9", "17.10"), chosen=None)}),
        *("no aurora-postgresql 17.7; what it makes of aurora-postgresql17 is 17.10, 17.9", "engineVersion to 17.10"),
    ),
    "deprecated version": (
        *("engine version", "dev", {}),
        {"versions": Versions(offered=("17.4", "17.6"), chosen="17.4", deprecated=frozenset({"17.4"}))},
        *("postgres 17.4 is deprecated", "set engineVersion to 17.6"),
    ),
    "class": ("instance class", "dev", {}, {"offers": ()}, f"{REGION} has no db.t4g.micro", "set instanceClass"),
    "class in one zone": (
        *("instance class", "prod", {}, {"offers": (replace(GP3, zones=(f"{REGION}a", f"{REGION}c")),)}),
        *(f"is there in {REGION}a of the zones of this stack ({REGION}a, {REGION}b), and it needs 2", "subnetIds"),
    ),
    "class without a standby": (
        *("instance class", "prod", {}, {"offers": (replace(GP3, multi_az=False),)}),
        *("has no standby in a second zone (profile prod)", "instanceClass"),
    ),
    "class without IAM": (
        *("instance class", "cluster", {}, {"offers": (replace(GP3, iam_authentication=False),)}),
        *("IAM authentication (auth iam-end-to-end)", "engineVersion"),
    ),
    "class without gp3": (
        *("instance class", "dev", {}, {"offers": (replace(GP3, storage_type="gp2"),)}),
        *("not there with storage gp3", "set instanceClass"),
    ),
    "storage": (
        *("instance class", "prod", {}, {"offers": (replace(GP3, most_gib=50),)}),
        *("storageGib is 100, and db.m7g.large takes 20 to 50 GiB", "set storageGib to 50"),
    ),
    "parameter that there is not": (
        *("parameters", "dev", {}, {"parameters": {}}),
        *("postgres17 has no parameter rds.force_ssl", "parameters"),
    ),
    "value of a parameter": (
        *("parameters", "dev", {"settings": {"max_connections": 300}}),
        {
            "parameters": {
                "max_connections": Parameter(is_modifiable=True, allowed_values="6-262"),
                "rds.force_ssl": Parameter(is_modifiable=True, allowed_values="0,1"),
            }
        },
        *("max_connections is 300, and postgres17 takes 6-262", "maxConnections"),
    ),
    "fixed parameter": (
        *("parameters", "dev", {}, {"parameters": {"rds.force_ssl": Parameter(is_modifiable=False)}}),
        *("rds.force_ssl of postgres17 cannot be changed", "parameters"),
    ),
    "snapshot": (
        "snapshot",
        "restored",
        {},
        {"snapshot": None},
        "no snapshot before of an instance",
        "describe-db-snapshots",
    ),
    "plain snapshot": (
        *(
            "snapshot",
            "restored",
            {},
            {"snapshot": Snapshot(rds_engine="postgres", status="available", encrypted=False)},
        ),
        *("snapshot before is not encrypted", "aws rds copy-db-snapshot with --kms-key-id"),
    ),
    "snapshot with another key": (
        *("snapshot", "restored", {}),
        {"snapshot": Snapshot(rds_engine="postgres", status="available", encrypted=True, key=LOG_KEY)},
        *(f"encrypted with {LOG_KEY}, and kmsKeyArn is {DATA_KEY}", "copy-db-snapshot"),
    ),
    "snapshot of another engine": (
        *("snapshot", "restored", {}),
        {"snapshot": Snapshot(rds_engine="mysql", status="available", encrypted=True, key=DATA_KEY)},
        *("of mysql, and the stack makes postgres", "set engine and kind"),
    ),
    "larger snapshot": (
        *("snapshot", "restored", {}),
        {"snapshot": Snapshot(rds_engine="postgres", status="available", encrypted=True, key=DATA_KEY, storage_gib=80)},
        *("has 80 GiB, and storageGib is 20", "set storageGib to 80"),
    ),
    "no VPC": ("VPC", "prod", {}, {"vpc": None}, "has no vpc-1", "set vpcId"),
    "DNS": (
        *("VPC", "prod", {}, {"vpc": Vpc(vpc_id="vpc-1", dns_support=False, dns_hostnames=False)}),
        *("vpc-1 has enableDnsSupport off", "modify-vpc-attribute --vpc-id vpc-1 --enable-dns-support"),
    ),
    "tenancy": (
        *("VPC", "prod", {}, {"vpc": Vpc(vpc_id="vpc-1", dns_support=True, dns_hostnames=True, tenancy="dedicated")}),
        *("tenancy dedicated", "modify-vpc-tenancy"),
    ),
    "subnets": (
        *("subnets", "prod", {}),
        {"subnets": tuple(replace(each, free_addresses=8) for each in good("prod").subnets)},  # type: ignore[union-attr]
        *(
            "have 16 free addresses",
            "18 are needed (10 of the proxy, 2 of the database, 6 of functions), choose larger",
        ),
    ),
    "zone without proxy": (
        *("subnets", "prod", {}),
        {
            "subnets": (
                *good("prod").subnets,  # type: ignore[misc]
                replace(good("prod").subnets[0], subnet_id="subnet-3", zone_id="use1-az3"),  # type: ignore[index]
            )
        },
        *("subnet-3 is in zone use1-az3, which has no RDS Proxy", "another zone"),
    ),
    "no way to Secrets Manager": (
        *("way to Secrets Manager", "prod", {}, {"endpoints": ()}),
        *("subnet-1, subnet-2: no route to a NAT", "set secretsEndpoint to true"),
    ),
    "a second endpoint": (
        *("Secrets Manager endpoint", "prod", {"makes_endpoint": True}, {}),
        *("vpce-1 has Secrets Manager's private name already", "secretsEndpointSecurityGroupId to sg-0e"),
    ),
    "group of no endpoint": (
        *("Secrets Manager endpoint", "prod", {"endpoint_group": "sg-0f"}, {}),
        *("no endpoint of Secrets Manager has sg-0f", "name the group of one"),
    ),
    "key that is deleted": (
        *("key of logKmsKeyArn", "prod", {}),
        {"keys": {DATA_KEY: Key(arn=DATA_KEY, state="Enabled"), LOG_KEY: Key(arn=LOG_KEY, state="PendingDeletion")}},
        *(f"{LOG_KEY} is PendingDeletion", "cancel-key-deletion"),
    ),
    "policy of the key of the data": (
        *("policy of kmsKeyArn", "prod", {}),
        {"key_policies": {DATA_KEY: policy(LOGS), LOG_KEY: policy(OWNER, LOGS)}},
        *("kms:CreateGrant, kms:DescribeKey by way of rds", "Enable IAM User Permissions"),
    ),
    "policy of the key of the logs": (
        *("policy of logKmsKeyArn", "prod", {}),
        {"key_policies": {DATA_KEY: policy(OWNER), LOG_KEY: policy(OWNER)}},
        *(f"does not let logs.{REGION}.amazonaws.com encrypt", "aws kms put-key-policy"),
    ),
    "topic": (
        *("topic", "prod", {}),
        {"topic": Topic(policy=policy({**PUBLISH, "Principal": {"Service": "cloudwatch.amazonaws.com"}}))},
        *("does not let events.rds.amazonaws.com publish, so the proxy's events reach nobody", "sns:Publish"),
    ),
    "topic with SNS's own key": (
        *("topic", "prod", {}, {"topic": Topic(policy=policy(PUBLISH), key="alias/aws/sns")}),
        *(f"{TOPIC} is encrypted with alias/aws/sns, which CloudWatch", "a key of your own"),
    ),
    "topic's key": (
        *("topic's key", "prod", {}),
        {"topic": Topic(policy=policy(PUBLISH), key="alias/alarms", key_policy=policy(OWNER))},
        *("does not let cloudwatch.amazonaws.com use it, so alarms reach nobody", "kms:GenerateDataKey*"),
    ),
    "rotation": (
        *("rotation", "prod", {}, {"rotation": False}),
        *("no SecretsManagerRDSPostgreSQLRotationSingleUser", "leave rotationDays out"),
    ),
    "log group": (
        *("names: log group", "dev", {}, {"names": {"log group": frozenset({"/aws/rds/proxy/shop-dev-database"})}}),
        *("the log group /aws/rds/proxy/shop-dev-database is there", "aws logs delete-log-group --log-group-name /aws"),
    ),
    "function": (
        *("names: function", "dev", {}, {"names": {"function": frozenset({"shop-dev-app"})}}),
        *("the function shop-dev-app is there and not this stack's", "delete-function --function-name shop-dev-app"),
    ),
    "proxy": (
        *("names: proxy", "dev", {}, {"names": {"proxy": frozenset({"shop-dev-database"})}}),
        *("the proxy shop-dev-database is there", "adopted"),
    ),
    "too many proxies on one database": (
        *("proxies of the database", "existing", {}),
        {"proxies": Proxies(shares=(Share(proxy="billing", percent=40), Share(proxy="api", percent=20)))},
        *("50 (this stack's) + 60 (api 20 %, billing 40 %) = 110 %", "at most 90"),
    ),
    "other proxies that are not stated": (
        *("proxies of the database", "existing", {"settings": {"other_proxies_percent": 0}}),
        {"proxies": Proxies(shares=(Share(proxy="billing", percent=30),))},
        *("otherProxiesPercent is 0, and the others of orders-db may take 30 %", "set otherProxiesPercent to 30"),
    ),
}
_OF_SETTINGS = {"settings", "resources"}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_planted_fault_is_found_with_its_value_and_its_fix(fault: str) -> None:
    question, name, of_needs, of_account, found, fix = FAULTS[fault]
    wanted = needs(name, **{key: value for key, value in of_needs.items() if key in _OF_SETTINGS})
    wanted = replace(wanted, **{key: value for key, value in of_needs.items() if key not in _OF_SETTINGS})
    sound = good(name, wanted)
    changed: dict[str, Any] = {
        key: {**getattr(sound, key), **value} if key in ("quotas", "names") else value
        for key, value in of_account.items()
    }
    seen = findings(wanted, replace(sound, **changed))
    assert {each.question for each in seen} == {question}
    assert any(found in each.found and fix in each.fix for each in seen), seen


def test_every_question_has_a_planted_fault() -> None:
    asked = {each.question for name in SETTINGS for each in judge(needs(name), good(name))} | {"topic's key"}
    alike = ("quota of ", "names: ", "key of ")
    kinds = {next((each for each in alike if question.startswith(each)), question) for question in asked}
    planted = {next((each for each in alike if row[0].startswith(each)), row[0]) for row in FAULTS.values()}
    assert kinds == planted


def test_all_findings_are_said_at_once() -> None:
    broken = replace(
        good("prod"),
        caller=Caller(account=ACCOUNT, arn="arn:aws:iam::1:user/x"),
        concurrency=Concurrency(limit=10, unreserved=10),
        offers=(),
        endpoints=(Endpoint(endpoint_id="vpce-1", state="deleted", private_dns=True),),
        rotation=False,
    )
    assert [each.question for each in findings(needs("prod"), broken)] == [
        *("concurrency", "instance class", "way to Secrets Manager", "rotation")
    ]


def test_an_encrypted_setting_is_said_to_be_unseen() -> None:
    found = judge(replace(needs("dev"), unread=("subnetIds",)), good("dev"))
    assert any(each.verdict is Verdict.NOT_SEEN and "subnetIds: encrypted" in each.found for each in found)
