"""IAM tokens for RDS, signed with the standard library: a SigV4 query signature, no network, no botocore.

botocore's import and client cost 200–500 ms of a cold start; the signature itself is this file. Source: AWS, "Create a
signed AWS API request" and `generate_db_auth_token` in botocore, to which the result is equal (tests/handler).
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from .errors import ConfigurationError

LIFETIME_SECONDS = 900
_SERVICE = "rds-db"
_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


def auth_token(
    *, host: str, port: int, user: str, region: str, environment: Mapping[str, str], now: datetime | None = None
) -> str:
    """A token that is the password of `user` at `host:port` for the next 15 minutes.

    Args:
        environment: with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, in Lambda, AWS_SESSION_TOKEN.

    Raises:
        ConfigurationError: the environment has no credentials.
    """
    key, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key or not secret:
        raise ConfigurationError("DB_AUTH is iam, but AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set")
    time = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{region}/{_SERVICE}/aws4_request"
    query = {
        "Action": "connect",
        "DBUser": user,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{key}/{scope}",
        "X-Amz-Date": time,
        "X-Amz-Expires": str(LIFETIME_SECONDS),
        "X-Amz-SignedHeaders": "host",
    }
    session = environment.get("AWS_SESSION_TOKEN")
    if session:
        query["X-Amz-Security-Token"] = session
    encoded = "&".join(f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(query.items()))
    address = f"{host.lower()}:{port}"
    request = "\n".join(["GET", "/", encoded, f"host:{address}", "", "host", _EMPTY_SHA256])
    to_sign = "\n".join([_ALGORITHM, time, scope, hashlib.sha256(request.encode()).hexdigest()])
    signing_key = f"AWS4{secret}".encode()
    for part in (time[:8], region, _SERVICE, "aws4_request"):
        signing_key = hmac.digest(signing_key, part.encode(), "sha256")
    signature = hmac.digest(signing_key, to_sign.encode(), "sha256").hex()
    return f"{address}/?{encoded}&X-Amz-Signature={signature}"


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
