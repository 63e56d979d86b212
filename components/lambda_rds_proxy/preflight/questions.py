"""Every question, in the order in which the answers are read."""

from collections.abc import Callable, Iterator

from . import capacity, database, identity, keys_and_topic, proxies, taken
from .account import Account
from .answers import NotSeen, Problem, Row, rows
from .needs import Needs
from .network import Vpc, endpoint_problems, subnet_problems, vpc_problems, way_out_problems


def vpc(needs: Needs, account: Account) -> list[Row]:
    """The existing VPC itself."""
    there = needs.vpc
    if there is None:
        return []

    def problems(seen: Vpc | None) -> Iterator[Problem]:
        if seen is None:
            yield Problem(
                found=f"{needs.region} has no {there.vpc_id}", fix="set vpcId to one of this region and account"
            )
        else:
            yield from vpc_problems(seen, private_dns=needs.makes_endpoint)

    return rows("VPC", account.vpc, problems, lambda _: f"{there.vpc_id} resolves names")


def subnets(needs: Needs, account: Account) -> list[Row]:
    """The subnets of an existing VPC; what runs has its addresses already."""
    there = needs.vpc
    if there is None:
        return []
    needed = 0 if needs.deployed.names.get("proxy") else sum(needs.addresses.values())
    shares = ", ".join(f"{count} of {what}" for what, count in needs.addresses.items() if count)
    return rows(
        "subnets",
        account.subnets,
        lambda seen: subnet_problems(
            seen, vpc_id=there.vpc_id, addresses=needed, taken_by=f"{{}} are needed ({shares})"
        ),
        lambda seen: f"{sum(each.free_addresses for each in seen)} free addresses in {len(seen)} subnets",
    )


def secrets_manager(needs: Needs, account: Account) -> list[Row]:
    """How what reads secrets in an existing VPC reaches Secrets Manager."""
    there = needs.vpc
    if there is None or not (needs.reads_secrets or needs.makes_endpoint):
        return []
    if needs.deployed.names.get("endpoint"):
        return []
    found = rows(
        "Secrets Manager endpoint",
        account.endpoints,
        lambda seen: endpoint_problems(seen, makes_one=needs.makes_endpoint, group=needs.endpoint_group),
        lambda seen: f"{len(seen)} are there",
    )
    endpoints = account.endpoints
    if needs.makes_endpoint or isinstance(endpoints, NotSeen):
        return found
    return found + rows(
        "way to Secrets Manager",
        account.routes,
        lambda seen: way_out_problems(there.subnet_ids, endpoints, seen),
        lambda _: "by an endpoint or a route out",
    )


QUESTIONS: tuple[Callable[[Needs, Account], list[Row]], ...] = (
    identity.identity,
    identity.region,
    identity.settings,
    identity.permissions,
    identity.service_linked_role,
    capacity.concurrency,
    capacity.quotas,
    database.version,
    database.instance_class,
    database.parameters,
    database.snapshot,
    vpc,
    subnets,
    secrets_manager,
    keys_and_topic.keys,
    keys_and_topic.data_key_policy,
    keys_and_topic.log_key_policy,
    keys_and_topic.topic,
    identity.rotation,
    taken.names,
    proxies.proxies,
)


def judge(needs: Needs, account: Account) -> list[Row]:
    """What there is to say of an account, all at once."""
    return [row for question in QUESTIONS for row in question(needs, account)]
