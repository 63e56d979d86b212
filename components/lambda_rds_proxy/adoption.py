"""Adoption: what was made elsewhere becomes this stack's by Pulumi's own import, and stays as it is.

Pulumi imports a resource and, in the same run, brings it to what the program states. So whatever differs is refused
with a sentence first, unless the adoption names it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pulumi
from pulumi.output import Unknown

from .settings.reading import shown
from .settings.spelling import SPELLING, Spelling, camel_case
from .stack.args import StackSettings

# What AWS does not tell of a resource (terraform-provider-aws calls them virtual attributes): the first update after
# the import writes them into the state and nowhere else.
_UNTOLD = frozenset(
    {
        *("applyImmediately", "skipFinalSnapshot", "finalSnapshotIdentifier", "deleteAutomatedBackups"),
        *("allowMajorVersionUpgrade", "skipDestroy"),
    }
)
# What is taken away when a program does not state it; all else that is left out stays as AWS has it.
_TAKEN_AWAY = (
    *("tags", "maxAllocatedStorage", "enabledCloudwatchLogsExports", "monitoringInterval", "deletionProtection"),
    *("iamDatabaseAuthenticationEnabled", "auths"),
)
# The setting that decides a property of AWS, where the two names differ.
_DECIDED_BY: Mapping[str, str] = {
    "allocatedStorage": "database.storage_gib",
    "backupRetentionPeriod": "database.backup_retention_days",
    "dbSubnetGroupName": "adopted.database.subnet_group_name",
    "debugLogging": "proxy.debug_logging_until",
    "defaultAuthScheme": "user.auth",
    "deletionProtection": "stack.profile",
    "enabledCloudwatchLogsExports": "stack.profile",
    "iamDatabaseAuthenticationEnabled": "user.auth",
    "kmsKeyId": "stack.kms_key_arn",
    "masterUserSecretKmsKeyId": "stack.kms_key_arn",
    "multiAz": "stack.profile",
    "performanceInsightsEnabled": "database.performance_insights",
    "retentionInDays": "stack.log_retention_days",
}
# What the imports of this program would change, as its preview found it.
_REFUSED: ContextVar[list[str] | None] = ContextVar("_REFUSED", default=None)


@contextmanager
def refusing_imports() -> Iterator[Callable[[pulumi.Output[Any]], None]]:
    """Around what may be imported: gives a function that lets a preview fail once an output of the last of it is known.

    So a preview says all that the imports would change, of all parts of a whole, before it fails.
    """
    outer = _REFUSED.get()
    found: list[str] = []
    token = _REFUSED.set(found if outer is None else outer)

    def check(_: object) -> None:
        if found:  # of a part nothing is: the whole fails
            raise pulumi.RunError(f"{len(found)} properties would be changed by an import; each is said above")

    def fail_preview_after(last: pulumi.Output[Any]) -> None:
        last.apply(check, run_with_unknowns=True)

    try:
        yield fail_preview_after
    finally:
        _REFUSED.reset(token)


def adopting(
    part: str,
    name: str,
    import_id: str,
    changes: Sequence[str] | None,
    opts: pulumi.ResourceOptions,
    *,
    settings: type[Any],
    called: str | None = None,
) -> pulumi.ResourceOptions:
    """`opts`, with which a resource is imported and protected, or `opts` themselves when nothing is to be imported.

    Pulumi forgets what a resource was imported by when the same run updates it, and from then on looks at its id: one
    that is imported by anything else is imported again by the next run, which replaces what was adopted.

    Args:
        part: database or proxy, as the configuration calls it.
        name: unique among the imported resources of the program.
        import_id: what the provider imports it by, which must also be the id that it gives it.
        changes: properties that may change; None when it is not to be imported, or is imported already.
        opts: what the resource has in any case.
        settings: the part's settings, which decide most of its properties.
        called: how sentences call it, where nobody knows it by its id.
    """
    if changes is None:
        return opts
    call, refused, known_as = SPELLING.get().of(part), _REFUSED.get(), called or import_id

    def stay_as_it_is(args: pulumi.ResourceHookArgs) -> None:
        found = list(
            differences(part, args.old_outputs or {}, args.new_inputs or {}, changes, settings=settings, call=call)
        )
        if not pulumi.runtime.is_dry_run() and found:
            raise ValueError(f"{known_as} would be changed by its import: " + "; ".join(found))
        for sentence in found:  # a preview goes on, so that all of it is said at once
            pulumi.log.error(f"{known_as}: {sentence}")
        if refused is not None:
            refused.extend(found)

    hook = pulumi.ResourceHook(f"adopt-{name}", stay_as_it_is, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceOptions.merge(
        opts,
        # Protected until the key is gone: what cannot be changed in place must not be replaced by something empty.
        pulumi.ResourceOptions(import_=import_id, protect=True, hooks=pulumi.ResourceHookBinding(before_update=[hook])),
    )


def differences(
    part: str,
    there: Mapping[str, Any],
    here: Mapping[str, Any],
    changes: Sequence[str],
    *,
    settings: type[Any],
    call: Spelling,
) -> Iterator[str]:
    """A sentence for each property that the program states otherwise than AWS has it, with what to set.

    Args:
        part: database or proxy, as the configuration calls it.
        there: the resource's outputs as the provider read them.
        here: what the program states, as the provider checked it.
        changes: properties that may differ, with or without the name of what is in them.
        settings: the part's settings.
        call: how whoever reads it calls settings.
    """
    allowed = call(f"import_changes.{part}")
    stated = {**dict.fromkeys(each for each in _TAKEN_AWAY if each in there), **here}
    for prop, old, new in _properties(there, stated):
        if prop.startswith("__") or prop in _UNTOLD or {prop, prop.split(".")[0]} & set(changes):
            continue
        if prop == "manageMasterUserPassword":
            if not there.get("masterUserSecrets"):
                yield (
                    "RDS does not manage the password of its master user and would change it; see who logs in with it, "
                    f"then name {prop} under {allowed}"
                )
        elif not _same(old, new) or (prop == "tags" and not _same(new, old)):
            decided_by = _decided_by(part, prop, settings)
            way = f"set {call(decided_by)} to leave it, or" if decided_by else "this program decides it:"
            yield f"{prop} is {_word(old)} there and {_word(new)} here; {way} name {prop} under {allowed}"


def _decided_by(part: str, prop: str, settings: type[Any]) -> str | None:
    """The setting that decides a property: mostly the one of its name."""
    if prop == "vpcSecurityGroupIds" and part == "database":
        return "adopted.database.security_group_ids"
    if prop in _DECIDED_BY:
        return _DECIDED_BY[prop]
    for owner, declared in ((part, settings), ("stack", StackSettings)):
        for field in declared.__annotations__:
            if camel_case(field) == prop.rsplit(".", 1)[-1]:
                return f"{owner}.{field}"
    return None


def _properties(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[tuple[str, Any, Any]]:
    """(name, there, here) of every property that is stated, those of a settings block one by one."""
    for name, new in sorted(here.items()):
        old = there.get(name)
        if isinstance(new, Mapping) and name != "tags":
            block = old if isinstance(old, Mapping) else {}
            yield from ((f"{name}.{each}", block.get(each), value) for each, value in sorted(new.items()))
        else:
            yield name, old, new


def _same(old: Any, new: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether AWS has what is stated: lists in any order, and of entries only what is stated of each."""
    if isinstance(old, pulumi.Output | Unknown) or isinstance(new, pulumi.Output | Unknown):
        return False  # a secret, or not known yet
    if isinstance(new, list) and isinstance(old, list):
        left = list(old)
        for each in new:
            match = next((index for index, before in enumerate(left) if _same(before, each)), None)
            if match is None:
                return False
            del left[match]
        return not left
    if isinstance(new, Mapping) and isinstance(old, Mapping):
        return all(_same(old.get(key), value) for key, value in new.items())
    if not old or not new:
        return not old and not new  # AWS, or the provider, leaves out what is false or empty
    return old == new or str(old) == str(new)


def _word(value: Any) -> str:  # noqa: ANN401 - JSON
    if isinstance(value, Unknown):
        return "made by this run"
    if isinstance(value, pulumi.Output):
        return "a secret"
    if value is None or value in ("", [], {}):
        return "nothing"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_word(each)}" for key, each in sorted(value.items())) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_word(each) for each in value) + "]"
    if isinstance(value, str):
        return shown(value)
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
