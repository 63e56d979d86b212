"""Settings of the database's users."""

from typing import NotRequired, TypedDict

from ..engines import Auth
from ..names import IDENTIFIER
from ..references import DatabaseRef, DatabaseUserRef, NetworkRef
from ..settings.checks import Checks, default, matching, number
from ..stack.args import StackSettings

# RotateSecret, AutomaticallyAfterDays (botocore's service model).
MOST_DAYS = 1000
# PostgreSQL keeps both timeouts as milliseconds in 31 bits: pg_settings.max_val.
MOST_SECONDS = 2_147_483
# The settings that are PostgreSQL's own by the same names.
TIMEOUTS = ("statement_timeout", "idle_in_transaction_session_timeout")


class UserSettings(TypedDict):
    """The user that an application logs in as."""

    database_user: NotRequired[str]
    """User of the application; default app."""
    auth: NotRequired[Auth]
    """iam (clients with IAM tokens, proxy with a secret), iam-end-to-end (no secret), or secret; default iam."""
    rotation_days: NotRequired[int]
    """Days after which AWS's rotation function changes the passwords, 1 to 1000; never without it."""
    bootstrap: NotRequired[bool]
    """Whether users are made by a private admin function; false, or no admin secret, prints the SQL instead;
    default true."""
    adopt_user: NotRequired[bool]
    """Whether a user of this name that the stack did not make is taken over, unless it may do more than an application;
    default false."""
    statement_timeout: NotRequired[int]
    """Seconds after which the server ends a statement of the user, 0 to 2147483, where 0 is never; without it the
    longest timeout of the functions that are this user, and 10 s more. PostgreSQL only."""
    idle_in_transaction_session_timeout: NotRequired[int]
    """Seconds after which the server ends a session of the user whose transaction waits for its client, and frees what
    it had locked, 0 to 2147483, where 0 is never; without it the same as for statements. PostgreSQL only."""
    certificate_bundle: NotRequired[str]
    """PEM file with RDS's certificate authorities of the region, for the admin function, relative to the program; those
    of the partition `aws` are shipped, of the others (China, GovCloud) none."""


class OtherUserSettings(TypedDict):
    """One more user of the database, with its own secret and grants."""

    auth: NotRequired[Auth]
    """iam, iam-end-to-end or secret; default iam."""
    statement_timeout: NotRequired[int]
    """As that of the application's user, 0 to 2147483, from the functions that are this one."""
    idle_in_transaction_session_timeout: NotRequired[int]
    """As that of the application's user, 0 to 2147483, from the functions that are this one."""


class DatabaseUserArgs(TypedDict):
    """The user an application logs in as."""

    network: NetworkRef
    """Where the admin function stands."""
    database: DatabaseRef
    """Where the user is made."""
    settings: NotRequired[UserSettings]
    """Which user."""
    stack: NotRequired[StackSettings]
    """What holds for all resources; `profile` says how long logs and a deleted secret are kept."""
    longest_function_timeout: NotRequired[int]
    """Seconds, 1 to 900, that the slowest function that is this user may run: the user's timeouts follow from it;
    without it they are the server's own."""
    admin: NotRequired[DatabaseUserRef]
    """Another user of the same database, whose admin function makes this one as well; without it a function of its
    own."""


CHECKS: Checks = {
    "database_user": matching(
        IDENTIFIER, "a lower-case identifier of at most 63 characters such as app", default="app"
    ),
    "auth": default(Auth.IAM),
    "rotation_days": number(1, MOST_DAYS),
    "bootstrap": default(True),
    "adopt_user": default(False),
    "statement_timeout": number(0, MOST_SECONDS),
    "idle_in_transaction_session_timeout": number(0, MOST_SECONDS),
    "longest_function_timeout": number(1, 900),
}
