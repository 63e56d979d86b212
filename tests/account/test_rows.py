"""What the components once asked for fails in the account as it fails on AWS; what they ask for today does not.

The ids are those of the list of faults: A fails, B succeeds and is wrong. A6, the roles, and B9, what stays secret in
the state, never reach an account: `tests/components` has the one, `test_lifecycle.py` the other.
"""

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pulumi
import pytest

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.database.maintenance import waiting
from lambda_rds_proxy.function import vpc_function
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from tests.account.account import Account
from tests.account.databases import take_snapshot
from tests.account.keys import make_alias
from tests.account.maintenance import maintenance_window
from tests.account.provider import FailedError, Made, Provider
from tests.account.samples import (
    APPLICATION,
    CLUSTER,
    CLUSTER_GROUP,
    FUNCTION,
    GROUP,
    INSTANCE,
    INVOCATION,
    KEY,
    LOG_GROUP,
    OTHER_KEY,
    PROXY,
    ROLE,
    SUBNET,
    TARGET,
    archive,
    cluster,
    instance,
)
from tests.components.declared import Registered, arguments, declare, in_region

ALIAS = "arn:aws:kms:eu-west-1:000000000000:alias/orders"
BUNDLE = Path(vpc_function.__file__).parents[1] / "user" / "admin_function" / "certificates" / "rds.pem"
ROLE_ARN = "arn:aws:iam::000000000000:role/own"
Asked = tuple[str, dict[str, Any]]


@dataclass(frozen=True)
class Stage:
    """Where a row happens: the account, and how the provider is used."""

    account: Account
    region: str
    today: Registered | None = None
    """What the components register today, with its options; None of what was asked for once."""

    @property
    def ignored(self) -> Sequence[str]:
        return self.today.ignore_changes if self.today else ()

    @property
    def provider(self) -> Provider:
        return Provider(self.account, self.region)

    def make(self, asked: Sequence[Asked]) -> list[Made]:
        """Everything, in order; a proxy stands in the subnets before it where it says so."""
        made: list[Made] = []
        for token, given in asked:
            subnets = [each.id for each in made] if given.get("vpcSubnetIds") == _SUBNETS_BEFORE else None
            made.append(self.provider.make(token, **{**given, **({"vpcSubnetIds": subnets} if subnets else {})}))
        return made


def up_and_refresh(stage: Stage, asked: Callable[[], Sequence[Asked]], then: Callable[[Account], None]) -> str:
    """What the next preview shows, after what AWS does in between."""
    *_, last = stage.make(asked())
    then(stage.account)
    drift = stage.provider.drift(last, stage.ignored)
    return f"replaces {', '.join(drift.replaces)}" if drift.replaces else f"changes {', '.join(drift.changes)}"


def two_lives(stage: Stage, asked: Callable[[], Sequence[Asked]], _: Callable[[Account], None]) -> str:
    """Up and destroy, twice; what is protected is released before."""
    for _life in range(2):
        for made in reversed(stage.make(asked())):
            provider = stage.provider
            protected = made.outputs.get("deletionProtection")
            provider.destroy(provider.change(made, deletionProtection=False) if protected else made)
    groups = [name for kind, name in stage.account.left() if kind == "log-group"]
    return f"left {', '.join(groups)}" if groups else "changes "


def another_class(stage: Stage, asked: Callable[[], Sequence[Asked]], _: Callable[[Account], None]) -> str:
    """Another class of instance, and what is told of it."""
    *_rest, last = stage.make(asked())
    changed = stage.provider.change(last, instanceClass="db.m7g.xlarge")
    told = [*waiting(last.outputs, changed.inputs)] if stage.today and stage.today.hooks else []
    return "; ".join([f"changes {', '.join(stage.provider.drift(changed).changes)}", *told])


def another_application(stage: Stage, asked: Callable[[], Sequence[Asked]], _: Callable[[Account], None]) -> str:
    """The engine is changed: of the application's arguments its id, which replaces it."""
    (token, given), *_rest = asked()
    old = stage.provider.make(token, **given)
    other = {**given, "applicationId": f"{given['applicationId']}2"}
    drift = stage.provider.drift(old, **other)
    assert drift.replaces == ["applicationId"]
    if stage.today and stage.today.delete_before_replace:
        stage.provider.destroy(old)
    stage.provider.make(token, **other)
    return "changes "


