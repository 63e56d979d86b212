"""AWS's own schemas find nothing wrong with what the program registers, in four regions and three partitions."""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from lambda_rds_proxy.regions import WITH_APPLICATION_REPOSITORY, WITH_CERTIFICATES
from tests.contracts.cloudformation.judge import REGIONS, findings
from tests.contracts.cloudformation.mapping import KINDS, NOT_IN_CLOUDFORMATION, UnmappedError, template
from tests.contracts.cloudformation.registered import made, place_of, registered
from tests.contracts.cloudformation.stacks import CHOICES, names

STACKS = [pytest.param(number, id=name) for number, name in enumerate(names())]
# Stated only where Pulumi's automatic name would be refused.
NAMES = {"name", "identifier"}


@pytest.mark.parametrize("number", STACKS)
def test_cfn_lint_finds_nothing_in_any_region(number: int) -> None:
    assert findings(made(number)) == []


@pytest.mark.parametrize("number", STACKS)
def test_everything_that_is_registered_is_of_its_region_and_partition(number: int) -> None:
    assert [*strangers(made(number), place_of(number))] == []


def strangers(value: object, place: Mapping[str, str]) -> Iterator[str]:
    """ARNs of another partition, host names of another one, and other regions: cfn-lint has no rule for them."""
    if isinstance(value, dict):
        for key, each in value.items():
            # Service principals are the same in all partitions; the rotation applications have places of their own.
            if key == "Service" or (key == "ApplicationId" and each.startswith(f"arn:{place['partition']}:")):
                continue
            yield from strangers(each, place)
    elif isinstance(value, list):
        for each in value:
            yield from strangers(each, place)
    elif isinstance(value, str):
        others = {*re.findall(r"\barn:(aws[a-z-]*):", value)} - {place["partition"]}
        others |= {*re.findall(r"\b[a-z]{2}(?:-gov)?-(?:north|south|east|west|central)+-\d", value)} - {place["region"]}
        others |= {*re.findall(r"\bamazonaws\.com(?:\.cn)?", value)} - {place["suffix"]}
        yield from (f"{each} in {value}" for each in sorted(others))


@pytest.mark.parametrize(
    ("text", "stranger"),
    [
        ("arn:aws:kms:us-gov-west-1:123456789012:key/1", "aws"),
        ("https://secretsmanager.us-gov-west-1.amazonaws.com.cn", "amazonaws.com.cn"),
        ("com.amazonaws.eu-west-1.secretsmanager", "eu-west-1"),
    ],
)
def test_what_is_of_another_partition_or_region_is_found(text: str, stranger: str) -> None:
    assert [*strangers({"A": [text]}, place_of(2))] == [f"{stranger} in {text}"]


def test_every_two_choices_meet_in_a_stack() -> None:
    columns = [*zip(*CHOICES, strict=True)]
    assert {*columns[-1]} == {*REGIONS}
    target_and_region = (columns[1], columns[-1])  # 16 pairs, and 12 stacks
    for pair in itertools.combinations(columns, 2):
        if pair != target_and_region:
            assert {*zip(*pair, strict=True)} == {*itertools.product(*pair)}


def test_the_mapping_has_everything_that_is_registered_and_nothing_else() -> None:
    seen: dict[str, set[str]] = {}
    for each in itertools.chain.from_iterable(registered(number) for number in range(len(CHOICES))):
        seen.setdefault(each.type, set()).update(each.inputs)
    assert {*KINDS, *NOT_IN_CLOUDFORMATION} == {*seen}
    for type_, kind in KINDS.items():
        assert {*kind.properties, *kind.without} <= seen[type_] | NAMES, type_


def test_a_type_or_an_argument_that_nobody_has_mapped_is_reported() -> None:
    network = next(each for each in registered(0) if each.type == "aws:ec2/vpc:Vpc")
    with pytest.raises(UnmappedError, match="aws:ec2/natGateway:NatGateway: add to KINDS"):
        template([replace(network, type="aws:ec2/natGateway:NatGateway")], place_of(0))
    unmapped = replace(network, inputs={**network.inputs, "networkBorderGroup": "eu-west-1"})
    (finding,) = findings(template([unmapped], place_of(0)))
    assert "Additional properties are not allowed ('NetworkBorderGroup' was unexpected" in finding


def test_every_region_that_the_components_know_has_every_type_that_they_make() -> None:
    """RDS Proxy itself is missing in one."""
    known = PROVIDER_SCHEMA_MANAGER.get_resource_schema
    for region in sorted((WITH_CERTIFICATES | WITH_APPLICATION_REPOSITORY) - {"ap-east-2"}):
        assert all(known(region, kind.type) for kind in KINDS.values())
