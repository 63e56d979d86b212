"""Exports as `pulumi stack export` writes them, from a line per resource."""

import json
from pathlib import Path
from typing import Any

STACK = "urn:pulumi:dev::shop::pulumi:pulumi:Stack::shop-dev"
PROVIDER = "urn:pulumi:dev::shop::pulumi:providers:aws::default_7_0_0"
DIRECT = "orders.abc123def456.eu-west-1.rds.amazonaws.com"
PROXIED = "orders.proxy-abc123def456.eu-west-1.rds.amazonaws.com"
_SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}

FUNCTION = "aws:lambda/function:Function"
PROXY = "aws:rds/proxy:Proxy"
GROUP = "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup"
TARGET = "aws:rds/proxyTarget:ProxyTarget"


def encrypted() -> dict[str, Any]:
    """A secret as it stands in a file."""
    return {**_SECRET, "ciphertext": "v1:AAAAAAAAAAAAAAAA:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}


def shown(text: str) -> dict[str, Any]:
    """A secret of an export with `--show-secrets`; `text` is JSON."""
    return {**_SECRET, "plaintext": text}


def urn(token: str, name: str) -> str:
    """The URN of a resource of these stacks."""
    return f"urn:pulumi:dev::shop::{token}::{name}"


def resource(token: str, name: str, /, **inputs: Any) -> dict[str, Any]:
    """One resource whose outputs are its inputs."""
    return {
        "urn": urn(token, name),
        "custom": True,
        "id": name,
        "type": token,
        "inputs": inputs,
        "outputs": inputs,
        "parent": STACK,
        "provider": f"{PROVIDER}::1",
    }


def function(name: str, variables: Any) -> dict[str, Any]:
    """A Lambda function with these environment variables."""
    return resource(FUNCTION, name, environment={"variables": variables})


def proxy(name: str, percent: Any = None, database: str | None = "orders", family: str = "POSTGRESQL") -> list[Any]:
    """A proxy with its target group (none without a percent) and target."""
    secret = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:orders-AbCdEf"
    auths = [{"authScheme": "SECRETS", "iamAuth": "REQUIRED", "secretArn": secret}]
    made = [resource(PROXY, name, name=name, engineFamily=family, requireTls=True, auths=auths)]
    if percent is not None:
        made.append(resource(GROUP, name, dbProxyName=name, connectionPoolConfig={"maxConnectionsPercent": percent}))
    if database is not None:
        made.append(resource(TARGET, name, dbProxyName=name, dbInstanceIdentifier=database))
    return made


def deployment(*resources: dict[str, Any], secrets: bool = True) -> dict[str, Any]:
    """A deployment with the stack and its provider before these resources."""
    head: list[dict[str, Any]] = [
        {"urn": STACK, "custom": False, "type": "pulumi:pulumi:Stack"},
        {"urn": PROVIDER, "custom": True, "id": "1", "type": "pulumi:providers:aws", "inputs": {}, "outputs": {}},
    ]
    made: dict[str, Any] = {
        "manifest": {"time": "2026-01-01T00:00:00Z", "magic": "", "version": ""},
        "resources": [*head, *resources],
    }
    if secrets:
        # A key service that must never be asked.
        made["secrets_providers"] = {
            "type": "cloud",
            "state": {"url": "awskms://alias/nobody?region=eu-west-1", "encryptedkey": "AAAA"},
        }
    return made


def export(*resources: dict[str, Any]) -> dict[str, Any]:
    """The whole file."""
    return {"version": 3, "deployment": deployment(*resources)}


def written(folder: Path, content: Any, name: str = "state.json") -> Path:
    """A file with these bytes, or this as JSON."""
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content, indent=4).encode())
    return path
