"""Topologies of public programs as files, and what the engine would show the pack of each: at preview and at analyze.

A file names its source, its resources and the expected verdicts. In inputs, `${resource.property}` stands for another
resource's property: an input of it, or one of its `outputs`, which are unknown until the resource is made. From these
references the loader derives what a Pulumi program's outputs carry: the property dependencies, the unknowns of a first
preview, and the values of a finished stack.

Keys of a resource: `type`; `inputs`; `outputs` (what the provider computes); `read` (a `.get()` or a StackReference:
absent from previews, known at once); `parent`; `feeds` (dependencies beyond those of the references, by property).
Keys of a file: `source`, `story`, `resources`, `config` (of the policies), `expected`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.policies.analyzed import SENTINEL, Resource, Verdict, analyze, secret

CORPUS = Path(__file__).parent / "corpus"
STAGES = ("preview", "analyze")
_REFERENCE = re.compile(r"\$\{([^}]+)\}")
_UNDECIDED = " (undecided)"


@dataclass(frozen=True)
class SecretValue:
    """A value marked `!secret` in a file."""

    value: Any


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """SafeLoader with `!secret`."""


_Loader.add_constructor("!secret", lambda loader, node: SecretValue(loader.construct_scalar(node)))


@dataclass(frozen=True)
class Topology:
    """One file of the corpus."""

    name: str
    source: str
    story: str
    resources: Mapping[str, Mapping[str, Any]]
    config: Mapping[str, Mapping[str, Any]]
    expected: Mapping[str, Mapping[str, list[str]]]

    def shown(self, stage: str) -> list[Resource]:
        """The resources as the engine shows them at a stage, dependencies first."""
        return list(_Shown(self, stage).resources().values())

    def verdicts(self, stage: str) -> list[Verdict]:
        """What the pack reports."""
        return analyze(self.shown(stage), config=self.config)

    def wanted(self, stage: str) -> set[tuple[str, str]]:
        """(policy, resource) of every expected report; an undecided one says so in its second part."""
        return {(policy, each) for policy, names in self.expected[stage].items() for each in names}


def topology(text: str, name: str = "topology") -> Topology:
    """Read one file's text.

    Raises:
        ValueError: a key is missing or unknown.
    """
    read = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
    missing = {"source", "story", "resources", "expected"} - set(read)
    unknown = set(read) - {"source", "story", "resources", "config", "expected"}
    if missing or unknown or set(read["expected"]) != set(STAGES):
        raise ValueError(f"{name}: missing {sorted(missing)}, unknown {sorted(unknown)}, stages must be {STAGES}")
    return Topology(
        name=name,
        source=read["source"],
        story=read["story"],
        resources=read["resources"],
        config=read.get("config", {}),
        expected={stage: read["expected"][stage] or {} for stage in STAGES},
    )


def corpus() -> list[Topology]:
    """All files, by name."""
    return [topology(path.read_text(), path.stem) for path in sorted(CORPUS.glob("*.yaml"))]


def reported(verdicts: list[Verdict]) -> dict[tuple[str, str], str]:
    """(policy, resource) → message. A mandatory policy that speaks at advisory level is undecided."""
    advisory = {"lambda-connection-pool", "lambda-proxy-pinning", "rds-proxy-network"}
    return {
        (each.policy, each.name + ("" if each.blocks or each.policy in advisory else _UNDECIDED)): each.message
        for each in verdicts
    }


class _Shown:
    """One topology at one stage."""

    def __init__(self, of: Topology, stage: str) -> None:
        self._declared, self._preview = of.resources, stage == "preview"

    def resources(self) -> dict[str, Resource]:
        shown: dict[str, Resource] = {}
        for name, declared in self._declared.items():
            if declared.get("read") and self._preview:
                continue  # neither stage of a preview sees it
            inputs = {key: self._value(item) for key, item in (declared.get("inputs") or {}).items()}
            shown[name] = Resource(
                declared["type"], name, _wire(inputs), self._outputs(name, inputs), read=bool(declared.get("read"))
            )
        for name, resource in shown.items():
            declared = self._declared[name]
            resource.parent = shown.get(declared.get("parent", ""))
            resource.feeds = {
                key: [shown[each] for each in sorted(used) if each in shown] for key, used in self._feeds(declared)
            }
        return shown

    def _outputs(self, name: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        declared = self._declared[name]
        computed = {"id": f"{name}-id", "arn": self._arn(name), **(declared.get("outputs") or {})}
        if not self._preview or declared.get("read"):
            return _wire({**inputs, **{key: self._value(item) for key, item in computed.items()}})
        # Unknown-ness is promoted to the whole property; aws-native calls every output computed.
        native = declared["type"].startswith("aws-native:")
        echoed = {key: SENTINEL if native or _holds_unknown(item) else item for key, item in inputs.items()}
        if ":" not in declared["type"] or declared["type"].split(":", 1)[0] not in ("aws", "aws-native"):
            return _wire(inputs)  # a component: the engine knows nothing of its outputs
        return _wire({**echoed, **dict.fromkeys(computed, SENTINEL)})

    def _value(self, value: Any) -> Any:
        if isinstance(value, SecretValue):
            return SecretValue(self._value(value.value))
        if isinstance(value, Mapping):
            return {key: self._value(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return self._of(whole[1])
        parts = [self._of(reference) for reference in _REFERENCE.findall(value)]
        if any(_plain(part) == SENTINEL for part in parts):
            return SENTINEL
        text = _REFERENCE.sub(lambda match: str(_plain(self._of(match[1]))), value)
        # One secret part makes the whole text secret.
        return SecretValue(text) if any(isinstance(part, SecretValue) for part in parts) else text

    def _of(self, reference: str) -> Any:
        name, *path = reference.split(".")
        declared = self._declared[name]
        computed = {"id": f"{name}-id", "arn": self._arn(name), **(declared.get("outputs") or {})}
        if path[0] in computed:
            if self._preview and not declared.get("read"):
                return SENTINEL
            found = computed[path[0]]
        else:
            found = declared["inputs"][path[0]]
        for key in path[1:]:
            found = found[int(key) if isinstance(found, list) else key]
        return self._value(found)

    def _feeds(self, declared: Mapping[str, Any]) -> Iterator[tuple[str, set[str]]]:
        extra = declared.get("feeds", {})
        inputs = declared.get("inputs") or {}
        for key in {*inputs, *extra}:
            used = set(self._used(inputs.get(key))) | set(extra.get(key, ()))
            if used:
                yield key, used

    def _used(self, value: Any) -> Iterator[str]:
        """The resources that a value refers to."""
        if isinstance(value, SecretValue):
            yield from self._used(value.value)
        elif isinstance(value, Mapping):
            for item in value.values():
                yield from self._used(item)
        elif isinstance(value, list):
            for item in value:
                yield from self._used(item)
        elif isinstance(value, str):
            yield from (reference.split(".")[0] for reference in _REFERENCE.findall(value))

    @staticmethod
    def _arn(name: str) -> str:
        return f"arn:aws:service:eu-west-1:123456789012:{name}"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, SecretValue) else value


def _holds_unknown(value: Any) -> bool:
    value = _plain(value)
    if isinstance(value, Mapping):
        return any(_holds_unknown(item) for item in value.values())
    if isinstance(value, list):
        return any(_holds_unknown(item) for item in value)
    return bool(value == SENTINEL)


def _wire(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as they travel."""

    def wire(value: Any) -> Any:
        if isinstance(value, SecretValue):
            return secret(wire(value.value))
        if isinstance(value, Mapping):
            return {key: wire(item) for key, item in value.items()}
        return [wire(item) for item in value] if isinstance(value, list) else value

    return {key: wire(item) for key, item in properties.items()}
