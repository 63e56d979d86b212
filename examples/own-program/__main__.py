"""A network, a database, its user, a proxy, alarms and one function: all but the function has defaults."""

import pulumi

from lambda_rds_proxy import ServerlessDatabase

orders = ServerlessDatabase("orders", {"functions": {"api": {"path": "api"}}})

pulumi.export("functions", orders.functions)
pulumi.export("proxyEndpoint", orders.proxy_endpoint)
