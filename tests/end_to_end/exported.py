"""A stack as `pulumi stack export` writes it, for `pulumi policy analyze --file`."""

from typing import Any

from tests.policies.analyzed import Resource

_SECRET_KEY = "4dabf18193072939515e22adb298388d"


def exported(resources: list[Resource], *, stack: str = "dev", project: str = "shop") -> dict[str, Any]:
    """The export of a finished stack with these resources.

    Secrets are in plain text, as `--show-secrets` writes them.
    """
    root = f"urn:pulumi:{stack}::{project}::pulumi:pulumi:Stack::{project}-{stack}"
    packages = sorted({each.token.split(":")[0] for each in resources if _is_custom(each)})
    providers = {package: f"urn:pulumi:{stack}::{project}::pulumi:providers:{package}::default" for package in packages}
    states: list[dict[str, Any]] = [{"urn": root, "custom": False, "type": "pulumi:pulumi:Stack"}]
    states += [
        {"urn": urn, "custom": True, "id": f"id-{package}", "type": f"pulumi:providers:{package}", "parent": root}
        for package, urn in providers.items()
    ]
    states += [_state(each, root, providers) for each in resources]
    manifest = {"time": "2026-01-01T00:00:00Z", "magic": "", "version": "v3.250.0"}
    return {"version": 3, "deployment": {"manifest": manifest, "resources": states}}


def _state(each: Resource, root: str, providers: dict[str, str]) -> dict[str, Any]:
    package = each.token.split(":")[0]
    custom = _is_custom(each)
    outputs = each.inputs if each.outputs is None else each.outputs
    state: dict[str, Any] = {
        "urn": each.urn,
        "custom": custom,
        "type": each.token,
        "inputs": _shown(each.inputs),
        "outputs": _shown(outputs),
        "parent": each.parent.urn if each.parent else root,
        "dependencies": sorted({fed.urn for group in each.feeds.values() for fed in group}),
        "propertyDependencies": {name: [fed.urn for fed in group] for name, group in each.feeds.items()},
    }
    if custom:
        state |= {"id": f"{each.name}-id", "provider": f"{providers[package]}::id-{package}"}
    if each.read:
        state["external"] = True
    return state


def _is_custom(each: Resource) -> bool:
    return each.token.split(":")[0] in ("aws", "aws-native")


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        if _SECRET_KEY in value:
            return _shown(value["value"])
        return {key: _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value
