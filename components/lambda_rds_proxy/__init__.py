"""Pulumi components for Lambda → RDS Proxy → RDS.

Components are loaded when first asked for: the pure modules (capacity, configuration, names, packaging) can be imported
without loading `pulumi_aws`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .database import Database as Database
    from .database_function import DatabaseFunction as DatabaseFunction
    from .database_proxy import DatabaseProxy as DatabaseProxy
    from .database_user import DatabaseUser as DatabaseUser
    from .monitor import Monitor as Monitor
    from .network import Network as Network
    from .proxy_verification import ProxyVerification as ProxyVerification
    from .serverless_database import ServerlessDatabase as ServerlessDatabase

COMPONENTS = {
    "Network": "network",
    "Database": "database",
    "DatabaseUser": "database_user",
    "DatabaseProxy": "database_proxy",
    "ProxyVerification": "proxy_verification",
    "DatabaseFunction": "database_function",
    "Monitor": "monitor",
    "ServerlessDatabase": "serverless_database",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute can be anything
    if name in COMPONENTS:
        return getattr(import_module(f".{COMPONENTS[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
