"""All proxies in front of one database, whosever: together they must leave some of its connections."""

from collections.abc import Iterator

from .account import Account, Proxies, Share
from .answers import NotSeen, Problem, Row, Verdict, listed, rows
from .needs import Needs

_QUESTION = "proxies of the database"


def proxies(needs: Needs, account: Account) -> list[Row]:
    """The sum of what they may take of max_connections, against what may be taken."""
    database = needs.database_identifier
    if database is None:
        return []

    def problems(seen: Proxies) -> Iterator[Problem]:
        others = _others(needs, seen)
        taken = sum(percent for _, percent in others)
        named = ", ".join(f"{name} {percent} %" for name, percent in others)
        if taken + needs.percent > needs.most_percent:
            yield Problem(
                found=f"the proxies of {database} may take {needs.percent} (this stack's) + {taken} ({named}) = "
                f"{taken + needs.percent} % of its connections",
                fix=f"lower maxConnectionsPercent here or there, so that the sum is at most {needs.most_percent}: "
                "who administers the database needs connections, too",
            )
        if taken != needs.other_proxies_percent and (taken > needs.other_proxies_percent or not seen.not_seen):
            yield Problem(
                found=f"otherProxiesPercent is {needs.other_proxies_percent}, and the others of {database} may take "
                f"{taken} %{f' ({named})' if named else ''}",
                fix=f"set otherProxiesPercent to {taken}",
            )

    def fine(seen: Proxies) -> str:
        others = _others(needs, seen)
        named = "".join(f" + {percent} ({name})" for name, percent in others)
        return f"{needs.percent}{named} = {needs.percent + sum(each for _, each in others)} % of {database}"

    found = rows(_QUESTION, account.proxies, problems, fine)
    if isinstance(account.proxies, NotSeen):
        return found
    unseen = dict(account.proxies.not_seen)
    unseen |= {each.proxy: each.percent.why for each in account.proxies.shares if isinstance(each.percent, NotSeen)}
    for why in sorted(set(unseen.values())):
        which = listed(sorted(name for name, each in unseen.items() if each == why))
        said = f"the sum is without {which}: {why}"
        found.append(Row(question=_QUESTION, verdict=Verdict.NOT_SEEN, found=said))
    return found


def _others(needs: Needs, seen: Proxies) -> list[tuple[str, int]]:
    """Name and percent of each but the stack's own, whose percent is about to be what its settings say."""
    return [
        (each.proxy, percent)
        for each in _by_name(seen)
        if each.proxy != needs.proxy_name and (percent := _known(each)) is not None
    ]


def _by_name(seen: Proxies) -> list[Share]:
    return sorted(seen.shares, key=lambda each: each.proxy)


def _known(share: Share) -> int | None:
    return None if isinstance(share.percent, NotSeen) else share.percent
