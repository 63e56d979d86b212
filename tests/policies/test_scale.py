"""What the pack does grows with the resources and dependencies of a stack, no faster: steps are counted, not time."""

import sys
from types import FrameType

import pytest
from pulumi.runtime import proto
from pulumi_policy.policy import _PolicyAnalyzerServicer

from bench.shapes import SHAPES, Stack
from rds_proxy_guard.pack import build


def size(stack: Stack) -> int:
    """Resources and dependencies, each of which the SDK looks at a few times."""
    edges = sum(len(fed.urns) for each in stack.whole.resources for fed in each.propertyDependencies.values())
    return len(stack.requests) + edges


def steps(stack: Stack, exemptions: int = 0) -> int:
    """How many calls all policies make for a stack, in Python and in C."""
    pack = build()
    servicer = _PolicyAnalyzerServicer(pack["name"], "0", pack["policies"], pack["enforcement_level"])
    config = proto.PolicyConfig(enforcementLevel=proto.EnforcementLevel.Value("MANDATORY"))
    config.properties["exemptions"] = [
        {"urn": f"urn:pulumi:*::shop::*::gone{index}", "reason": "r", "expires": "2099-12-31"}
        for index in range(exemptions)
    ]
    names = [policy.name for policy in pack["policies"] if policy.config_schema]
    servicer.Configure(proto.ConfigureAnalyzerRequest(policyConfig=dict.fromkeys(names, config)), None)  # type: ignore[no-untyped-call]
    made = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal made
        made += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        for request in stack.requests:
            servicer.Analyze(request, None)  # type: ignore[no-untyped-call]
        found = servicer.AnalyzeStack(stack.whole, None)  # type: ignore[no-untyped-call]
    finally:
        sys.setprofile(None)
    assert not any("failed inside" in each.message for each in found.diagnostics)
    return made


@pytest.mark.parametrize("shape", SHAPES)
def test_four_times_the_stack_takes_no_more_steps_for_each_of_its_parts(shape: str) -> None:
    make, _ = SHAPES[shape]
    small, large = make(40), make(160)
    assert steps(large) / size(large) < 1.3 * steps(small) / size(small)


def test_a_chain_of_thousands_of_parents_ends() -> None:
    make, _ = SHAPES["parents in a chain"]
    assert steps(make(3_000)) > 0


def test_four_times_the_variables_of_a_function_take_four_times_the_steps() -> None:
    def one_function(count: int) -> Stack:
        stack = Stack()
        hosts = {f"REGION{index}_DB_HOST": "orders.abc123def456.eu-west-1.rds.amazonaws.com" for index in range(count)}
        stack.add("aws:lambda/function:Function", "fn", {"environment": {"variables": hosts}})
        return stack

    assert steps(one_function(400)) < 5 * steps(one_function(100))


def test_exemptions_of_other_resources_cost_nothing_for_each_resource() -> None:
    make, _ = SHAPES["databases of one identifier"]
    few, many = (steps(make(300), exemptions=count) - steps(make(10), exemptions=count) for count in (1, 200))
    assert many < 1.3 * few
