"""What holds for a user where it depends on its functions. Pure."""

from typing import cast

from .args import TIMEOUTS, UserSettings

# Nobody waits any more for what a function asked longer ago than it may run; but for an environment that starts: its
# code may use the database for 10 s before the timeout of any invocation begins. Lambda Developer Guide, "Understanding
# the Lambda execution environment lifecycle", Init phase.
_INIT_SECONDS = 10


def timeouts_of(given: UserSettings, *, longest_function_timeout: int | None) -> dict[str, int | None]:
    """Milliseconds of each timeout that a user has in the server, by its name; None: the server's own.

    Args:
        given: what is said of the user, in seconds.
        longest_function_timeout: of the functions that are this user, in seconds; None if there are none.
    """
    chosen = None if longest_function_timeout is None else longest_function_timeout + _INIT_SECONDS
    seconds: dict[str, int | None] = {name: cast("int | None", given.get(name, chosen)) for name in TIMEOUTS}
    return {name: None if each is None else each * 1000 for name, each in seconds.items()}
