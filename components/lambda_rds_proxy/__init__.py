"""Pulumi components for Lambda → RDS Proxy → RDS.

Components are loaded when first asked for: the pure modules (capacity, configuration, names, packaging) can be imported
without loading `pulumi_aws`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database.component import Database as Database
    from .function.component import DatabaseFunction as DatabaseFunction
    from .monitor.component import Monitor as Monitor
    from .network.component import Network as Network
    from .proxy.component import DatabaseProxy as DatabaseProxy
    from .proxy.verification import ProxyVerification as ProxyVerification
    from .serverless_database.component import ServerlessDatabase as ServerlessDatabase
    from .user.component import DatabaseUser as DatabaseUser

COMPONENTS = {
    "Network": "network.component",
    "Database": "database.component",
    "DatabaseUser": "user.component",
    "DatabaseProxy": "proxy.component",
    "ProxyVerification": "proxy.verification",
    "DatabaseFunction": "function.component",
    "Monitor": "monitor.component",
    "ServerlessDatabase": "serverless_database.component",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    if name in COMPONENTS:
        return getattr(import_module(f".{COMPONENTS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
