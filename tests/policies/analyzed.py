"""Runs the whole pack over a described stack through the SDK's own servicer: real protobuf, unknowns, secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from google.protobuf import struct_pb2
from pulumi.runtime import proto
from pulumi.runtime.rpc import UNKNOWN as SENTINEL
from pulumi_policy.policy import _PolicyAnalyzerServicer

from rds_proxy_guard import pack as guard
from rds_proxy_guard.pack import build

SECRET_KEY, SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"


def secret(value: Any) -> dict[str, Any]:
    """A secret as it travels on the wire."""
    return {SECRET_KEY: SECRET_SIGNATURE, "value": value}


@dataclass
class Resource:
    """One resource: inputs for the resource stage, outputs (inputs unless given) for the stack stage."""

    token: str
    name: str
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None = None
    feeds: Mapping[str, list["Resource"]] = field(default_factory=dict)
    parent: "Resource | None" = None
    read: bool = False

    @property
    def urn(self) -> str:
        """Its URN."""
        return f"urn:pulumi:dev::shop::{self.token}::{self.name}"


@dataclass(frozen=True)
class Verdict:
    """One reported violation."""

    policy: str
    name: str
    message: str
    level: str = "mandatory"

    @property
    def blocks(self) -> bool:
        """Whether it stops the operation."""
        return self.level == "mandatory"


def analyze(
    resources: list[Resource],
    *,
    config: Mapping[str, Mapping[str, Any]] | None = None,
    stages: str = "both",
    level: str | None = None,
    servicer: Any = None,
) -> list[Verdict]:
    """What the pack reports for a stack; a fresh pack each time, as every operation starts a process of its own."""
    pack = build()
    levels = {policy.name: policy.enforcement_level or pack["enforcement_level"] for policy in pack["policies"]}
    servicer = servicer or _PolicyAnalyzerServicer(pack["name"], "0.1.0", pack["policies"], pack["enforcement_level"])
    if config:
        servicer.Configure(
            proto.ConfigureAnalyzerRequest(
                policyConfig={
                    name: proto.PolicyConfig(
                        enforcementLevel=proto.EnforcementLevel.Value((level or levels[name].name).upper()),
                        properties=_struct(values),
                    )
                    for name, values in config.items()
                }
            ),
            None,
        )
    diagnostics = []
    if stages in ("both", "resource"):
        for each in resources:
            if not each.read:
                request = proto.AnalyzeRequest(
                    type=each.token, urn=each.urn, name=each.name, properties=_struct(each.inputs)
                )
                diagnostics += [(each.urn, found) for found in servicer.Analyze(request, None).diagnostics]
    if stages in ("both", "stack"):
        whole = proto.AnalyzeStackRequest(resources=[_stack_resource(each) for each in resources])
        diagnostics += [(found.urn, found) for found in servicer.AnalyzeStack(whole, None).diagnostics]
    return [
        Verdict(
            found.policyName,
            urn.rsplit("::", 1)[-1],
            found.message,
            proto.EnforcementLevel.Name(found.enforcementLevel).lower(),
        )
        for urn, found in diagnostics
    ]


def judging(monkeypatch: pytest.MonkeyPatch, policy: str, judge: Any) -> None:
    """From now on another function judges for one policy."""
    rules = tuple(replace(rule, judge=judge) if rule.name == policy else rule for rule in guard.RULES)
    assert rules != guard.RULES
    monkeypatch.setattr(guard, "RULES", rules)


def policies(verdicts: list[Verdict]) -> set[str]:
    """The names of the policies that reported something."""
    return {verdict.policy for verdict in verdicts}


def messages(policy: str, verdicts: list[Verdict]) -> list[str]:
    """What one policy reported."""
    return [verdict.message for verdict in verdicts if verdict.policy == policy]


def blocking(verdicts: list[Verdict]) -> set[str]:
    """The names of the policies that stop the operation."""
    return {verdict.policy for verdict in verdicts if verdict.blocks}


def _stack_resource(each: Resource) -> Any:
    outputs = each.inputs if each.outputs is None else each.outputs
    dependencies = {fed.urn for group in each.feeds.values() for fed in group}
    return proto.AnalyzerResource(
        type=each.token,
        urn=each.urn,
        name=each.name,
        properties=_struct(outputs),
        parent=each.parent.urn if each.parent else "",
        dependencies=sorted(dependencies),
        propertyDependencies={
            name: proto.AnalyzerPropertyDependencies(urns=[fed.urn for fed in group])
            for name, group in each.feeds.items()
        },
    )


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(dict(values))
    return struct


__all__ = ["SENTINEL", "Resource", "Verdict", "analyze", "blocking", "judging", "messages", "policies", "secret"]
