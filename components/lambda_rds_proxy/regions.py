"""What AWS has in some regions only. Pure, and dated: a region that opened later is in none of them.

A region that is missing here is refused at preview, with the way round; nothing is made that would fail in the middle.
"""

from collections.abc import Mapping
from types import MappingProxyType

AS_OF = "2026-11-28"
# What the host names of services end in, which kms:ViaService says too: botocore 1.44.3, data/partitions.json.
DNS_SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "aws": "amazonaws.com",
        "aws-cn": "amazonaws.com.cn",
        "aws-eusc": "amazonaws.eu",
        "aws-iso": "c2s.ic.gov",
        "aws-iso-b": "sc2s.sgov.gov",
        "aws-iso-e": "cloud.adc-e.uk",
        "aws-iso-f": "csp.hci.ic.gov",
        "aws-us-gov": "amazonaws.com",
    }
)
# Where the Serverless Application Repository is, from which AWS's rotation functions come: botocore 1.44.3,
# data/endpoints.json, service `serverlessrepo`. The RDS of 16 regions has none beside it.
WITH_APPLICATION_REPOSITORY = frozenset(
    {
        *("ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-south-1", "ap-southeast-1", "ap-southeast-2"),
        *("ca-central-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2"),
        *("eu-west-3", "me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-gov-east-1", "us-gov-west-1"),
        *("us-west-1", "us-west-2"),
    }
)
# Whose AWS's rotation functions are there: Secrets Manager User Guide, "Rotation function templates".
_ROTATION_APPLICATIONS: Mapping[str, str] = MappingProxyType(
    {
        "aws": "us-east-1:297356227824",
        "aws-cn": "cn-north-1:193023089310",
        "aws-us-gov": "us-gov-west-1:023102451235",
    }
)
# RDS User Guide, "Supported Regions and DB engines for Amazon RDS Proxy": Asia Pacific (New Zealand) and (Taipei).
WITHOUT_RDS_PROXY = frozenset({"ap-southeast-6", "ap-east-2"})
# Whose authorities are in the admin function's certificates/rds.pem; a test compares. AWS signs with an authority of
# each region: RDS User Guide, "Using SSL/TLS to encrypt a connection to a DB instance or cluster".
WITH_CERTIFICATES = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
        *("ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5"),
        *("ap-southeast-6", "ap-southeast-7", "ca-central-1", "ca-west-1", "eu-central-1", "eu-central-2"),
        *("eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1"),
        *("me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"),
        "us-west-2",
    }
)


def rotation_application_arn(partition: str, application: str) -> str:
    """The ARN of one of AWS's rotation functions in the Serverless Application Repository."""
    return f"arn:{partition}:serverlessrepo:{_ROTATION_APPLICATIONS[partition]}:applications/{application}"
