"""Lambda → RDS Proxy → RDS: configuration in, one component, stack outputs."""

import asyncio
import gc
import sys
from pathlib import Path

import pulumi

# The exit status that tells Pulumi's language host that the user has seen the error.
ALREADY_SHOWN = 32
# A program declares and ends: hardly anything is garbage before, and to look for it took a quarter of its time.
gc.set_threshold(20_000, 20, 50)
PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT / "components"))  # the components are a package of their own, published alone

from lambda_rds_proxy import ServerlessDatabase  # noqa: E402
from lambda_rds_proxy.serverless_database.config import ConfigError, project_values, read_config  # noqa: E402
from lambda_rds_proxy.settings.spelling import SPELLING  # noqa: E402


async def main() -> None:
    """Declare the stack and export what people and tools need of it."""
    everything = pulumi.runtime.config.CONFIG.get() or pulumi.runtime.get_config_env()
    project = pulumi.get_project()
    values = project_values(everything, project=project)
    encrypted = [key for key in values if pulumi.runtime.is_config_secret(f"{project}:{key}")]
    try:
        args, spelling = read_config(values, project=PROJECT, encrypted=encrypted)
    except ConfigError as error:
        pulumi.log.error(str(error))
        sys.exit(ALREADY_SHOWN)
    SPELLING.set(spelling)

    stack = ServerlessDatabase("database", args)

    budget, cost = stack.connection_budget(), stack.monthly_cost()
    pulumi.export("proxyEndpoint", stack.proxy_endpoint)
    pulumi.export("proxyPort", stack.proxy["port"])
    pulumi.export("readerEndpoint", stack.proxy.get("reader_endpoint"))
    pulumi.export("databaseEndpoint", stack.database_endpoint)
    pulumi.export("databaseName", stack.proxy["database_name"])
    pulumi.export("databaseUser", stack.proxy["user"])
    pulumi.export("secretArn", stack.secret_arn)
    pulumi.export("functions", stack.functions)
    pulumi.export("dashboardUrl", stack.dashboard_url)
    pulumi.export("connectionBudget", budget.as_output())
    pulumi.export("monthlyCost", cost and cost.as_output())

    # Lets every registration begin. The SDK waits for those that have begun one after the other; while none has, it
    # goes through all outputs of all resources each time that some get known: quadratic in the number of functions.
    await asyncio.sleep(0)


pulumi.run(main)
