"""A database and a proxy that were made elsewhere become this program's, with their data and their names."""

import json
import shutil
import subprocess
from typing import Any

import psycopg
import pytest

from local.supervisor.client import SupervisorClient
from tests.end_to_end.checkouts import Checkout
from toolchain.checkout import checkout_cache
from toolchain.remains import remove_remains
from toolchain.shell import prepare

pytestmark = [pytest.mark.engine, pytest.mark.servers]

SAME = {
    "instanceClass": "db.t4g.small",
    "storageGib": 50,
    "backupRetentionDays": 3,
    "borrowTimeout": 5,
    "databaseName": "orders",
}
# What the adoption is to change: the database gets this program's parameter group (which demands TLS), and the proxy
# this program's role, users and groups.
CHANGES = {
    "database": [
        *("parameterGroupName", "copyTagsToSnapshot", "performanceInsightsEnabled"),
        "performanceInsightsRetentionPeriod",
    ],
    "proxy": ["roleArn", "vpcSecurityGroupIds", "auths", "requireTls", "connectionPoolConfig", "retentionInDays"],
}


def facts(checkout: Checkout, kind: str) -> dict[str, Any]:
    (found,) = [each for each in checkout.supervisor.resources() if each["kind"] == kind]
    return {**found["facts"], "identifier": found["identifier"]}


def rows(checkout: Checkout, statement: str) -> list[tuple[Any, ...]]:
    """What the master user of the database sees, straight at the database."""
    where = facts(checkout, "instance")
    login = json.loads(checkout.supervisor.secret(where["masterSecretArn"]))
    with psycopg.connect(
        host=where["address"],
        hostaddr=where["ip"],
        port=where["port"],
        dbname="orders",
        user=login["username"],
        password=login["password"],
        sslmode="require",
        autocommit=True,
    ) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


