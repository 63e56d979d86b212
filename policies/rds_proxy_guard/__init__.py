"""Rules for Lambda → RDS Proxy → RDS. Pure rules over facts; the SDK is touched in `policies` alone."""
