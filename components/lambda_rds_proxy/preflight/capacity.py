"""Whether the account has room: concurrent executions of Lambda, and quotas."""

from collections.abc import Iterator

from .account import Account, Concurrency, Quota
from .answers import NOT_ASKED, Problem, Row, rows
from .needs import Needs

# source: Lambda Developer Guide, "Configuring reserved concurrency": so many stay unreserved, whatever the limit.
LEAST_UNRESERVED = 100
# Name → what it is called, and its code in Service Quotas where that tells the limit.
# source: RDS User Guide, "Quotas and constraints"; VPC User Guide, "Amazon VPC quotas" (codes and defaults).
_RDS_NAMES = {
    "DBInstances": "DB instances",
    "DBClusters": "DB clusters",
    "DBSubnetGroups": "DB subnet groups",
    "DBParameterGroups": "DB parameter groups",
    "DBClusterParameterGroups": "DB cluster parameter groups",
    "EventSubscriptions": "event subscriptions",
    "AllocatedStorage": "GiB of storage",
}
SERVICE_QUOTAS = {
    "proxies": ("rds", "L-D94C7EA3", 20),
    "VPCs": ("vpc", "L-F678F1CE", 5),
    "network interfaces": ("vpc", "L-DF5E4CA3", 5000),
}


def concurrency(needs: Needs, account: Account) -> list[Row]:
    """Whether what the functions reserve leaves what Lambda wants unreserved; of a stack that runs what it adds."""
    reserved, held = needs.reserved_concurrency, needs.deployed.reserved_concurrency

    def problems(seen: Concurrency) -> Iterator[Problem]:
        left = seen.unreserved + held - reserved
        if reserved > held and left < LEAST_UNRESERVED:
            enough = seen.limit + LEAST_UNRESERVED - left
            yield Problem(
                found=f"functions reserve {reserved} of {seen.limit} concurrent executions, and {left} would stay "
                f"unreserved; Lambda keeps {LEAST_UNRESERVED}",
                fix="leave functions' reservedConcurrency out or lower it, or ask for more: aws service-quotas "
                "request-service-quota-increase --service-code lambda --quota-code L-B99A9384 "
                f"--desired-value {max(1000, enough)}",
            )
        if needs.stated_concurrency not in (None, seen.limit):
            yield Problem(
                found=f"accountConcurrentExecutions is {needs.stated_concurrency}, and the account has {seen.limit}",
                fix=f"set accountConcurrentExecutions to {seen.limit}",
            )

    return rows(
        "concurrency",
        account.concurrency,
        problems,
        lambda seen: (
            f"{seen.limit} concurrent executions, {seen.unreserved} of them unreserved; {reserved} reserved here"
        ),
    )


def quotas(needs: Needs, account: Account) -> list[Row]:
    """Whether what is made fits into what the account may have; of a stack that runs what it adds."""
    found: list[Row] = []
    for name, wanted in needs.counts.items():
        added = wanted - needs.deployed.counts.get(name, 0)
        if added > 0:
            found += _quota(name, added, account)
    return found


def _quota(name: str, added: int, account: Account) -> list[Row]:
    called = _RDS_NAMES.get(name, name)

    def problems(seen: Quota) -> Iterator[Problem]:
        if seen.used + added > seen.most:
            code = SERVICE_QUOTAS.get(name)
            service, which = (
                (code[0], f"--quota-code {code[1]}")
                if code
                else ("rds", "--quota-code … (`aws service-quotas list-service-quotas --service-code rds` has it)")
            )
            yield Problem(
                found=f"{_used(seen)} {called} are there, and this stack makes {added} more",
                fix="delete what nobody needs, or ask for more: aws service-quotas request-service-quota-increase "
                f"--service-code {service} {which} --desired-value {seen.used + added}",
            )

    return rows(
        f"quota of {called}",
        account.quotas.get(name, NOT_ASKED),
        problems,
        lambda seen: f"{_used(seen)}, {added} more here",
    )


def _used(seen: Quota) -> str:
    by_default = " (AWS's default)" if seen.is_default else ""
    return f"{'at least ' if seen.is_at_least else ''}{seen.used} of {seen.most}{by_default}"
