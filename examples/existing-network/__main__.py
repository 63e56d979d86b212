"""A proxy and a function in front of a database that is there already; of the database only a rule is added."""

import pulumi

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.engines import Engine, TargetKind

config = pulumi.Config()
database = config.require_object("database")
orders = ServerlessDatabase(
    "orders",
    {
        "network": {"vpc_id": config.require("vpcId"), "subnet_ids": config.require_object("subnetIds")},
        "existing_database": {
            "engine": Engine.POSTGRESQL,
            "kind": TargetKind.INSTANCE,
            "identifier": database["identifier"],
            "endpoint": database["endpoint"],
            "port": 5432,
            "database_name": database["name"],
            "resource_id": database["resourceId"],
            "security_group_id": database["securityGroupId"],
            "admin_secret_arn": database["adminSecretArn"],
            "max_connections": database["maxConnections"],
        },
        "functions": {"api": {"path": "../own-program/api"}},
    },
)

pulumi.export("functions", orders.functions)
pulumi.export("proxyEndpoint", orders.proxy_endpoint)
