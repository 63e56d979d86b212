"""Who signed a request to the laptop's AWS endpoint, by Signature Version 4 as botocore's own signer has it."""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from toolchain.checkout import LAPTOP_REGION

from .errors import RefusedError

_CLOCKS_APART = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential="
    r"(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[^/,\s]+)/(?P<service>[^/,\s]+)/aws4_request,"
    r"\s*SignedHeaders=(?P<headers>[a-z0-9;_-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_FIX = '`eval "$(make -s env)"` gives this shell the keys of its checkout'


@dataclass(frozen=True, kw_only=True)
class SignedRequest:
    """A request as it came: `target` is its path with the query, as it stands in the first line."""

    method: str
    target: str
    headers: Message
    body: bytes


class _AsSigned(SigV4Auth):  # type: ignore[misc]  # botocore has no types
    """Signs the headers that the client signed, which need not be those that botocore would."""

    def headers_to_sign(self, request: AWSRequest) -> HTTPHeaders:
        return request.headers


def access_key(
    request: SignedRequest, secret_of: Callable[[str], str | None], *, service: str | None, now: datetime | None = None
) -> str:
    """The access key that signed a request for a service, or for any; `secret_of` gives the secret of a key.

    Raises:
        RefusedError: nobody known here did; with AWS's name for it.
    """
    given = request.headers.get("Authorization")
    if given is None:
        raise RefusedError("MissingAuthenticationTokenException", f"Missing Authentication Token; {_FIX}")
    found = _AUTHORIZATION.fullmatch(given.strip())
    if found is None:
        raise RefusedError(
            "IncompleteSignatureException", f"Authorization is not as Signature Version 4 has it; {_FIX}"
        )
    secret = secret_of(found["key"])
    # No key of the laptop has a session.
    if secret is None or "X-Amz-Security-Token" in request.headers:
        raise RefusedError(
            "UnrecognizedClientException", f"The security token included in the request is invalid; {_FIX}"
        )
    time = request.headers.get("X-Amz-Date", "")
    _check_scope(found, time, service, now or datetime.now(UTC))
    names = found["headers"].split(";")
    _check_coverage(request, names)
    expected = _signature(request, found, time, names, secret)
    if not hmac.compare_digest(expected, found["signature"]):
        raise RefusedError(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            f"Access Key and signing method; {_FIX}",
        )
    return found["key"]


def _check_scope(found: "re.Match[str]", time: str, service: str | None, now: datetime) -> None:
    if service is not None and (found["service"], found["region"]) != (service, LAPTOP_REGION):
        raise RefusedError(
            "InvalidSignatureException", f"Credential should be scoped to {service} in {LAPTOP_REGION}; {_FIX}"
        )
    try:
        signed = datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise RefusedError("IncompleteSignatureException", f"X-Amz-Date is missing or no time; {_FIX}") from None
    if time[:8] != found["date"] or abs(now - signed) > _CLOCKS_APART:
        raise RefusedError(
            "InvalidSignatureException",
            f"Signature expired or not yet current: it is of {signed:%H:%M:%S} and now it is {now:%H:%M:%S} (UTC)",
        )


def _check_coverage(request: SignedRequest, names: list[str]) -> None:
    """What says which call it is must be signed, and the body's hash, where it is given, be that of the body."""
    needed = {"host"} | {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
    missing = sorted(needed - set(names))
    if missing:
        raise RefusedError("InvalidSignatureException", f"{', '.join(missing)} must be a 'SignedHeader'; {_FIX}")
    said = request.headers.get("X-Amz-Content-SHA256")
    if said is not None and said != hashlib.sha256(request.body).hexdigest():
        raise RefusedError("InvalidSignatureException", "X-Amz-Content-SHA256 is not the hash of the body")


def _signature(request: SignedRequest, found: "re.Match[str]", time: str, names: list[str], secret: str) -> str:
    # The path alone counts of the URL: Host is one of the headers.
    signed = AWSRequest(method=request.method, url=f"http://laptop{request.target}", data=request.body)
    for name in names:
        for value in request.headers.get_all(name, []):
            signed.headers[name] = value
    signed.context["timestamp"] = time
    signer = _AsSigned(Credentials(found["key"], secret), found["service"], found["region"])
    return str(signer.signature(signer.string_to_sign(signed, signer.canonical_request(signed)), signed))
