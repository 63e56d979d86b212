"""The whole pack over topologies of public programs: what a reviewer would expect, and nothing else."""

import pytest

from rds_proxy_guard.pack import RULES
from tests.policies.topologies import STAGES, Topology, corpus, reported

TOPOLOGIES = corpus()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("topology", TOPOLOGIES, ids=lambda topology: topology.name)
def test_a_public_topology_gets_the_verdict_a_reviewer_expects(topology: Topology, stage: str) -> None:
    found = reported(topology.verdicts(stage))
    wanted = topology.wanted(stage)
    missed = [f"  not reported: {policy} for {name}" for policy, name in sorted(wanted - found.keys())]
    false = [
        f"  not expected: {policy} for {name}: {found[policy, name]}" for policy, name in sorted(found.keys() - wanted)
    ]
    lines = [f"{topology.name} at {stage} ({topology.source})", topology.story.strip(), *missed, *false]
    assert not missed + false, "\n".join(lines)


def test_the_corpus_is_large_and_every_topology_names_its_public_source() -> None:
    assert len(TOPOLOGIES) >= 35
    assert all(topology.source.startswith("https://") and len(topology.story) > 40 for topology in TOPOLOGIES)


def test_the_corpus_has_topologies_without_a_finding_and_rejects_with_every_policy() -> None:
    clean = [topology for topology in TOPOLOGIES if not any(topology.wanted(stage) for stage in STAGES)]
    assert len(clean) >= 12
    rejecting = {policy for topology in TOPOLOGIES for stage in STAGES for policy, _ in topology.wanted(stage)}
    assert rejecting == {rule.name for rule in RULES}


def test_every_expectation_names_a_resource_of_its_topology() -> None:
    for topology in TOPOLOGIES:
        for stage in STAGES:
            named = {name.removesuffix(" (undecided)") for _, name in topology.wanted(stage)}
            assert named <= set(topology.resources), topology.name
