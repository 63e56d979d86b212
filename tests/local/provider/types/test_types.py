"""One row per resource type, in one module of its own: nothing else in the provider knows a type by its token."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from pulumi.runtime.proto import provider_pb2

from local import provider
from local.provider import types
from local.provider.arguments import UnknownTypeError
from local.provider.properties import from_struct, to_struct
from local.provider.schema import schema
from local.provider.servicer import AwsServicer
from local.provider.types import aws_type, aws_types
from local.provider.types.row import Backed

MODULES = sorted(Path(provider.__path__[0]).rglob("*.py"))
# The token of a type; that of a function, such as aws:index/getRegion:getRegion, is no type's.
TOKEN = re.compile(r"aws:[\w-]+/(?!get[A-Z])\w+:\w+")


def test_no_token_is_spelled_in_two_modules() -> None:
    spelled = defaultdict(set)
    for module in MODULES:
        for token in TOKEN.findall(module.read_text()):
            spelled[token].add(module.name)
    assert spelled.keys() == aws_types().keys()
    assert {token: names for token, names in spelled.items() if len(names) > 1} == {}


def test_every_row_is_written_once_and_found_by_its_token() -> None:
    written = [token for module in MODULES for token in TOKEN.findall(module.read_text())]
    assert sorted(written) == sorted(aws_types())
    assert all(aws_type(token).token == token for token in written)


def test_a_type_without_a_row_is_named_where_pulumi_names_it_and_one_that_does_not_exist_is_refused() -> None:
    queue, address = aws_type("aws:sqs/queue:Queue"), aws_type("aws:ec2/eip:Eip")
    assert queue.named_by == "name" and not address.named_by
    assert queue.backed is None and queue.find is None and not queue.limits
    assert {name for name, fact in queue.facts["arguments"].items() if "replaces" in fact} == {"region"}
    with pytest.raises(UnknownTypeError, match="is not a resource type"):
        aws_type("aws:rds/proxi:Proxi")


@pytest.mark.parametrize("token", sorted(aws_types()))
def test_a_row_speaks_of_arguments_that_the_type_has(token: str) -> None:
    row = aws_type(token)
    assert {row.named_by or "region", *row.unreadable, *row.fills} <= {*row.real.arguments.kinds, "region"}


@pytest.mark.parametrize("token", sorted(aws_types()))
def test_what_is_really_made_has_its_own_way_to_be_made(token: str) -> None:
    backed = aws_type(token).backed
    assert backed is None or type(backed).apply is not Backed.apply


@pytest.fixture
def one_file_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A service of which the provider knew nothing: the token of its type."""
    (tmp_path / "sqs.py").write_text(
        "from .limits import Range\n"
        "from .row import AwsType\n"
        'NAME = {"autoname": {"separator": "-", "limit": 80}}\n'
        'FACTS = {"arguments": {"name": NAME, "fifoQueue": {"replaces": True}}}\n'
        "TYPES = (\n"
        '    AwsType("aws:sqs/queue:Queue", facts=FACTS, limits=(Range("delaySeconds", 0, 900),),\n'
        '            outputs=lambda queue: {"arn": queue.arn("sqs", queue.name)}),\n'
        ")\n"
    )
    monkeypatch.setattr(types, "__path__", [*types.__path__, str(tmp_path)])
    aws_types.cache_clear()
    schema.cache_clear()
    yield "aws:sqs/queue:Queue"
    monkeypatch.undo()
    aws_types.cache_clear()
    schema.cache_clear()


def test_a_type_is_added_by_one_row_of_one_file(one_file_more: str) -> None:
    servicer, context = AwsServicer(), Mock()
    urn = f"urn:pulumi:dev::shop::{one_file_more}::jobs"

    checked = servicer.Check(provider_pb2.CheckRequest(urn=urn, news=to_struct({"delaySeconds": 901})), context)
    assert [failure.reason for failure in checked.failures] == ["delaySeconds is 901; AWS takes 0 to 900"]
    assert from_struct(checked.inputs)["name"].startswith("jobs-")

    change = provider_pb2.DiffRequest(urn=urn, olds=to_struct({}), news=to_struct({"fifoQueue": True}))
    assert list(servicer.Diff(change, context).replaces) == ["fifoQueue"]

    made = servicer.Create(provider_pb2.CreateRequest(urn=urn, properties=to_struct({"name": "jobs"})), context)
    assert from_struct(made.properties)["arn"] == "arn:aws:sqs:eu-west-1:000000000000:jobs"
    assert one_file_more in schema()["resources"]


def test_no_module_but_a_types_own_decides_by_a_token() -> None:
    """Neither a comparison nor a match or a map of tokens outside the rows: `aws_type` is the one look-up."""
    for module in MODULES:
        words = [each.value for each in ast.walk(ast.parse(module.read_text())) if isinstance(each, ast.Constant)]
        tokens = [each for each in words if isinstance(each, str) and TOKEN.search(each)]
        assert module.parent.name == "types" or tokens == [], module
