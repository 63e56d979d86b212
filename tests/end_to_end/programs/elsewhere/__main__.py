"""A database and a proxy as somebody made them by hand, before there was a program: what is adopted later."""

import json

import pulumi
import pulumi_aws as aws

vpc = aws.ec2.Vpc("shop", cidr_block="10.9.0.0/16")
subnets = [
    aws.ec2.Subnet(
        f"shop-{zone}", vpc_id=vpc.id, cidr_block=f"10.9.{number}.0/24", availability_zone=f"eu-west-1{zone}"
    )
    for number, zone in enumerate("ab")
]
group = aws.ec2.SecurityGroup("shop", vpc_id=vpc.id, description="Created by RDS management console")
place = aws.rds.SubnetGroup("shop", name="default-vpc-shop", subnet_ids=[each.id for each in subnets])
database = aws.rds.Instance(
    "shop",
    identifier="orders-db",
    engine="postgres",
    engine_version="17",
    instance_class="db.t4g.small",
    allocated_storage=50,
    storage_type="gp3",
    storage_encrypted=True,
    db_name="orders",
    username="shop_admin",
    manage_master_user_password=True,
    db_subnet_group_name=place.name,
    vpc_security_group_ids=[group.id],
    backup_retention_period=3,
    skip_final_snapshot=True,
)
secret = aws.secretsmanager.Secret("shop", name="shop-user")
value = aws.secretsmanager.SecretVersion(
    "shop", secret_id=secret.id, secret_string=json.dumps({"username": "shop", "password": "not-a-real-one"})
)
role = aws.iam.Role("shop", assume_role_policy="{}")
proxy = aws.rds.Proxy(
    "shop",
    name="orders-proxy",
    engine_family="POSTGRESQL",
    role_arn=role.arn,
    vpc_subnet_ids=[each.id for each in subnets],
    vpc_security_group_ids=[group.id],
    auths=[{"auth_scheme": "SECRETS", "iam_auth": "DISABLED", "secret_arn": secret.arn}],
    opts=pulumi.ResourceOptions(depends_on=[value]),
)
target_group = aws.rds.ProxyDefaultTargetGroup("shop", db_proxy_name=proxy.name)
aws.rds.ProxyTarget(
    "shop",
    db_proxy_name=proxy.name,
    target_group_name=target_group.name,
    db_instance_identifier=database.identifier,
)
pulumi.export("vpcId", vpc.id)
pulumi.export("subnetIds", [each.id for each in subnets])
pulumi.export("groupId", group.id)
