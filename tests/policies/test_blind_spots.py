"""What the pack's README says that it cannot see, and what it never looks at: said there, and no finding here."""

import base64
from typing import Any

import pytest

from tests.policies.analyzed import SENTINEL, Resource, analyze
from tests.policies.resources import DIRECT, PROXIED, database, function


def resource(token: str, name: str = "x", feeds: Any = None, **inputs: Any) -> Resource:
    return Resource(token, name, inputs, feeds=feeds or {})


DESIRED = f'{{"Environment": {{"Variables": {{"DB_HOST": "{DIRECT}"}}}}}}'
UNSEEN: dict[str, list[Resource]] = {
    "code": [function({"STAGE": "dev"}, code=f"connect('{DIRECT}')", handler="index.handler")],
    "layer": [resource("aws:lambda/layerVersion:LayerVersion", code=DIRECT), function({}, layers=[SENTINEL])],
    "image": [function({}, imageConfig={"commands": [f"--host={DIRECT}"], "entryPoints": [DIRECT]})],
    "event": [
        function({}),
        resource("aws:cloudwatch/eventTarget:EventTarget", input=f'{{"host": "{DIRECT}"}}'),
        resource("aws:lambda/invocation:Invocation", input=f'{{"host": "{DIRECT}"}}'),
        resource("aws:sfn/stateMachine:StateMachine", definition=DIRECT),
    ],
    "AppConfig": [
        resource("aws:appconfig/hostedConfigurationVersion:HostedConfigurationVersion", content=DIRECT),
        function({"APPCONFIG_APPLICATION": "orders", "PGSERVICE": "orders"}),
    ],
    "S3": [resource("aws:s3/bucketObject:BucketObject", content=DIRECT), function({"SETTINGS": "s3://bucket/key"})],
    "Base64": [function({"SETTINGS": base64.b64encode(DIRECT.encode()).decode()})],
    "several variables": [function({"DB_NAME_PART": "orders", "DB_DOMAIN": "abc123def456.eu-west-1.example"})],
    "address by number": [function({"DB_HOST": "10.0.3.17"})],
    "another provider's DNS": [
        resource("cloudflare:index/record:Record", name="db.corp.example", value=DIRECT),
        function({"DB_HOST": "db.corp.example"}),
    ],
    "Cloud Map": [
        resource("aws:servicediscovery/instance:Instance", attributes={"AWS_INSTANCE_CNAME": DIRECT}),
        function({"DB_HOST": "db.corp.local"}),
    ],
    "records of another form": [
        resource(
            "aws:route53/recordsExclusive:RecordsExclusive",
            resourceRecordSets=[{"name": "db.corp.example", "resourceRecords": [{"value": DIRECT}]}],
        ),
        function({"DB_HOST": "db.corp.example"}),
    ],
    "what pins beyond the environment": [
        resource("aws:ssm/parameter:Parameter", name="/orders/url", value=f"postgres://app@{PROXIED}/x?jit=off"),
        function(
            {
                "URL_PARAMETER": "/orders/url",
                "DATABASE_URL": f"postgresql+asyncpg://app@{PROXIED}/orders",
                "REPORTS_URL": f"postgresql+psycopg://app@{PROXIED}/orders",
            }
        ),
    ],
    "functions of other services": [
        resource("aws:synthetics/canary:Canary", runConfig={"environmentVariables": {"DB_HOST": DIRECT}}),
        resource("aws:amplify/app:App", environmentVariables={"DB_HOST": DIRECT}),
        resource("m:tf:awscc_lambda_function", environment={"variables": {"DB_HOST": DIRECT}}),
    ],
    "passwords in other forms": [
        function(
            {
                "DB_SETTINGS": "host: db\npassword: x1",
                "DB_LOGIN": "app:x1",
                "ORACLE_PASSWORD": "x1",
                "SA_PASSWORD": "x1",
            }
        )
    ],
    "Cloud Control": [
        resource("aws:cloudcontrol/resource:Resource", typeName="AWS::Lambda::Function", desiredState=DESIRED)
    ],
    "CloudFormation": [resource("aws:cloudformation/stack:Stack", templateBody=DESIRED)],
    "a command": [resource("command:local:Command", environment={"DB_HOST": DIRECT})],
    "no Lambda": [
        resource(token, token, environment={"variables": {"DB_HOST": DIRECT}}, userData=DIRECT)
        for token in (
            "aws:ec2/instance:Instance",
            "aws:ecs/taskDefinition:TaskDefinition",
            "kubernetes:apps/v1:Deployment",
        )
    ],
    "other stores": [
        function(
            {
                "DOCDB_HOST": "orders.cluster-abc123def456.eu-west-1.docdb.amazonaws.com",
                "NEPTUNE_HOST": "orders.cluster-abc123def456.eu-west-1.neptune.amazonaws.com",
                "REDSHIFT_HOST": "orders.abc123def456.eu-west-1.redshift.amazonaws.com",
                "CACHE_HOST": "orders.abc123.0001.euw1.cache.amazonaws.com",
                "MEMORYDB_HOST": "clustercfg.orders.abc123.memorydb.eu-west-1.amazonaws.com",
                "SEARCH_HOST": "search-orders-abc123.eu-west-1.es.amazonaws.com",
                "DB_HOST": "abcdefghijklmnop.dsql.eu-west-1.on.aws",
                "RDS_API": "rds.eu-west-1.amazonaws.com",
            }
        )
    ],
}


@pytest.mark.parametrize("where", UNSEEN)
def test_what_nobody_can_see_is_no_finding(where: str) -> None:
    assert analyze(UNSEEN[where]) == []


BALANCER = resource("aws:lb/loadBalancer:LoadBalancer", "lb")
PASSWORD = resource("random:index/randomPassword:RandomPassword", "password")
RESTORED = resource("aws:rds/instance:Instance", "restored", snapshotIdentifier="old")
PROXY = resource("aws:rds/proxyEndpoint:ProxyEndpoint", "endpoint", dbProxyName="elsewhere")
ROWS: list[tuple[list[Resource], str]] = [
    ([database()], "direct"),
    ([database(), PASSWORD], "direct"),
    ([database(), BALANCER], "undecided"),
    ([RESTORED], "undecided"),
    ([database(), PROXY], "none"),
    ([PROXY], "none"),
    ([BALANCER], "none"),
    ([PASSWORD], "none"),
]


@pytest.mark.parametrize(("feeding", "verdict"), ROWS, ids=str)
def test_each_row_of_the_readmes_table_is_so(feeding: list[Resource], verdict: str) -> None:
    found = analyze([*feeding, function({"DB_HOST": SENTINEL}, feeding)])
    assert ["direct" if each.blocks else "undecided" for each in found] == ([] if verdict == "none" else [verdict])


def test_more_hosts_than_proxies_are_undecided() -> None:
    stack = [database(), PROXY]
    variables = {"DB_HOST": SENTINEL, "DB_READER_HOST": SENTINEL, "DB_PORT": SENTINEL}
    (found,) = analyze([*stack, function(variables, stack)])
    assert not found.blocks and "does not say which from which" in found.message
