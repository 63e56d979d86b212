"""What components hand to each other: references of inputs, not objects.

So an existing network, database or proxy is a reference written down, and every component can be served to other
languages.
"""

import re
from collections.abc import Awaitable
from typing import Any, NotRequired, TypedDict, cast

import pulumi

from .engines import Auth, Engine, TargetKind
from .names import RDS_NAME
from .settings.checks import Checks, matching, number, passes
from .settings.reading import HIDDEN, any_secret


class NetworkRef(TypedDict):
    """A VPC with at least two subnets in at least two availability zones."""

    vpc_id: pulumi.Input[str]
    """Id of the VPC."""
    subnet_ids: pulumi.Input[list[pulumi.Input[str]]]
    """Ids of private subnets that reach the database; at least two, in at least two zones."""
    secrets_endpoint_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of the VPC's Secrets Manager endpoint. Without it functions reach Secrets Manager over the
    network's own route (NAT), and may open port 443 to anywhere."""


class DatabaseRef(TypedDict):
    """A database that a proxy can stand in front of."""

    engine: Engine
    """postgresql or mysql."""
    kind: TargetKind
    """instance or cluster."""
    identifier: pulumi.Input[str]
    """DBInstanceIdentifier or DBClusterIdentifier."""
    endpoint: pulumi.Input[str]
    """Host name of the instance, or of the cluster's writer, without a port."""
    port: pulumi.Input[int]
    """Port the database listens on, 1150 to 65535 (a proxy always listens on the engine's own)."""
    database_name: str
    """Name of the database the application uses."""
    resource_id: pulumi.Input[str]
    """`db-…` or `cluster-…`: what IAM policies for logging in to the database name."""
    security_group_id: pulumi.Input[str]
    """Security group of the database; rules are added to it, never inline."""
    admin_secret_arn: NotRequired[pulumi.Input[str]]
    """Secret with the master user's `username` and `password`. Without it no user can be made: the SQL is printed."""
    admin_secret_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key that encrypts that secret."""
    max_connections: NotRequired[int]
    """Its max_connections, 6 to 100000, for the connection budget."""
    instance_class: NotRequired[str]
    """Class of its instances, for the cost of a proxy and its free addresses."""
    readers: NotRequired[int]
    """Instances of a cluster beside its writer, 0 to 15, where it is known; a reader endpoint needs one."""


class DatabaseUserRef(TypedDict):
    """The application's user in the database."""

    user: str
    """Name of the user."""
    auth: Auth
    """iam, iam-end-to-end or secret."""
    secret_arn: NotRequired[pulumi.Input[str]]
    """Secret with `username` and `password`, known once it has a value; absent for iam-end-to-end."""
    secret_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key that encrypts the secret."""
    admin_function_name: NotRequired[pulumi.Input[str]]
    """The private function that made the user and can verify the way through; absent without bootstrap."""
    admin_role_name: NotRequired[pulumi.Input[str]]
    """Role of that function."""
    admin_security_group_id: NotRequired[pulumi.Input[str]]
    """Security group of that function."""


class ProxyRef(TypedDict):
    """A proxy that functions can use."""

    name: pulumi.Input[str]
    """DBProxyName."""
    id: pulumi.Input[str]
    """`prx-…`, the last part of the proxy's ARN: what IAM policies for connecting name."""
    arn: pulumi.Input[str]
    """ARN of the proxy."""
    endpoint: pulumi.Input[str]
    """Host name, without a port."""
    reader_endpoint: NotRequired[pulumi.Input[str]]
    """Host name of the read-only endpoint of a cluster's proxy."""
    port: int
    """Port of the proxy, 1150 to 65535: 5432 or 3306, whatever the database's own."""
    engine: Engine
    """postgresql or mysql."""
    auth: Auth
    """How clients log in: iam, iam-end-to-end or secret."""
    user: str
    """The application's user."""
    database_name: str
    """Name of the database the application uses."""
    secret_arn: NotRequired[pulumi.Input[str]]
    """Secret that clients read, for auth secret."""
    secret_kms_key_arn: NotRequired[pulumi.Input[str]]
    """Customer managed key that encrypts the secret."""
    security_group_id: pulumi.Input[str]
    """Security group of the proxy."""
    client_security_group_id: pulumi.Input[str]
    """Security group that the proxy admits: give it to whatever connects."""


