"""What AWS, or boto3 before it asks AWS, refuses with: in words, with the fix where it is the shell's."""

import contextlib
from collections.abc import Iterator

import botocore.exceptions
from botocore.parsers import ResponseParserError

from ops.doctor.source import CannotLookError

AwsErrors = (botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError, ResponseParserError)
_LOG_IN = "log in, such as with `aws sso login`, and name the profile in AWS_PROFILE"
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})


def reason(error: Exception) -> str:
    """AWS's own name of an error, without what was sent; or what the shell lacks."""
    if isinstance(error, botocore.exceptions.ClientError):
        code = str(error.response["Error"]["Code"])
        return f"{code}; {_LOG_IN}" if code in _EXPIRED else code
    if isinstance(error, botocore.exceptions.NoRegionError):
        return "the shell names no region; set AWS_REGION"
    if isinstance(error, botocore.exceptions.NoCredentialsError):
        return f"the shell has no AWS credentials; {_LOG_IN}"
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return f"{str(error).rstrip('.')}; set AWS_PROFILE to one that `aws configure list-profiles` shows"
    if isinstance(error, botocore.exceptions.EndpointConnectionError):
        return f"{str(error).rstrip('.')}; look at AWS_REGION, AWS_ENDPOINT_URL and the network"
    if isinstance(error, ResponseParserError):  # its words hold all of what was answered
        return "who answers is not AWS; look at AWS_ENDPOINT_URL and the network"
    return f"{type(error).__name__}: {str(error).rstrip('.')}"


@contextlib.contextmanager
def refused_by(what: str) -> Iterator[None]:
    """Turns a refusal of AWS into the error of a source: what does not show which thing, and why."""
    try:
        yield
    except AwsErrors as error:
        raise CannotLookError(f"{what}: {reason(error)}") from None
