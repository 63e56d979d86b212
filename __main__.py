"""Lambda → RDS Proxy → RDS: configuration in, one component, stack outputs."""

import asyncio
import sys
from pathlib import Path

import pulumi

# The exit status that tells Pulumi's language host that the user has seen the error.
ALREADY_SHOWN = 32
PROJECT = Path(__file__).resolve().parent
sys.path.insert(0, str(PROJECT / "components"))  # the components are a package of their own, published alone

from lambda_rds_proxy import ServerlessDatabase  # noqa: E402
from lambda_rds_proxy.function.package import LAMBDA_PYTHON, Platform, this_machine  # noqa: E402
from lambda_rds_proxy.stack_config import StackConfig, StackConfigError, is_laptop, project_values  # noqa: E402


async def main() -> None:
    """Declare the stack and export what people and tools need of it."""
    everything = pulumi.runtime.config.CONFIG.get() or pulumi.runtime.get_config_env()
    laptop = is_laptop(everything)
    platform = this_machine() if laptop else Platform(python=LAMBDA_PYTHON, architecture="arm64")
    try:
        config = StackConfig.parse(
            project_values(everything, project=pulumi.get_project()),
            project=PROJECT,
            default_architecture=platform.architecture,
        )
    except StackConfigError as error:
        pulumi.log.error(str(error))
        sys.exit(ALREADY_SHOWN)

    stack = ServerlessDatabase("database", config.as_args(platform))

    budget = stack.connection_budget()
    pulumi.export("proxyEndpoint", stack.proxy_endpoint)
    pulumi.export("proxyPort", stack.proxy["port"])
    pulumi.export("readerEndpoint", stack.proxy.get("reader_endpoint"))
    pulumi.export("databaseEndpoint", stack.database_endpoint)
    pulumi.export("databaseName", config.database_name)
    pulumi.export("databaseUser", config.database_user)
    pulumi.export("secretArn", stack.secret_arn)
    pulumi.export("functions", stack.functions)
    pulumi.export("dashboardUrl", stack.dashboard_url)
    pulumi.export("connectionBudget", budget.as_output())
    pulumi.export("monthlyCost", stack.monthly_cost().as_output())

    # Lets every registration begin. The SDK waits for those that have begun one after the other; while none has, it
    # goes through all outputs of all resources each time that some get known: quadratic in the number of functions.
    await asyncio.sleep(0)


pulumi.run(main)
