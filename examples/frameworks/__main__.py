"""One function for each framework, on one database, through one proxy."""

import pulumi

from lambda_rds_proxy import ServerlessDatabase

frameworks = ServerlessDatabase(
    "frameworks",
    {
        "functions": {
            # Django's migrations make the table that all of them use.
            "migrate": {"path": "django", "handler": "migrate.handler", "reserved_concurrency": 1, "timeout": 300},
            "django": {"path": "django", "reserved_concurrency": 10},
            "fastapi": {"path": "fastapi", "reserved_concurrency": 10},
            "powertools": {"path": "powertools", "reserved_concurrency": 10, "tracing": True},
            "sqlmodel": {"path": "sqlmodel", "reserved_concurrency": 10},
            "sqlmodel-async": {"path": "sqlmodel", "handler": "async_app.handler", "reserved_concurrency": 10},
        },
    },
)

pulumi.export("functions", frameworks.functions)
pulumi.export("proxyEndpoint", frameworks.proxy_endpoint)
