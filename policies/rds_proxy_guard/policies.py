"""Thin adapters between Pulumi's policy SDK and the rules: the only place that touches the SDK's objects."""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from pulumi_policy import ReportViolation, ResourceValidationArgs, StackValidationArgs
from pulumi_policy.proxy import UnknownValueError

from .facts import Facts, facts_of
from .graph import Finding, Graph, Node
from .resources import INSPECTED
from .values import plain

# The engine takes 4 MiB in answer to a whole stack; a finding is below 1 KiB.
_MOST_FINDINGS = 200
_LONGEST_MESSAGE = 900

ResourceRule = Callable[[str, str, dict[str, Any], dict[str, Any]], list[Finding]]
StackRule = Callable[[Graph, dict[str, Any]], list[Finding]]


class Memory:
    """Facts of the resource stage, by URN, for the stack stage of the same operation."""

    def __init__(self) -> None:
        self._facts: dict[str, Facts] = {}
        self._lock = threading.Lock()

    def learn(self, urn: str, facts: Facts | None) -> None:
        """Remember the facts of one resource."""
        if facts is not None:
            with self._lock:
                self._facts[urn] = facts

    def recall(self, urn: str) -> Facts | None:
        """What was remembered, if anything."""
        with self._lock:
            return self._facts.get(urn)


def resource_validation(
    tokens: frozenset[str], rule: ResourceRule, memory: Memory
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    """A resource policy's `validate`: other types are "not applicable", so that compliance figures are honest."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        if args.resource_type not in tokens:
            args.not_applicable("not a type this policy inspects")  # raises the SDK's own private error

        def judge() -> list[Finding]:
            properties = plain(args.props)
            memory.learn(args.urn, facts_of(args.resource_type, properties))
            return rule(args.urn, args.resource_type, properties, dict(args.get_config()))

        for finding in guarded(judge):
            report(finding.text, None)

    return validate


def stack_validation(rule: StackRule, memory: Memory) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """A stack policy's `validate`."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        for finding in guarded(lambda: rule(_graph(args, memory), dict(args.get_config()))):
            report(finding.text, finding.urn or None)

    return validate


def guarded(judge: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Findings, capped; an error of our own becomes a finding too, by type only: its text may hold secrets."""
    try:
        found = sorted(judge(), key=lambda finding: (finding.urn, finding.text))
    except UnknownValueError:
        raise  # the SDK shows it as advisory; every read goes through `plain`, so this is never reached
    except Exception as error:
        return [
            Finding(
                "",
                f"This policy failed inside ({type(error).__name__}) and cannot judge. Set it to advisory or disabled "
                "in the policy group's configuration, and report it.",
            )
        ]
    shown = [Finding(finding.urn, finding.text[:_LONGEST_MESSAGE]) for finding in found[:_MOST_FINDINGS]]
    if len(found) > _MOST_FINDINGS:
        shown.append(Finding("", f"… and {len(found) - _MOST_FINDINGS} more findings of this policy."))
    return shown


def _graph(args: StackValidationArgs, memory: Memory) -> Graph:
    return Graph(
        Node(
            urn=resource.urn,
            token=resource.resource_type,
            properties=plain(resource.props) if resource.resource_type in INSPECTED else {},
            parent=resource.parent.urn if resource.parent else None,
            feeds={
                name: frozenset(dependency.urn for dependency in dependencies)
                for name, dependencies in resource.property_dependencies.items()
            }
            if resource.resource_type in INSPECTED
            else {},
            facts=memory.recall(resource.urn),
        )
        for resource in args.resources
    )
