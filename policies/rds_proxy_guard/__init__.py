"""Rules for Lambda → RDS Proxy → RDS: pure functions; only `pack` and what it is built from load Pulumi's SDK."""