def another_zone(stage: Stage, asked: Callable[[], Sequence[Asked]], _: Callable[[Account], None]) -> str:
    """A zone is impaired, so the list of zones that are available begins with another one."""
    *_rest, last = stage.make(asked())
    drift = stage.provider.drift(last, stage.ignored, availabilityZone="eu-west-1c")
    return f"replaces {', '.join(drift.replaces)}" if drift.replaces else f"changes {', '.join(drift.changes)}"


@dataclass(frozen=True)
class Row:
    """One fault.

    Args:
        id: its id.
        faulty: what was asked for, in order; the last one is looked at.
        says: what came of it.
        today: the arguments of a ServerlessDatabase that has the same in mind.
        takes: the types of what it registers that the account is asked for.
        now: what comes of it.
        act: what is done.
        before: what the account is like.
        then: what AWS does after `up`.
        region: where.
        stack: the stack's name.
    """

    id: str
    faulty: Sequence[Asked]
    says: str
    today: Mapping[str, Any]
    takes: Sequence[str] = ()
    now: str = "changes "
    act: Callable[[Stage, Callable[[], Sequence[Asked]], Callable[[Account], None]], str] = up_and_refresh
    before: Callable[[Account], None] = lambda _: None
    then: Callable[[Account], None] = lambda _: None
    region: str = "eu-west-1"
    stack: str = field(default="test")


def parameters(name: str, value: str, method: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value, "applyMethod": method}]


def a_new_account(account: Account) -> None:
    account.set("concurrent executions", 10)


def an_alias(account: Account) -> None:
    make_alias(account, "alias/orders", KEY)


def a_snapshot(account: Account) -> None:
    """Of an instance, encrypted with a key."""
    runs = {"engineVersion": "17.7", "storageEncrypted": True, "kmsKeyId": KEY}
    take_snapshot(account, "instance-snapshot", {"engine": "postgres", "runs": runs}, "last")


def application(name: str) -> dict[str, Any]:
    return {
        "name": "rotation",
        "applicationId": f"arn:aws:serverlessrepo:us-east-1:297356227824:applications/{name}",
        "capabilities": ["CAPABILITY_IAM"],
        "parameters": {"functionName": "rotation"},
    }


def own_function(**changed: Any) -> Asked:
    """A function of the package `package.zip`, which the test makes."""
    given = {"name": "app", "role": ROLE_ARN, "handler": "app.handler", "runtime": "python3.13"}
    return FUNCTION, {**given, "code": archive("package.zip"), **changed}


_SUBNETS_BEFORE = ["those before"]
_SMALL: list[Asked] = [(SUBNET, {"vpcId": "vpc-1", "cidrBlock": f"10.0.0.{last}/28"}) for last in (0, 16)]
_ROTATION = "SecretsManagerRDSPostgreSQLRotationSingleUser"
_FINAL = {"skipFinalSnapshot": False, "finalSnapshotIdentifier": "shop-dev-orders-final"}
_PROD: dict[str, Any] = {"profile": "prod", "functions": {"app": {"path": "handler", "reserved_concurrency": 200}}}

