"""A stack's state as a file: what `pulumi stack export` writes, its deployment alone, or a backend's checkpoint."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rds_proxy_guard.properties import plain

# sdk/go/common/resource/properties.go: SigKey and SecretSig.
_SIGNATURE_KEY, _SECRET_SIGNATURE = "4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270"
# What `pulumi policy analyze` itself puts in place of a secret that it cannot decrypt; the pack takes it for unknown.
_REDACTED = "[secret]"
_GZIP = b"\x1f\x8b"


class UnreadableError(ValueError):
    """A file is no stack's state, or could not be analyzed; the message is one sentence without the file's name."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of a state; an encrypted value is the pack's `UNKNOWN`."""

    urn: str
    token: str
    inputs: Mapping[str, Any] = field(repr=False)
    outputs: Mapping[str, Any] = field(repr=False)
    # Property → URNs of the resources that its value depends on.
    feeds: Mapping[str, frozenset[str]] = field(repr=False)

    @property
    def name(self) -> str:
        """The last part of its URN."""
        return self.urn.rsplit("::", 1)[-1]


@dataclass(frozen=True, kw_only=True)
class Export:
    """One stack's state."""

    stack: str
    resources: tuple[Resource, ...]
    # In the form that `pulumi policy analyze --file` takes, whatever form the file had, without a secrets provider:
    # a survey decrypts nothing, so it needs no passphrase, no key service and no network.
    document: Mapping[str, Any] = field(repr=False)
    text: str = field(repr=False)

    def line_of(self, urn: str) -> int:
        """The line of the file, from 1, on which a resource's URN first stands; 1 when it does not."""
        at = self.text.find(json.dumps(urn))
        if at < 0:
            at = self.text.find(json.dumps(urn, ensure_ascii=False))
        return self.text.count("\n", 0, max(at, 0)) + 1


def read_export(path: Path) -> Export:
    """Read a file in any of the three forms, gzipped or not.

    Raises:
        UnreadableError: it cannot be read, is no JSON, or is no stack's state.
    """
    try:
        content = path.read_bytes()
        if content.startswith(_GZIP):
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
        document = json.loads(text)
    except OSError as error:
        raise UnreadableError(f"it cannot be read: {error.strerror or type(error).__name__}") from None
    except (EOFError, ValueError, RecursionError) as error:
        # The text of a JSON error names a position, never a value.
        position = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableError(f"it is no JSON{position}; write it with `pulumi stack export --file`") from None
    version, deployment = _deployment(document)
    deployment = _readable({name: value for name, value in deployment.items() if name != "secrets_providers"})
    return Export(
        stack=_stack(deployment, path),
        resources=tuple(_resources(deployment)),
        document={"version": version, "deployment": deployment},
        text=text,
    )


def _deployment(document: object) -> tuple[Any, dict[str, Any]]:
    """(format version, deployment) of whichever form this is."""
    if isinstance(document, dict):
        checkpoint = document.get("checkpoint")
        inner = checkpoint.get("latest") if isinstance(checkpoint, dict) else document.get("deployment")
        for found in (inner, document):
            if isinstance(found, dict) and ("resources" in found or "manifest" in found):
                return document.get("version", 3), found
        if isinstance(checkpoint, dict) and inner is None:  # a stack that was made and never updated
            return document.get("version", 3), {"manifest": {}, "resources": []}
    raise UnreadableError("it is no stack's state; write it with `pulumi stack export --file`")


def _listed(deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = deployment.get("resources") or []
    if not isinstance(listed, list):
        raise UnreadableError("its `resources` are no list; write it with `pulumi stack export --file`")
    for number, each in enumerate(listed):
        if not (isinstance(each, dict) and isinstance(each.get("urn"), str) and isinstance(each.get("type"), str)):
            raise UnreadableError(f"resource {number} has no urn and type; write it with `pulumi stack export --file`")
    return listed


def _stack(deployment: Mapping[str, Any], path: Path) -> str:
    """`project/stack` as every URN has it; the file's name for a stack without resources."""
    for each in _listed(deployment):
        parts = each["urn"].split("::")
        if len(parts) >= 4 and parts[0].startswith("urn:pulumi:"):
            return f"{parts[1]}/{parts[0].removeprefix('urn:pulumi:')}"
    return path.name


def _resources(deployment: Mapping[str, Any]) -> Iterator[Resource]:
    for each in _listed(deployment):
        if not each.get("delete"):  # replaced already, and only waiting to be deleted
            yield Resource(
                urn=each["urn"],
                token=each["type"],
                inputs=_properties(each.get("inputs")),
                outputs=_properties(each.get("outputs")),
                feeds=_feeds(each.get("propertyDependencies")),
            )


def _feeds(value: object) -> dict[str, frozenset[str]]:
    stated = value if isinstance(value, dict) else {}
    return {name: frozenset(map(str, urns)) for name, urns in stated.items() if isinstance(urns, list)}


def _properties(value: object) -> dict[str, Any]:
    read = plain(value)
    return read if isinstance(read, dict) else {}


def _readable(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Encrypted secrets redacted; those of an export with `--show-secrets` as the values they are."""
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
        try:
            return _readable(json.loads(value["plaintext"]))
        except (KeyError, TypeError, ValueError):
            return _REDACTED
    return {name: _readable(item) for name, item in value.items()}
