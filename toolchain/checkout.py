"""Where a checkout keeps what it makes, and which loopback addresses are its own. Pure: nothing is created here."""

import hashlib
import os
import re
from pathlib import Path

LAPTOP_PASSPHRASE = "lambda-rds-proxy-laptop"  # noqa: S105 - published: the local stack's configuration has no secret
LAPTOP_REGION = "eu-west-1"
LAPTOP_ACCOUNT = "000000000000"
LAPTOP_STACK = "local"
# Says to programs and to the stand-in provider which account a stack is of that allows none itself.
ACCOUNT_VARIABLE = "LAMBDA_RDS_PROXY_ACCOUNT"
# Says to tools of another environment which tools know the laptop (ops/places.py).
TOOLS_VARIABLE = "LAMBDA_RDS_PROXY_OPS"
GATEWAY_PORT = 4566
# In the environment of everything that a supervisor starts: the folder of its state.
LAPTOP_MARK = "LAMBDA_RDS_PROXY_LAPTOP"
SUBNET_VARIABLE = "LAMBDA_RDS_PROXY_SUBNET"


def checkout_root() -> Path:
    """The folder of this checkout."""
    return Path(__file__).resolve().parent.parent


def cache_root() -> Path:
    """`${XDG_CACHE_HOME:-~/.cache}/lambda-rds-proxy`: engines, wheels, packages, facts of AWS, checkouts."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lambda-rds-proxy"


def checkout_id(root: Path) -> str:
    """Twelve hex digits that only this folder has on this machine."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]


def checkout_cache(root: Path) -> Path:
    """What belongs to one checkout: `backend/` (Pulumi's state) and `pulumi-home/`."""
    return cache_root() / "checkouts" / checkout_id(root)


def laptop_state(root: Path) -> Path:
    """State of the laptop cloud: servers' data, certificates, logs. Removed by `make down`.

    Root's servers run as the account `postgres`, which cannot enter root's home; so root's state stands in /var/cache.
    """
    if os.geteuid() == 0:
        return Path("/var/cache/lambda-rds-proxy") / checkout_id(root)
    return checkout_cache(root) / "laptop"


def subnet(root: Path) -> str:
    """The first three numbers of this checkout's loopback addresses, such as `127.77.3`.

    Raises:
        ValueError: LAMBDA_RDS_PROXY_SUBNET is set to something that is no such prefix.
    """
    chosen = os.environ.get(SUBNET_VARIABLE)
    if chosen:
        parts = chosen.split(".")
        valid = re.fullmatch(r"127\.[0-9]{1,3}\.[0-9]{1,3}", chosen) and all(int(part) <= 255 for part in parts)
        if not valid:
            raise ValueError(f'{SUBNET_VARIABLE} is "{chosen}"; it must be three numbers such as 127.99.1')
        return chosen
    number = int(checkout_id(root)[:4], 16)
    return f"127.{64 + number % 63}.{number // 63 % 256}"


def gateway_url(root: Path) -> str:
    """The laptop's AWS endpoint: Lambda, Secrets Manager and the supervisor's own control API."""
    return f"http://{subnet(root)}.1:{GATEWAY_PORT}"
