"""A function that is given the database's own host."""

import pulumi
import pulumi_aws as aws

network = aws.ec2.Vpc("orders", cidr_block="10.0.0.0/16")
database = aws.rds.Cluster("orders", engine="aurora-mysql", master_username="boss", manage_master_user_password=True)
role = aws.iam.Role("orders", assume_role_policy="{}")
aws.lambda_.Function(
    "orders",
    role=role.arn,
    runtime="nodejs22.x",
    handler="index.handler",
    code=pulumi.AssetArchive({"index.js": pulumi.StringAsset("exports.handler = async () => 1")}),
    environment={"variables": {"DB_HOST": database.endpoint, "DB_POOL_SIZE": "10"}},
)