ROWS = [
    Row(
        "A1",
        [(GROUP, {"family": "mysql8.4", "parameters": parameters("require_secure_transport", "ON", "pending-reboot")})],
        "Invalid parameter value: ON for: require_secure_transport allowed values are: 0,1",
        {"engine": "mysql"},
        [GROUP],
    ),
    Row(
        "A2",
        [own_function(reservedConcurrentExecutions=20)],
        "below its minimum value of [10]",
        {},
        [ROLE, FUNCTION],
        before=a_new_account,
    ),
    Row(
        "A3",
        [(PROXY, {"name": "lambda-rds-proxy-Dev-database", "engineFamily": "POSTGRESQL", "roleArn": ROLE_ARN})],
        "lambda-rds-proxy-Dev-database",
        {},
        [ROLE, PROXY],
        stack="Dev",
    ),
    Row(
        "A4 instance",
        [(INSTANCE, instance(kmsKeyId=ALIAS))],
        "replaces kmsKeyId",
        {"kms_key_arn": ALIAS},
        now="alias",
        before=an_alias,
    ),
    Row(
        "A4 cluster",
        [(CLUSTER, cluster(kmsKeyId=ALIAS))],
        "replaces kmsKeyId",
        {"kms_key_arn": ALIAS},
        now="alias",
        before=an_alias,
    ),
    Row(
        "A4 key",
        [(INSTANCE, instance(kmsKeyId=ALIAS))],
        "replaces kmsKeyId",
        {"kms_key_arn": KEY},
        [GROUP, INSTANCE],
        before=an_alias,
    ),
    Row(
        "A5 instance",
        [(INSTANCE, instance(**_FINAL))],
        "DBSnapshotAlreadyExists: Cannot create the snapshot",
        _PROD,
        [GROUP, LOG_GROUP, INSTANCE],
        act=two_lives,
    ),
    Row(
        "A5 cluster",
        [(CLUSTER, cluster(**_FINAL))],
        "DBClusterSnapshotAlreadyExistsFault: Cannot create the cluster snapshot",
        {**_PROD, "kind": "cluster"},
        [CLUSTER_GROUP, LOG_GROUP, CLUSTER],
        act=two_lives,
    ),
    Row(
        "A7",
        [(APPLICATION, application(_ROTATION))],
        "no such host",
        {"rotation_days": 30, "certificate_bundle": str(BUNDLE)},
        now="eu-south-2 has no Serverless Application Repository",
        region="eu-south-2",
    ),
    Row(
        "A8",
        [
            own_function(),
            (INVOCATION, {"functionName": "app", "input": '{"action": "create-user", "host": "orders"}'}),
        ],
        "certificate verify failed",
        {},
        now="no certificates of us-gov-west-1 are shipped",
        region="us-gov-west-1",
    ),
    Row(
        "B1",
        [
            (
                CLUSTER_GROUP,
                {"family": "aurora-postgresql17", "parameters": parameters("rds.force_ssl", "1", "immediate")},
            )
        ],
        "changes parameters",
        {"kind": "cluster"},
        [CLUSTER_GROUP],
    ),
    Row(
        "B1 MySQL",
        [
            (
                CLUSTER_GROUP,
                {"family": "aurora-mysql8.4", "parameters": parameters("require_secure_transport", "ON", "immediate")},
            )
        ],
        "changes parameters",
        {"kind": "cluster", "engine": "mysql", "engine_version": "8.4.mysql_aurora.8.4.7"},
        [CLUSTER_GROUP],
    ),
    Row(
        "B1 static",
        [(GROUP, {"family": "postgres17", "parameters": parameters("max_connections", "200", "immediate")})],
        "cannot use immediate apply method for static parameter",
        {"max_connections": 200},
        [GROUP],
    ),
    Row(
        "B2",
        [(CLUSTER, cluster(engineVersion="17.4"))],
        "changes engineVersion",
        {"kind": "cluster"},
        [CLUSTER_GROUP, CLUSTER],
        then=maintenance_window,
    ),
    Row(
        "B2 MySQL",
        [(CLUSTER, cluster(engine="aurora-mysql", engineVersion="8.0.mysql_aurora.3.08.0"))],
        "changes engineVersion",
        {"kind": "cluster", "engine": "mysql"},
        [CLUSTER_GROUP, CLUSTER],
        then=maintenance_window,
    ),
    Row(
        "B3",
        [(INSTANCE, instance(snapshotIdentifier="last", kmsKeyId=OTHER_KEY))],
        "replaces kmsKeyId",
        {"snapshot_identifier": "last", "kms_key_arn": OTHER_KEY},
        [GROUP, INSTANCE],
        before=a_snapshot,
    ),
    Row(
        "B4",
        [(INSTANCE, instance(applyImmediately=False, deletionProtection=True))],
        "changes instanceClass",
        _PROD,
        [GROUP, LOG_GROUP, INSTANCE],
        now="stays db.t4g.micro until the next maintenance window",
        act=another_class,
    ),
    Row(
        "B5 instance",
        [(INSTANCE, instance(enabledCloudwatchLogsExports=["postgresql", "upgrade"]))],
        "left /aws/rds/instance/orders/postgresql, /aws/rds/instance/orders/upgrade",
        _PROD,
        [GROUP, LOG_GROUP, INSTANCE],
        act=two_lives,
    ),
    Row(
        "B5 cluster",
        [(CLUSTER, cluster(enabledCloudwatchLogsExports=["postgresql"]))],
        "left /aws/rds/cluster/orders/postgresql",
        {**_PROD, "kind": "cluster"},
        [CLUSTER_GROUP, LOG_GROUP, CLUSTER],
        act=two_lives,
    ),
    Row(
        "B6",
        [(SUBNET, {"vpcId": "vpc-1", "cidrBlock": "10.0.0.0/20", "availabilityZone": "eu-west-1a"})],
        "replaces availabilityZone",
        {},
        [SUBNET],
        act=another_zone,
    ),
    Row(
        "B7",
        [
            *_SMALL,
            (
                PROXY,
                {"name": "orders", "engineFamily": "POSTGRESQL", "roleArn": ROLE_ARN, "vpcSubnetIds": _SUBNETS_BEFORE},
            ),
            (INSTANCE, instance(instanceClass="db.m7g.4xlarge")),
            (TARGET, {"dbProxyName": "orders", "targetGroupName": "default", "dbInstanceIdentifier": "orders"}),
        ],
        "insufficient-resource-limits",
        {"vpc_cidr": "10.0.0.0/24", "instance_class": "db.m7g.4xlarge"},
        now="whose 2 subnets have 22 addresses",
    ),
    Row(
        "B8",
        [(APPLICATION, application(_ROTATION))],
        "Stack [serverlessrepo-rotation] already exists",
        {"rotation_days": 30},
        [APPLICATION],
        act=another_application,
    ),
]


