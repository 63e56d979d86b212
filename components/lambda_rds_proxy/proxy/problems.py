"""The users of a proxy: which of them can stand together, and how they prove who they are. Pure."""

from collections.abc import Sequence

from ..engines import Auth, EngineFacts
from ..references import DatabaseUserRef

# CreateDBProxy: UserAuthConfigList (botocore's service model).
MAX_SECRETS = 200


def check_users(name: str, users: Sequence[DatabaseUserRef]) -> None:
    """Refuse users that one proxy cannot have together.

    Raises:
        ValueError: a name twice, too many of them, or a secret that is missing or too much.
    """
    names = [user["user"] for user in users]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ValueError(
            f'proxy "{name}" has the user {", ".join(twice)} more than once; a proxy knows each user by one secret and '
            "one way to log in, and two of them make its connections unstable"
        )
    if len(users) > MAX_SECRETS:
        raise ValueError(f'proxy "{name}" has {len(users)} users; a proxy takes {MAX_SECRETS}, use a second proxy')
    for user in users:
        end_to_end = Auth(user["auth"]) is Auth.IAM_END_TO_END
        if end_to_end == ("secret_arn" in user):
            raise ValueError(
                f'proxy "{name}": user {user["user"]} has auth {Auth(user["auth"]).value} and '
                + ("a secret; with IAM on both sides there is none, leave secret_arn out" if end_to_end else "")
                + ("" if end_to_end else "no secret; the proxy logs in with it, give secret_arn")
            )


def is_any(users: Sequence[DatabaseUserRef], auth: Auth) -> bool:
    """Whether one of them logs in this way."""
    return any(Auth(user["auth"]) is auth for user in users)


def password_type(name: str, chosen: str | None, facts: EngineFacts) -> str:
    """How clients with a password prove it: what was chosen, or else the family's own.

    Raises:
        ValueError: the family does not take it.
    """
    allowed = facts.client_password_auth_types
    if chosen is None:
        return allowed[0]
    if chosen not in allowed:
        raise ValueError(
            f'proxy "{name}" has client_password_auth_type {chosen}; a proxy of the family {facts.proxy_family} takes '
            + " or ".join(allowed)
        )
    return chosen
