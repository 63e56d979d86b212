"""Thin adapters between Pulumi's policy SDK and the rules: the only place that touches the SDK's objects."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

from pulumi_policy import PolicyResource, ReportViolation, ResourceValidationArgs, StackValidationArgs

from .advisory import at_advisory_level
from .configuration import Configuration
from .graph import Finding, Graph, Node, Other
from .memory import Memory
from .mistakes import Reader, mistakes
from .properties import properties
from .resources import Kind, is_terraforms, kind_of, terraforms_name
from .rule import ResourceRule, StackRule
from .values import UNKNOWN, Json

# The engine takes 4 MiB in answer to a whole stack; a finding is below 2 KiB.
_MOST_FINDINGS = 200
_LONGEST_MESSAGE = 900


def today() -> date:
    """The day by which exemptions expire."""
    return datetime.now(UTC).date()


def resource_validation(
    rule: ResourceRule, memory: Memory, reader: Reader
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    """A resource policy's `validate`: other types are "not applicable", so that compliance figures are honest."""

    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        token, urn, config = args.resource_type, args.urn, reader.read(args.get_config())
        kind = kind_of(token)
        if kind is None:
            args.not_applicable("not a type this policy inspects")  # raises the SDK's own private error

        def judge() -> list[Finding]:
            # Any of the policies may be disabled, so each asks for the inputs of every type that some policy inspects.
            inputs = memory.inputs(urn, token, reader=reader, read=lambda: properties(args.props, token))
            if kind not in rule.kinds:
                return []
            found = rule.judge(Node(urn=urn, token=token, show=dict, inputs=inputs), config, memory)
            return exempted(found, [urn], config)

        say(guarded(judge), report)
        if kind not in rule.kinds:
            args.not_applicable("not a type this policy inspects")

    return validate


def stack_validation(
    rule: StackRule, memory: Memory, reader: Reader
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """A stack policy's `validate`; a stack with nothing that is judged is "not applicable"."""
    kinds = frozenset({rule.judged, *rule.read})

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        config = reader.read(args.get_config())
        if not any(kind_of(resource.resource_type) is rule.judged for resource in args.resources):
            args.not_applicable("nothing in this stack that this policy inspects")

        def judge() -> list[Finding]:
            graph = _graph(args, kinds, memory)
            return exempted(rule.judge(graph, config), graph.nodes, config)

        say(guarded(judge), report)

    return validate


def configuration_validation(readers: list[Reader]) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """The `validate` of the policy that comes last: by then every other one has been told its configuration."""

    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        urns = [resource.urn for resource in args.resources]
        found = guarded(lambda: [Finding("", text, decided=False) for text in mistakes(readers, urns)])
        say([replace(each, decided=False) for each in found], report)

    return validate


def exempted(found: Iterable[Finding], urns: Iterable[str], config: Configuration) -> list[Finding]:
    """The findings that no exemption covers; an expired exemption is reported with what it covered, or alone."""
    if not config.exemptions:
        return list(found)
    left = []
    now = today()
    for finding in found:
        matching = config.exempting.of(finding.urn)
        if all(exemption.expired(now) for exemption in matching):
            notes = [f" Its exemption ({each.reason}) expired on {each.expires}." for each in matching]
            left.append(Finding(finding.urn, finding.text + "".join(notes), finding.decided))
    reported = {finding.urn for finding in left}
    left += [
        Finding(urn, f"Its exemption ({each.reason}) expired on {each.expires}: renew or remove it.", decided=False)
        for urn in urns
        if urn not in reported
        for each in config.exempting.of(urn)
        if each.expired(now)
    ]
    return left


def guarded(judge: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Findings, capped; an error of our own becomes a finding too, by type only: its text may hold secrets."""
    try:
        found = sorted(judge(), key=lambda finding: (not finding.decided, finding.urn, finding.text))
    except Exception as error:
        return [
            Finding(
                "",
                f"This policy failed inside ({type(error).__name__}) and cannot judge. Set it to advisory or disabled "
                "in the policy group's configuration, and report it.",
            )
        ]
    shown = [Finding(each.urn, each.text[:_LONGEST_MESSAGE], each.decided) for each in found[:_MOST_FINDINGS]]
    if len(found) > _MOST_FINDINGS:
        rest = found[_MOST_FINDINGS:]
        decided = any(finding.decided for finding in rest)
        shown.append(Finding("", f"… and {len(rest)} more findings of this policy.", decided))
    return shown


def say(found: Iterable[Finding], report: ReportViolation) -> None:
    """Report findings: what is decided at the policy's level, what is not at advisory level."""
    for finding in found:
        reporter = report if finding.decided else at_advisory_level(report)
        if reporter is not None:
            reporter(finding.text, finding.urn or None)


def _outputs(resource: PolicyResource) -> Json:
    # While a provider's own configuration is unknown, the engine hands out an empty map.
    return properties(resource.props, resource.resource_type) or UNKNOWN


def _fed_by(resource: PolicyResource, name: str) -> list[str]:
    stated = terraforms_name(name) if is_terraforms(resource.resource_type) else name
    return [dependency.urn for dependency in resource.property_dependencies.get(stated, ())]


def _all_feeding(resource: PolicyResource) -> list[str]:
    return [dependency.urn for each in resource.property_dependencies.values() for dependency in each]


def _graph(args: StackValidationArgs, kinds: frozenset[Kind], memory: Memory) -> Graph:
    nodes = [
        Node(
            urn=resource.urn,
            token=resource.resource_type,
            show=partial(_outputs, resource),
            inputs=memory.recall(resource.urn),
            fed_by=partial(_fed_by, resource),
        )
        for resource in args.resources
        if kind_of(resource.resource_type) in kinds
    ]

    def everything() -> Iterable[Other]:
        return (
            Other(
                urn=resource.urn,
                token=resource.resource_type,
                parent=resource.parent.urn if resource.parent else None,
                fed_by=partial(_all_feeding, resource),
            )
            for resource in args.resources
        )

    return Graph(nodes, everything)
