"""What the shell lacks is told with the fix, and nothing that was sent is told at all."""

import botocore.exceptions
import pytest
from botocore.parsers import ResponseParserError

from ops.aws.errors import AwsErrors, reason


def refused(code: str) -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError({"Error": {"Code": code, "Message": "secret-of-the-request"}}, "Invoke")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (botocore.exceptions.NoRegionError(), "set AWS_REGION"),
        (botocore.exceptions.NoCredentialsError(), "name the profile in AWS_PROFILE"),
        (botocore.exceptions.ProfileNotFound(profile="gone"), "(gone) could not be found; set AWS_PROFILE"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "look at AWS_REGION"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://127.0.0.1:1"), "ReadTimeoutError: "),
        (ResponseParserError("Unable to parse:\nsecret-of-the-request"), "look at AWS_ENDPOINT_URL"),
        (refused("ExpiredToken"), "ExpiredToken; log in"),
        (refused("AccessDeniedException"), "AccessDeniedException"),
    ],
)
def test_each_error_is_one_sentence(error: Exception, words: str) -> None:
    assert isinstance(error, AwsErrors)
    told = reason(error)
    assert words in told
    assert "secret-of-the-request" not in told and "\n" not in told
