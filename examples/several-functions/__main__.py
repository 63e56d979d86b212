"""Four functions and two users on one database, through one proxy."""

import pulumi

from lambda_rds_proxy import ServerlessDatabase
from lambda_rds_proxy.engines import Auth

shop = ServerlessDatabase(
    "shop",
    {
        # Beside the application's own user, `app`.
        "users": {"reporting": {"auth": Auth.SECRET}},
        # One folder, so one package with one list of requirements; each function has a module of its own.
        "functions": {
            "migrate": {"path": "shop", "handler": "migrate.handler", "reserved_concurrency": 1, "timeout": 300},
            "api": {"path": "shop", "handler": "api.handler", "reserved_concurrency": 30},
            "worker": {"path": "shop", "handler": "worker.handler", "reserved_concurrency": 10, "timeout": 60},
            "reports": {"path": "shop", "handler": "reports.handler", "reserved_concurrency": 2, "user": "reporting"},
        },
    },
)

pulumi.export("functions", shop.functions)
pulumi.export("proxyEndpoint", shop.proxy_endpoint)
pulumi.export("connectionBudget", shop.connection_budget().as_output())
