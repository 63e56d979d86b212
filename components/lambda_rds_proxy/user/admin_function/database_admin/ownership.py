"""Whose a database user is, by what is known of it: the same for each engine.

Taking over a user means to have what it has. So one that somebody else made is taken only when the stack says so, and
one that may do more than an application never.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .server import AdminError

_MADE_BY = "made by lambda-rds-proxy: "


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user that is there: what it may beyond an application's own, in words, and what tells who made it."""

    user: str
    rights: Sequence[str]
    mark: str | None
    """What is written at it; None where nothing is, or where the server keeps nothing."""
    as_made: bool
    """Whether it has the grants, no more and no less, with which this function left users before it marked them.

    Of those with a token's login nothing else tells.
    """


class UserSecret(Protocol):
    """The secret of one user."""

    def holds(self, user: str) -> bool:
        """Whether it has a password of this user already."""

    def password(self, user: str) -> str:
        """The user's password, made and stored if there is none yet."""

    def check_settled(self) -> None:
        """Raises DatabaseNotReadyError when a rotation has begun, or ended, since the password was read."""


def mark(maker: str) -> str:
    """What is written at a user that the function of this name has made."""
    return _MADE_BY + maker


def check_ours(account: Account, *, held: bool, maker: str, adopt: bool) -> None:
    """Refuse a user that is not this stack's.

    Args:
        account: the user that is there.
        held: whether this stack's secret holds its password.
        maker: name of this function.
        adopt: whether the stack says to take one that somebody else made.

    Raises:
        AdminError: it is another's, or may do more than an application.
    """
    if held or account.mark == mark(maker):
        return
    other_maker = account.mark.removeprefix(_MADE_BY) if account.mark and account.mark.startswith(_MADE_BY) else None
    user, other = account.user, "give the application another user"
    if account.rights:
        raise AdminError(f"the user {user} is there and has {', '.join(account.rights)}; {other}")
    if adopt or (account.as_made and other_maker is None):
        return
    whose = f"was made by {other_maker}, of another stack" if other_maker else "was not made by this stack"
    raise AdminError(f"the user {user} is there and {whose}; {other}, or take it over with adoptUser: true")
