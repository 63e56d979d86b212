"""Who deploys, where, and whether they may."""

from collections.abc import Iterator, Sequence

from ..regions import WITHOUT_RDS_PROXY
from .account import Account, Caller, Decision
from .answers import NotSeen, Problem, Row, Verdict, listed, rows
from .needs import Needs

_LINKS_ROLE = "iam:CreateServiceLinkedRole"
NOT_SIMULATED = "session policies, organization policies with conditions and policies of resources are not simulated"


def identity(needs: Needs, account: Account) -> list[Row]:
    """Whether these are the credentials that the stack is meant for."""

    def problems(caller: Caller) -> Iterator[Problem]:
        allowed, forbidden = needs.allowed_accounts, needs.forbidden_accounts
        if (allowed and caller.account not in allowed) or caller.account in forbidden:
            which = f"aws:allowedAccountIds has {', '.join(allowed)}" if allowed else "aws:forbiddenAccountIds has it"
            yield Problem(
                found=f"the credentials are of account {caller.account}, {which}",
                fix="name the profile of the right account in AWS_PROFILE or aws:profile, or change the setting",
            )
        if needs.role_to_assume is not None and not _same_role(caller.arn, needs.role_to_assume):
            yield Problem(
                found=f"aws:assumeRoles has {needs.role_to_assume}, and these answers are those of {caller.arn}",
                fix="ask with the credentials of that role: AWS_PROFILE of a profile with its role_arn",
            )

    return rows("identity", account.caller, problems, lambda caller: f"{caller.arn} in account {caller.account}")


def region(needs: Needs, _account: Account) -> list[Row]:
    """Whether the region has RDS Proxy at all."""

    def problems(name: str) -> Iterator[Problem]:
        if name in WITHOUT_RDS_PROXY:
            yield Problem(found=f"{name} has no RDS Proxy", fix="choose another region in aws:region")

    return rows("region", needs.region, problems, lambda name: f"{name} has RDS Proxy")


def settings(needs: Needs, _account: Account) -> list[Row]:
    """What of the configuration cannot be held against anything."""
    if not needs.unread:
        return []
    found = f"{listed(needs.unread)}: encrypted, and nothing is decrypted here, so what they say was not looked at"
    return [Row(question="settings", verdict=Verdict.NOT_SEEN, found=found)]


def permissions(_needs: Needs, account: Account) -> list[Row]:
    """Whether the one who deploys may make, change and delete what the stack is made of."""

    def problems(decisions: Sequence[Decision]) -> Iterator[Problem]:
        refused: dict[tuple[str, str], list[str]] = {}
        for each in decisions:
            # That one has a question of its own: mostly nobody needs it.
            if each.decision != "allowed" and each.action != _LINKS_ROLE:
                refused.setdefault((each.resource, _because(each)), []).append(each.action)
        for (resource, because), actions in refused.items():
            yield Problem(
                found=f"may not {listed(sorted(actions), most=8)} on {resource}: {because}",
                fix="give the role docs/roles' policies (docs/pull-requests.md), and the stack the tags and the "
                "boundary that they ask for",
            )

    return rows(
        "permissions", account.decisions, problems, lambda seen: f"{len(seen)} actions are allowed; {NOT_SIMULATED}"
    )


def service_linked_role(_needs: Needs, account: Account) -> list[Row]:
    """RDS's own role, without which it makes no database and refuses a proxy; RDS makes it for whoever may."""
    seen = account.decisions
    may_make_it: bool | None = None
    if not isinstance(seen, NotSeen):
        may_make_it = any(each.action == _LINKS_ROLE and each.decision == "allowed" for each in seen)

    def problems(is_there: bool) -> Iterator[Problem]:
        if not is_there and not may_make_it:
            may = (
                "this identity may not make it"
                if may_make_it is False
                else "whether this identity may make it is not seen"
            )
            yield Problem(
                found=f"the account has no AWSServiceRoleForRDS, and {may}",
                fix="once, by an administrator: aws iam create-service-linked-role "
                "--aws-service-name rds.amazonaws.com",
            )

    return rows(
        "service-linked role",
        account.service_linked_role,
        problems,
        lambda is_there: "AWSServiceRoleForRDS is there" if is_there else "RDS makes it with the first database",
    )


def rotation(needs: Needs, account: Account) -> list[Row]:
    """Whether AWS's rotation function can be had here."""
    application = needs.rotation_application
    if application is None:
        return []

    def problems(is_there: bool) -> Iterator[Problem]:
        if not is_there:
            yield Problem(
                found=f"the Serverless Application Repository of {needs.region} shows no {application}",
                fix="leave rotationDays out, and rotate the secret with a function of your own",
            )

    return rows("rotation", account.rotation, problems, lambda _: f"{application} is there")


def role_of(arn: str) -> str | None:
    """The name of the role of a session; None where it is none."""
    parts = arn.split(":", 5)[-1].split("/")
    return parts[1] if parts[0] == "assumed-role" else None


def _same_role(caller: str, role: str) -> bool:
    return caller == role or role_of(caller) == role.rsplit("/", 1)[-1]


def _because(each: Decision) -> str:
    if each.by_organization:
        return "an organization's policy"
    if each.by_boundary:
        return "the role's permissions boundary"
    return "a policy denies it" if each.decision == "explicitDeny" else "no policy allows it"
