"""What a stack's configuration wants of its proxy."""

from ops.configured import configuration

from .drift import Settings, joined


def configured(stack: str) -> Settings:
    """The settings that the program would give the proxy of this stack, defaults included.

    Raises:
        StackError: there is no `pulumi`, no such stack, or its configuration is wrong; every problem is named.
    """
    said = configuration(stack).settings
    # Loads the SDK, which a verdict alone does not need.
    from lambda_rds_proxy.proxy.args import ProxySettings
    from lambda_rds_proxy.serverless_database.problems import auths_of
    from lambda_rds_proxy.settings.reading import with_defaults

    proxy = with_defaults(ProxySettings, said.get("proxy", {}))
    return Settings(
        max_connections_percent=proxy["max_connections_percent"],
        borrow_timeout=proxy["connection_borrow_timeout"],
        idle_client_timeout=proxy["idle_client_timeout"],
        require_tls=True,  # no key: DatabaseProxy always asks for it
        auth=joined([auth.value for auth in auths_of(said).values()]),
    )