class Elsewhere:
    """A database and a proxy that another program made and no state knows any more."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._seen: object = None
        self._ids: dict[str, Any] = {}

    def configuration(self) -> dict[str, Any]:
        """What adopts them; they are made anew where a test has changed, adopted or ended them."""
        if self._seen is None or self._seen != self._look():
            self._seen = None
            self._make()
            self._seen = self._look()
        return {
            "vpcId": self._ids["vpcId"],
            "subnetIds": self._ids["subnetIds"],
            "adopted": {
                "database": {
                    "identifier": "orders-db",
                    "subnetGroup": "default-vpc-shop",
                    "securityGroupIds": [self._ids["groupId"]],
                },
                "proxy": {"name": "orders-proxy"},
            },
        }

    def _look(self) -> object:
        supervisor = SupervisorClient.running(self._checkout.root)
        if supervisor is None:
            return None
        kinds = {"instance", "proxy", "target-group", "target"}
        return [(each["kind"], each["spec"]) for each in supervisor.resources() if each["kind"] in kinds]

    def _make(self) -> None:
        remove_remains(self._checkout.root)
        shutil.rmtree(checkout_cache(self._checkout.root) / "backend")
        prepare(self._checkout.root)
        project = self._checkout.root / "tests" / "end_to_end" / "programs" / "elsewhere"
        keys = {"aws:region": "eu-west-1", "aws:allowedAccountIds": ["000000000000"]}
        (project / "Pulumi.hand.yaml").write_text(json.dumps({"config": keys}))
        made = self._checkout.pulumi("stack", "init", "hand", "--no-select", project=project)
        assert made.returncode == 0, made.stderr
        done = self._checkout.pulumi("up", "--yes", "--skip-preview", "-s", "hand", project=project)
        assert done.returncode == 0, done.stdout + done.stderr
        outputs = self._checkout.pulumi("stack", "output", "--json", "-s", "hand", project=project).stdout
        self._ids = json.loads(outputs)
        gone = self._checkout.pulumi("stack", "rm", "--force", "--yes", "-s", "hand", project=project)
        assert gone.returncode == 0, gone.stderr
        rows(self._checkout, "CREATE TABLE kept (n int); INSERT INTO kept SELECT generate_series(1, 1000)")


@pytest.fixture(scope="module")
def made_elsewhere(checkout: Checkout) -> Elsewhere:
    return Elsewhere(checkout)


@pytest.fixture
def elsewhere(made_elsewhere: Elsewhere) -> dict[str, Any]:
    """The configuration of who adopts them."""
    return made_elsewhere.configuration()


def test_a_preview_says_each_property_that_would_change_and_what_to_set(
    checkout: Checkout, elsewhere: dict[str, Any]
) -> None:
    checkout.configure("look", **elsewhere, **{"import": {"database": [], "proxy": []}})
    done = checkout.pulumi("preview", "-s", "look")
    assert done.returncode != 0
    for sentence in (
        'orders-db: instanceClass is "db.t4g.small" there and "db.t4g.micro" here; set instanceClass to leave it',
        "orders-db: allocatedStorage is 50 there and 20 here; set storageGib to leave it",
        'orders-db: parameterGroupName is "default.postgres',
        "orders-proxy: requireTls is false there and true here; this program decides it: name requireTls under import",
        "orders-proxy: vpcSecurityGroupIds is [",
        "orders-proxy: connectionPoolConfig.maxConnectionsPercent is 100 there and 85 here; set maxConnectionsPercent",
        "/aws/rds/proxy/orders-proxy: retentionInDays is 0 there and 14 here; set logRetentionDays",
    ):
        assert sentence in done.stdout, done.stdout
    assert "dbName" not in done.stdout and "username" not in done.stdout


def test_an_update_that_would_change_more_than_is_named_changes_nothing_of_the_database(
    checkout: Checkout, elsewhere: dict[str, Any]
) -> None:
    before = checkout.supervisor.spec("instance", "orders-db")
    named = {"database": CHANGES["database"], "proxy": CHANGES["proxy"]}
    checkout.configure("refused", **elsewhere, **{**SAME, "instanceClass": "db.t4g.micro", "import": named})
    done = checkout.pulumi("up", "--yes", "--skip-preview", "-s", "refused")
    checkout.pulumi("stack", "rm", "--force", "--yes", "-s", "refused")
    assert done.returncode != 0
    assert 'orders-db would be changed by its import: instanceClass is "db.t4g.small" there' in done.stdout, done.stdout
    assert checkout.supervisor.spec("instance", "orders-db") == before


def test_what_cannot_be_changed_in_place_is_not_replaced(checkout: Checkout, elsewhere: dict[str, Any]) -> None:
    turned = {**elsewhere, "subnetIds": ["subnet-0a", "subnet-0b"]}
    checkout.configure("look", **turned, **SAME, **{"import": CHANGES})
    done = checkout.pulumi("preview", "-s", "look")
    assert done.returncode != 0
    assert "vpcSubnetIds" in done.stdout and "marked for protection" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("token", "import_id"),
    [
        ("aws:rds/instance:Instance", "orders-db"),
        ("aws:rds/proxy:Proxy", "orders-proxy"),
        ("aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup", "orders-proxy"),
        ("aws:rds/proxyTarget:ProxyTarget", "orders-proxy/default/RDS_INSTANCE/orders-db"),
    ],
)
def test_pulumis_own_import_command_finds_them_too(
    checkout: Checkout, elsewhere: dict[str, Any], token: str, import_id: str
) -> None:
    checkout.configure("find", **elsewhere)
    done = checkout.pulumi(
        "import", token, "found", import_id, "--yes", "--generate-code=false", "--skip-preview", "-s", "find"
    )
    checkout.pulumi("stack", "rm", "--force", "--yes", "-s", "find")
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_update_adopts_both_with_their_data_and_their_names_and_the_program_manages_them_from_then_on(
    checkout: Checkout, elsewhere: dict[str, Any]
) -> None:
    database, proxy = facts(checkout, "instance"), facts(checkout, "proxy")

    def adopt(*command: str, **changed: Any) -> "subprocess.CompletedProcess[str]":
        checkout.configure("adopt", **elsewhere, **SAME, **changed)
        return checkout.pulumi(*command, "-s", "adopt", "--policy-pack", "policies")

    # One update adopts both.
    done = adopt("up", "--yes", "--skip-preview", **{"import": CHANGES})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replace" not in done.stdout and "delete" not in done.stdout
    assert [facts(checkout, "instance")[key] for key in ("resourceId", "address", "masterSecretArn")] == [
        database[key] for key in ("resourceId", "address", "masterSecretArn")
    ]
    assert [facts(checkout, "proxy")[key] for key in ("arn", "endpoint")] == [proxy["arn"], proxy["endpoint"]]
    assert rows(checkout, "SELECT count(*), max(n) FROM kept") == [(1000, 1000)]

    # The adopted proxy serves the function.
    answer = checkout.invoke(stack="adopt")
    assert answer["body"]["ok"] is True and "database orders as app," in answer["body"]["server"]
    assert answer["body"]["via"] == facts(checkout, "proxy")["endpoint"]

    # Nothing is left to change, with the key and without.
    for importing in ({"import": CHANGES}, {}):
        for command in (["preview"], ["up", "--yes", "--skip-preview"]):
            done = adopt(*command, "--expect-no-changes", **importing)
            assert done.returncode == 0, f"{command} with {importing}: {done.stdout}{done.stderr}"

    # From then on the program manages them.
    done = adopt("up", "--yes", "--skip-preview", maxConnectionsPercent=50)
    assert done.returncode == 0, done.stdout
    group = checkout.supervisor.spec("target-group", "orders-proxy")
    assert group is not None and group["maxConnectionsPercent"] == 50
    done = checkout.pulumi("destroy", "--yes", "--skip-preview", "-s", "adopt")
    assert done.returncode == 0, done.stdout
    assert {each["kind"] for each in checkout.supervisor.resources()} & {"instance", "proxy", "target"} == set()