class FunctionRef(TypedDict):
    """A function that uses a proxy, as a Monitor watches it."""

    name: pulumi.Input[str]
    """Name of the function."""
    log_group_name: pulumi.Input[str]
    """Its log, in Lambda's text format: a filter counts timeouts there."""
    timeout: int
    """Seconds after which Lambda ends an invocation."""
    reserved_concurrency: NotRequired[int]
    """How many environments may run at once, if it is reserved."""
    alarms: NotRequired[list[str]]
    """Alarms of this function alone: slow, concurrency-nearly-used-up (of what is reserved); none without it."""


_OWN_ALARMS = ("slow", "concurrency-nearly-used-up")


# What a DB subnet group and a proxy ask for at least, in as many zones.
LEAST_SUBNETS = 2


def is_user(name: str) -> bool:
    """Whether it names one user; a policy takes * and ? for any, and ${ for a variable."""
    return bool(re.fullmatch(r"(?!.*\$\{)[^\s*?/]+", name))


def are_subnets(ids: list[object]) -> bool:
    """Whether there are enough, as far as they are known."""
    known = [each for each in ids if isinstance(each, str)]
    enough = len(ids) - len(known) + len(set(known)) >= LEAST_SUBNETS
    return enough and all(each.startswith("subnet-") for each in known)


def enough_subnets(
    subnet_ids: pulumi.Input[list[pulumi.Input[str]]], label: str
) -> pulumi.Input[list[pulumi.Input[str]]]:
    """The subnets; a list that is not known yet is counted when it is. One that is known was counted when it was read.

    Raises:
        pulumi.RunError: by the Output that comes back, when there are too few.
    """

    def counted(known: list[Any]) -> list[str]:
        ids: list[str] = known[0]
        if not are_subnets(list(ids)):
            found = ", ".join(map(str, ids)) or "nothing"
            found = HIDDEN if known[1] else found
            raise pulumi.RunError(f"{label} came to be {found}; it must be {SUBNETS.allowed}")
        return ids

    if not isinstance(subnet_ids, pulumi.Output | Awaitable):
        return subnet_ids
    known = pulumi.Output.all(subnet_ids, any_secret(subnet_ids)).apply(counted)
    return cast("pulumi.Input[list[pulumi.Input[str]]]", known)


SUBNETS = passes(are_subnets, "a list of at least 2 subnet ids, in at least 2 availability zones")
# The provider takes no capitals where RDS itself keeps none.
RDS_IDENTIFIER = matching(
    RDS_NAME, "in lower case, as RDS keeps it: letters, digits and single hyphens, a letter first"
)
_USER = passes(is_user, "the name of one user, without blanks, *, ? or /")
PORT = number(1150, 65_535)
MAX_CONNECTIONS = number(6, 100_000)
SECURITY_GROUP = matching(r"sg-[0-9a-f]+", "the id of a security group such as sg-0123456789abcdef0")
# Not of an alias: no policy can name one as its resource, and AWS answers with the key's own ARN, which would replace
# the database (source: KMS Developer Guide, "Use aliases to control access to KMS keys"; terraform-provider-aws 229,
# 38780).
KMS_KEY = matching(
    r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+",
    "the ARN of a KMS key such as arn:aws:kms:eu-west-1:123456789012:key/… (`aws kms describe-key` tells an alias's)",
)
_SECRET = matching(r"arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+", "the ARN of a secret")
ALARMS = passes(lambda names: set(names) <= set(_OWN_ALARMS), f"a list of {' and '.join(_OWN_ALARMS)}")
CHECKS: Checks = {
    "alarms": ALARMS,
    "subnet_ids": SUBNETS,
    "identifier": RDS_IDENTIFIER,
    "user": _USER,
    "secrets_endpoint_security_group_id": SECURITY_GROUP,
    "port": PORT,
    "resource_id": matching(r"(db|cluster)-[A-Z0-9]+", "db-… of an instance or cluster-… of a cluster"),
    "security_group_id": SECURITY_GROUP,
    "admin_secret_arn": _SECRET,
    "admin_secret_kms_key_arn": KMS_KEY,
    "max_connections": MAX_CONNECTIONS,
    "readers": number(0, 15),
    "secret_arn": _SECRET,
    "secret_kms_key_arn": KMS_KEY,
    "admin_security_group_id": SECURITY_GROUP,
    "client_security_group_id": SECURITY_GROUP,
}
