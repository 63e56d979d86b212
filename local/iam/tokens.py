"""Checks IAM tokens as RDS Proxy does: signature, time, host, user, and the grant of who signed. Pure.

A token is a presigned SigV4 request (`generate_db_auth_token`): `host:port/?Action=connect&DBUser=…&X-Amz-Signature=…`.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

from .statements import is_allowed, resources

CONNECT = "rds-db:connect"
_LIFETIME_SECONDS = 900
_CLOCKS_APART = timedelta(seconds=300)
_ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.@+=,$-]+")


@dataclass(frozen=True, kw_only=True)
class Principal:
    """Who signs: its secret key, the statements it may rely on, and the Lambda function that it is, if it is one."""

    secret: str = field(repr=False)
    statements: Sequence[Mapping[str, Any]]
    function: str = ""


@dataclass(frozen=True, kw_only=True)
class TokenAudience:
    """What a token must be for: the proxy's host name, port and region, and how its users are called in policies."""

    host: str
    port: int
    region: str
    arn_prefix: str
    """`arn:aws:rds-db:<region>:<account>:dbuser:prx-…/`, to which the user's name is added."""


def refusal(
    token: str,
    user: str,
    audience: TokenAudience,
    principals: Mapping[str, Principal],
    now: datetime | None = None,
) -> str | None:
    """Why a token does not let `user` in, or None when it does. The text holds nothing of the token."""
    address, separator, query = token.partition("/?")
    fields = parse_qsl(query, keep_blank_values=True)
    given = dict(fields)
    if not separator or len(given) != len(fields) or given.get("Action") != "connect":
        return "this is no IAM token"
    if address.lower() != f"{audience.host}:{audience.port}".lower():
        return f"the token is for another host than {audience.host}:{audience.port}"
    if given.get("DBUser") != user:
        return f"the token is for another user than {user}"
    access_key, _, scope = given.get("X-Amz-Credential", "").partition("/")
    time = given.get("X-Amz-Date", "")
    if scope != f"{time[:8]}/{audience.region}/rds-db/aws4_request" or given.get("X-Amz-Algorithm") != _ALGORITHM:
        return f"the token is not signed for rds-db in {audience.region}"
    principal = principals.get(access_key)
    if principal is None:
        return "the token is signed by nobody known here"
    signature = _signature(fields, address, scope, time, principal.secret)
    if not hmac.compare_digest(signature.encode(), given.get("X-Amz-Signature", "").encode()):
        return "the token's signature is wrong"
    try:
        signed = datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        seconds = int(given.get("X-Amz-Expires", "0"))
    except ValueError:
        return "the token has no valid time"
    now = now or datetime.now(UTC)
    if signed > now + _CLOCKS_APART:
        return "the token is from the future"
    if (now - signed).total_seconds() > min(seconds, _LIFETIME_SECONDS):
        return "the token is expired"
    if not is_allowed(principal.statements, action=CONNECT, resource=audience.arn_prefix + user):
        return f"the signer has no rds-db:connect on {audience.arn_prefix}{user}"
    return None


def signer(token: str) -> str:
    """The access key that a token says it is signed with; empty when it says nothing."""
    fields = dict(parse_qsl(token.partition("/?")[2]))
    return fields.get("X-Amz-Credential", "").partition("/")[0]


def connectable(statements: Sequence[Mapping[str, Any]], arn_prefix: str) -> frozenset[str]:
    """The users whom policies name for rds-db:connect under a prefix such as `arn:aws:rds-db:…:dbuser:db-…/`.

    A name with a wildcard names nobody: who is meant is known to the database alone. Nor does one that no server's file
    of logins can hold.
    """
    named = (each.removeprefix(arn_prefix) for each in resources(statements) if each.startswith(arn_prefix))
    return frozenset(
        user
        for user in named
        if _PLAIN_NAME.fullmatch(user) and is_allowed(statements, action=CONNECT, resource=arn_prefix + user)
    )


def _signature(fields: list[tuple[str, str]], address: str, scope: str, time: str, secret: str) -> str:
    query = "&".join(
        f"{_encoded(name)}={_encoded(value)}" for name, value in sorted(fields) if name != "X-Amz-Signature"
    )
    request = "\n".join(["GET", "/", query, f"host:{address.removesuffix(':443')}", "", "host", _EMPTY_SHA256])
    to_sign = "\n".join([_ALGORITHM, time, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()


def _encoded(text: str) -> str:
    return quote(text, safe="-_.~")