@pytest.fixture(autouse=True)
def a_role(account: Account, a_package: None) -> None:
    """What was asked for once has a role, too."""
    Provider(account).make(ROLE, name="own", assumeRolePolicy='{"Version": "2012-10-17", "Statement": []}')


@pytest.fixture
def a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str) -> None:
    """Functions are made of this one, and so are those of `package.zip`; it has the authorities that are shipped."""
    with zipfile.ZipFile(package, "a") as zipped:
        zipped.write(BUNDLE, "certificates/rds.pem")
    Path(package).rename(tmp_path / "package.zip")
    monkeypatch.setattr(vpc_function, "build_package", lambda *_, **__: tmp_path / "package.zip")
    monkeypatch.chdir(tmp_path)


def outcome(row: Row, stage: Stage, asked: Callable[[], Sequence[Asked]]) -> str:
    """What comes of it: `changes …`, `replaces …`, `left …`, or the refusal."""
    row.before(stage.account)
    try:
        return row.act(stage, asked, row.then)
    except FailedError as error:
        return str(error)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_was_asked_for_once_fails_in_the_account_as_on_aws(row: Row, account: Account) -> None:
    assert row.says in outcome(row, Stage(account, row.region), lambda: row.faulty)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_what_is_asked_for_today_passes_or_is_refused_at_preview_with_the_reason(row: Row, account: Account) -> None:
    def registered() -> Sequence[Registered]:
        whole = _registered(row)
        return [each for each in whole if each.type in row.takes] or whole

    try:
        first = registered()
        runs = iter([first])  # what is made again is drawn again
        stage = Stage(account, row.region, first[-1])
        found = outcome(row, stage, lambda: [_asked(each) for each in next(runs, None) or registered()])
    except (pulumi.RunError, ValueError) as error:
        found = str(error)
    assert row.now in found if row.now != "changes " else found == "changes "


def _registered(row: Row) -> Sequence[Registered]:
    whole = arguments(ServerlessDatabaseArgs, {"functions": {"app": {"path": "handler"}}, **row.today})
    answers = in_region(row.region) if row.region != "eu-west-1" else {}
    return declare(lambda: ServerlessDatabase("database", whole) and None, stack=row.stack, answers=answers).resources


def _asked(registered: Registered) -> Asked:
    """What the engine would ask the provider for, under the names that the mocks gave what is referred to."""
    given = {key: value for key, value in registered.inputs.items() if value is not None}
    if registered.type in (GROUP, CLUSTER_GROUP, ROLE):
        given["name"] = registered.name
    if registered.type == FUNCTION:
        given["code"] = archive("package.zip")
    return registered.type, given
