"""What cannot go together in the settings of a proxy, and which users it can have together. Pure."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from ..engines import Auth, EngineFacts, TargetKind
from ..references import DatabaseUserRef
from ..settings.reading import with_defaults
from ..settings.spelling import Spelling
from .args import ProxySettings
from .ceiling import MAX_PERCENT_TOTAL
from .debug_logging import latest, parse_until

# CreateDBProxy: UserAuthConfigList (botocore's service model).
MAX_SECRETS = 200


def proxy_problems(
    given: ProxySettings, call: Spelling, *, facts: EngineFacts, kind: TargetKind, readers: int | None, now: datetime
) -> Iterator[str]:
    """Each contradiction as a sentence that names the settings and the fix.

    Args:
        given: what was said of the proxy.
        call: how whoever reads it calls settings.
        facts: of the database's engine.
        kind: what the proxy stands in front of.
        readers: instances of a cluster beside its writer; None when it is not known.
        now: the time, for debug logging.
    """
    proxy = with_defaults(ProxySettings, given)
    percent, idle = proxy["max_connections_percent"], proxy.get("max_idle_connections_percent", 0)
    name, limit = call("proxy.max_idle_connections_percent"), call("proxy.max_connections_percent")
    if idle > percent:
        yield f"{name} is {idle}; it must be between 0 and {limit} ({percent})"
    others = proxy["other_proxies_percent"]
    if others and percent + others > MAX_PERCENT_TOTAL:
        yield (
            f"the proxies of this database may take {percent} + {others} = {percent + others} % of its connections; "
            f"lower {limit} or {call('proxy.other_proxies_percent')} so that the sum is at most {MAX_PERCENT_TOTAL}"
        )
    for each in proxy.get("session_pinning_filters", []):
        if each not in facts.session_pinning_filters:
            why = facts.filters_allowed(init_query=call("proxy.init_query"))
            yield f"{call('proxy.session_pinning_filters')} has {each}; {why}"
    allowed = facts.client_password_auth_types
    chosen = proxy.get("client_password_auth_type", allowed[0])
    if chosen not in allowed:
        family = facts.proxy_family
        yield f"{call('proxy.client_password_auth_type')} is {chosen}; a {family} proxy takes {' or '.join(allowed)}"
    until = proxy.get("debug_logging_until")
    if until is not None and parse_until(until) > latest(now):
        last = latest(now).strftime("%Y-%m-%dT%H:%MZ")
        yield f"{call('proxy.debug_logging_until')} is {until}; AWS ends it after 24 hours, so it must be before {last}"
    if proxy["reader_endpoint"] and (kind is TargetKind.INSTANCE or readers == 0):
        yield (
            f"{call('proxy.reader_endpoint')} is true; it needs {call('database.kind')} cluster with at least 2 "
            "instances, because a proxy has no reader behind a single instance"
        )


def users_problems(users: Sequence[DatabaseUserRef]) -> Iterator[str]:
    """What one proxy cannot have together: a name twice, too many users, a secret that is missing or too much."""
    names = [user["user"] for user in users]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        yield (
            f"the user {', '.join(twice)} is there more than once; a proxy knows each user by one secret and one way "
            "to log in, and two of them make its connections unstable"
        )
    if len(users) > MAX_SECRETS:
        yield f"there are {len(users)} users; a proxy takes {MAX_SECRETS}, use a second proxy"
    for user in users:
        end_to_end = user["auth"] is Auth.IAM_END_TO_END
        who = f"user {user['user']} has auth {user['auth'].value} and"
        if end_to_end and "secret_arn" in user:
            yield f"{who} a secret; with IAM on both sides there is none, leave secret_arn out"
        if not end_to_end and "secret_arn" not in user:
            yield f"{who} no secret; the proxy logs in with it, give secret_arn"


def is_any(users: Sequence[DatabaseUserRef], auth: Auth) -> bool:
    """Whether one of them logs in this way."""
    return any(user["auth"] is auth for user in users)
