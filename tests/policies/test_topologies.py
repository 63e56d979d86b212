"""What the loader of the corpus makes of a file: the unknowns, secrets and dependencies of a real program."""

import pytest

from tests.policies.analyzed import SENTINEL, Resource, secret
from tests.policies.topologies import Topology, topology

TEXT = """
source: https://github.com/example/example
story: a database, an existing database, and a function of both
resources:
  db:
    type: aws:rds/instance:Instance
    inputs: {identifier: orders, password: !secret fake}
    outputs: {address: orders.abc123def456.eu-west-1.rds.amazonaws.com, ports: [5432]}
  old: {type: "aws:rds/instance:Instance", read: true, outputs: {address: old.example.com}}
  fn:
    type: aws:lambda/function:Function
    parent: box
    inputs:
      memorySize: 128
      environment: {variables: {HOST: "${db.address}", OLD: "${old.address}", URL: "pg://${db.password}@${db.identifier}:${db.ports.0}"}}
  box: {type: "acme:index:Box"}
expected: {preview: {}, analyze: {}}
"""


def shown(stage: str) -> dict[str, Resource]:
    return {each.name: each for each in topology(TEXT).shown(stage)}


def test_a_preview_knows_inputs_and_what_exists_and_nothing_else() -> None:
    fn = shown("preview")["fn"]
    assert fn.inputs["environment"]["variables"] == {"HOST": SENTINEL, "OLD": "old.example.com", "URL": SENTINEL}
    assert fn.outputs == {"memorySize": 128, "environment": SENTINEL, "id": SENTINEL, "arn": SENTINEL}


def test_a_finished_stack_knows_all_and_one_secret_part_makes_a_text_secret() -> None:
    variables = shown("analyze")["fn"].inputs["environment"]["variables"]
    assert variables["HOST"] == "orders.abc123def456.eu-west-1.rds.amazonaws.com"
    assert variables["URL"] == secret("pg://fake@orders:5432")


def test_references_are_dependencies_and_what_was_read_is_absent_from_a_preview() -> None:
    preview, analyze = shown("preview"), shown("analyze")
    assert "old" not in preview
    assert [each.name for each in preview["fn"].feeds["environment"]] == ["db"]
    assert [each.name for each in analyze["fn"].feeds["environment"]] == ["db", "old"]
    assert analyze["fn"].parent is analyze["box"]


def test_aws_native_calls_every_output_computed() -> None:
    text = TEXT.replace("aws:lambda/function:Function", "aws-native:lambda:Function")
    (fn,) = [each for each in topology(text).shown("preview") if each.name == "fn"]
    assert fn.outputs is not None
    assert set(fn.outputs.values()) == {SENTINEL}
    assert fn.inputs["memorySize"] == 128


@pytest.mark.parametrize(("old", "new"), [("story:", "tale:"), ("analyze: {}", "up: {}"), ("expected:", "verdict:")])
def test_a_file_with_other_keys_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValueError, match="topology"):
        topology(TEXT.replace(old, new))


def test_a_reference_to_nothing_is_an_error() -> None:
    broken: Topology = topology(TEXT.replace("${db.address}", "${db.adress}"))
    with pytest.raises(KeyError):
        broken.shown("analyze")
