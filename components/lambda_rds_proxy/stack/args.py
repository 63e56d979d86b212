"""Settings that every part of a stack shares."""

from typing import NotRequired, TypedDict

import pulumi

from ..engines import Profile
from ..engines.instance_classes import SESSIONS_PER_VCPU
from ..references import KMS_KEY
from ..settings.checks import Checks, default, matching, number, one_of
from ..settings.reading import with_defaults

# PutRetentionPolicy (botocore's service model).
_RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288)
LAMBDA_PYTHON = "3.13"
Tags = pulumi.Input[dict[str, pulumi.Input[str]]]
ARCHITECTURES = ("arm64", "x86_64")


class StackSettings(TypedDict):
    """What holds for all resources of a stack."""

    profile: NotRequired[Profile]
    """dev, or prod (protect, deletion protection, final snapshot, two zones, 7 days of backups, stricter alarms);
    default dev."""
    tags: NotRequired[pulumi.Input[dict[str, pulumi.Input[str]]]]
    """Tags of every resource. The provider keeps them in clear in the state (tagsAll): no secrets."""
    kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key of storage and secrets; AWS's own keys without it."""
    log_retention_days: NotRequired[int]
    """How many days logs of proxy and functions are kept; 14 without it, of `profile` prod 90."""
    log_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key of these logs; its policy must let CloudWatch Logs use it."""
    permissions_boundary_arn: NotRequired[pulumi.Input[str]]
    """Permissions boundary of every role that is made, an IAM policy; docs/roles/boundary.json is one."""
    python: NotRequired[str]
    """Python of the functions, as Lambda's runtime names it; default 3.13; on the laptop its own."""
    architecture: NotRequired[str]
    """Architecture of the functions that name none, arm64 or x86_64; default arm64; on the laptop its own."""
    account_concurrent_executions: NotRequired[int]
    """How many functions the account may run at once in this region, 1 to 1000000: AccountLimit.ConcurrentExecutions of
    `aws lambda get-account-settings`, 10 in a new account; reservations and the connection budget are held against it;
    not known without it."""
    sessions_per_vcpu: NotRequired[int]
    """How many sessions one vCPU of the database bears at once, 1 to 1000; default 50; where functions could open more,
    the connection budget is cpu-bound. Lower it for long queries, raise it for sessions that mostly wait."""


CHECKS: Checks = {
    "profile": default(Profile.DEV),
    "kms_key_arn": KMS_KEY,
    "log_retention_days": one_of(_RETENTION_DAYS),
    "log_kms_key_arn": KMS_KEY,
    "permissions_boundary_arn": matching(
        r"arn:aws[a-z-]*:iam::([0-9]{12}|aws):policy/.+",
        "the ARN of an IAM policy such as arn:aws:iam::123456789012:policy/boundary",
    ),
    "python": matching(r"3\.[0-9]+", 'a version of Python such as "3.13"', default=LAMBDA_PYTHON),
    "architecture": one_of(ARCHITECTURES, default=ARCHITECTURES[0]),
    "account_concurrent_executions": number(1, 1_000_000),
    "sessions_per_vcpu": number(1, 1000, default=SESSIONS_PER_VCPU),
}

_LOG_DAYS = {Profile.DEV: 14, Profile.PROD: 90}


def log_retention_days(stack: StackSettings) -> int:
    """How many days logs are kept: as given, or by the profile."""
    return stack.get("log_retention_days", _LOG_DAYS[with_defaults(StackSettings, stack)["profile"]])
