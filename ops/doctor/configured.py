"""What a stack's configuration wants of its proxy."""

from typing import Any

from ops.stack_outputs import StackError, stack_configuration
from toolchain.checkout import checkout_root

from .drift import Settings, joined

_PROJECT = "lambda-rds-proxy"


def configured(stack: str) -> Settings:
    """The settings that the program would give the proxy of this stack, defaults included.

    Raises:
        StackError: there is no `pulumi`, no such stack, or its configuration is wrong.
    """
    return wanted(stack_configuration(stack))


def wanted(document: dict[str, Any]) -> Settings:
    """The settings out of what `pulumi config --json` prints.

    Raises:
        StackError: it is wrong; every problem is named.
    """
    # Loads the SDK, which a verdict alone does not need.
    from lambda_rds_proxy.proxy.args import ProxySettings
    from lambda_rds_proxy.serverless_database.config import ConfigError, project_values, read_config
    from lambda_rds_proxy.serverless_database.problems import auths_of
    from lambda_rds_proxy.settings.reading import with_defaults

    values = {key: entry["value"] for key, entry in document.items() if "value" in entry}
    try:
        said, _ = read_config(project_values(values, project=_PROJECT), project=checkout_root())
    except ConfigError as error:
        raise StackError("; ".join(error.problems)) from None
    proxy = with_defaults(ProxySettings, said.get("proxy", {}))
    return Settings(
        max_connections_percent=proxy["max_connections_percent"],
        borrow_timeout=proxy["connection_borrow_timeout"],
        idle_client_timeout=proxy["idle_client_timeout"],
        require_tls=True,  # no key: DatabaseProxy always asks for it
        auth=joined([auth.value for auth in auths_of(said).values()]),
    )
