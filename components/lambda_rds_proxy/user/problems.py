"""What a user's name and login must be. Pure."""

from collections.abc import Iterator

from ..database.choices import MASTER_USER
from ..engines import Auth, Engine, EngineFacts
from ..settings.reading import with_defaults
from ..settings.spelling import Spelling
from .args import TIMEOUTS, OtherUserSettings, UserSettings

# The settings that a reason may name, and whose they are.
_INSTEAD = {"parameters": "database", "init_query": "proxy"}


def user_problems(given: UserSettings, call: Spelling, *, engine: Engine, facts: EngineFacts) -> Iterator[str]:
    """Each problem of the application's user, as a sentence that names the setting and the fix."""
    user = with_defaults(UserSettings, given)
    yield from name_problems(user["database_user"], call("user.database_user"), engine=engine, facts=facts)
    yield from timeout_problems(given, call, "user", facts=facts)


def name_problems(name: str, label: str, *, engine: Engine, facts: EngineFacts) -> Iterator[str]:
    """Whether an engine takes the name, and nobody else has it."""
    if len(name) > facts.longest_user:
        yield f"{label}: the user {name} has {len(name)} characters; {engine.value} takes at most {facts.longest_user}"
    if name == MASTER_USER or name.startswith(facts.reserved_users):
        yield f"{label}: the user {name} is RDS's or the administrator's own; choose another name"


def timeout_problems(
    given: UserSettings | OtherUserSettings, call: Spelling, part: str, *, facts: EngineFacts
) -> Iterator[str]:
    """Whether an engine's users have timeouts; `part` is where the settings stand, such as users.reporting."""
    for field in TIMEOUTS:
        if field in given and facts.why_no_user_timeouts is not None:
            elsewhere = {each: call(f"{whose}.{each}") for each, whose in _INSTEAD.items()}
            yield f"{call(f'{part}.{field}')} is set but {facts.why_no_user_timeouts.format(**elsewhere)}; leave it out"


def rotation_problems(given: UserSettings, call: Spelling, *, auths: list[Auth]) -> Iterator[str]:
    """Whether anybody has a password that could be rotated."""
    if "rotation_days" in given and all(auth is Auth.IAM_END_TO_END for auth in auths):
        name = call("user.rotation_days")
        yield f"{name} is set but {call('user.auth')} iam-end-to-end has no password to rotate; leave it out"
