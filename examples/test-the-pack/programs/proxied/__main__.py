"""A function behind a proxy that takes more of the database than the configuration lets it."""

import pulumi
import pulumi_aws as aws

database = aws.rds.Instance(
    "orders",
    engine="postgres",
    instance_class="db.t4g.micro",
    allocated_storage=20,
    username="boss",
    manage_master_user_password=True,
)
role = aws.iam.Role("orders", assume_role_policy="{}")
proxy = aws.rds.Proxy(
    "orders",
    engine_family="POSTGRESQL",
    require_tls=True,
    role_arn=role.arn,
    vpc_subnet_ids=["subnet-0a", "subnet-0b"],
    auths=[
        {
            "auth_scheme": "SECRETS",
            "iam_auth": "REQUIRED",
            "secret_arn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders",
        }
    ],
)
aws.rds.ProxyDefaultTargetGroup(
    "orders", db_proxy_name=proxy.name, connection_pool_config={"max_connections_percent": 85}
)
aws.rds.ProxyTarget(
    "orders", db_proxy_name=proxy.name, target_group_name="default", db_instance_identifier=database.identifier
)
aws.lambda_.Function(
    "orders",
    role=role.arn,
    runtime="nodejs22.x",
    handler="index.handler",
    code=pulumi.AssetArchive({"index.js": pulumi.StringAsset("exports.handler = async () => 1")}),
    environment={"variables": {"DB_HOST": proxy.endpoint}},
)
