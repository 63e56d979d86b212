"""The gate: the client side of a proxy. It lets clients in and lends them database connections, as RDS Proxy does."""
