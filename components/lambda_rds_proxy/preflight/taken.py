"""Names that are taken: by other stacks, or by what a destroyed one left."""

from collections.abc import Iterator, Mapping

from .account import Account
from .answers import NOT_ASKED, Problem, Row, listed, rows
from .needs import Needs

_ELSE = "rename the stack or its project, or delete what has the name if nobody needs it"
# Kind → what to do about a name that is taken.
_FIXES: Mapping[str, str] = {
    # terraform-provider-aws 42858: RDS and Lambda write once more after a destroy.
    "log group": "aws logs delete-log-group --log-group-name {name}, or keep what is in it: pulumi import "
    "(docs/runbook.md)",
    "function": f"{_ELSE}: aws lambda delete-function --function-name {{name}}",
    "proxy": f"{_ELSE}: aws rds delete-db-proxy --db-proxy-name {{name}}; one that is to be managed here: `adopted`",
    "CloudFormation stack": f"{_ELSE}: aws cloudformation delete-stack --stack-name {{name}}",
}


def names(needs: Needs, account: Account) -> list[Row]:
    """Whether what the stack makes under a name of its own has it to itself; what it has made already is its own."""
    found: list[Row] = []
    for kind, stated in needs.names.items():
        wanted = [each for each in stated if each not in needs.deployed.names.get(kind, frozenset())]
        if wanted:
            found += _of_kind(kind, wanted, account)
    return found


def _of_kind(kind: str, wanted: list[str], account: Account) -> list[Row]:
    def problems(there: frozenset[str]) -> Iterator[Problem]:
        for each in wanted:
            if each in there:
                yield Problem(
                    found=f"the {kind} {each} is there and not this stack's", fix=_FIXES[kind].format(name=each)
                )

    answer = account.names.get(kind, NOT_ASKED)
    return rows(f"names: {kind}", answer, problems, lambda _: f"{listed(wanted, most=3)}: free")
