"""Errors of this package: full sentences, without any secret."""


class ConfigurationError(ValueError):
    """The `DB_*` environment is wrong; the message lists every problem."""


class DatabaseConnectionError(RuntimeError):
    """No connection could be had; the message says why and what to look at."""


class PoolExhaustedError(RuntimeError):
    """More connections were asked for at once than DB_POOL_MAX_OPEN allows."""
