"""The provider protocol: checks, diffs, previews; hands what is really backed to `backed`, records the rest."""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from toolchain.checkout import checkout_cache, checkout_root

from . import ACCOUNT, DEFAULT_REGION, VERSION, arguments, functions, imports, limits, recorded
from .backed import BACKED
from .laptop import BackedError
from .properties import Properties, differ, from_struct, holds_unknown, promoted, to_struct
from .resource_types import ResourceType, resource_type

_DEFAULTS = "__defaults"
_LAMBDA = "aws:lambda/function:Function"


class RefusedError(ValueError):
    """This provider is not for that stack."""


class AutonamingError(ValueError):
    """The project's autonaming cannot be followed."""


def check_stack(config: Mapping[str, Any]) -> None:
    """Refuse any account but the laptop's and any backend but the checkout's own.

    Raises:
        RefusedError: with what to do.
    """
    accounts = config.get("allowedAccountIds")
    if isinstance(accounts, str):
        accounts = json.loads(accounts)
    if accounts != [ACCOUNT]:
        raise RefusedError(
            "this is the laptop's stand-in for the aws provider, and this stack is not the laptop's: its "
            f'aws:allowedAccountIds is {json.dumps(accounts)}, not ["{ACCOUNT}"]; for AWS use a shell without '
            "`make env`"
        )
    own = os.environ.get("LAMBDA_RDS_PROXY_BACKEND") or f"file://{checkout_cache(checkout_root()) / 'backend'}"
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    if backend != own:
        raise RefusedError(
            f"this is the laptop's stand-in for the aws provider, and the backend \"{backend}\" is not this checkout's "
            'own; run pulumi in a shell with `eval "$(make -s env)"`'
        )


class AwsServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider process. RPC names are the protocol's."""

    def __init__(self) -> None:
        self._region = DEFAULT_REGION
        self._default_tags: dict[str, str] = {}

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(
        self, request: provider_pb2.GetSchemaRequest, context: grpc.ServicerContext
    ) -> provider_pb2.GetSchemaResponse:
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": VERSION}))

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        config = from_struct(request.news)
        try:
            if not holds_unknown(config.get("allowedAccountIds")):
                check_stack(config)
        except RefusedError as refusal:
            return provider_pb2.CheckResponse(
                inputs=request.news, failures=[provider_pb2.CheckFailure(property="", reason=str(refusal))]
            )
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        moved = ["region"] if old.get("region") != new.get("region") else []
        changed = provider_pb2.DiffResponse.DIFF_SOME if differ(old, new) else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=changed, replaces=moved)

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        config = from_struct(request.args)
        try:
            check_stack(config)
        except RefusedError as refusal:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refusal))
        self._region = str(config.get("region", DEFAULT_REGION))
        tags = config.get("defaultTags", {})
        tags = json.loads(tags) if isinstance(tags, str) else tags
        self._default_tags = dict(tags.get("tags", {}))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        token = _token(request.urn)
        olds, news = from_struct(request.olds), from_struct(request.news)
        news.pop(_DEFAULTS, None)
        try:
            found = arguments.problems(token, news)
            inputs = _with_defaults(resource_type(token), olds, news, request)
            found += limits.problems(token, inputs)
        except (arguments.UnknownTypeError, AutonamingError) as error:
            inputs, found = news, [("", str(error))]
        failures = [provider_pb2.CheckFailure(property=where, reason=reason) for where, reason in found]
        return provider_pb2.CheckResponse(inputs=to_struct(inputs), failures=failures)

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        old = from_struct(request.old_inputs) or from_struct(request.olds)
        new = from_struct(request.news)
        ignored = set(request.ignoreChanges)
        token = _token(request.urn)
        # What a program leaves out and AWS fills in stays as it is: an import reads more than a program states.
        kept = arguments.computed_names(token) - new.keys()
        changed = sorted(
            key
            for key in (old.keys() | new.keys()) - {_DEFAULTS} - ignored - kept
            if differ(old.get(key), new.get(key))
        )
        row = resource_type(token)
        replaces = [key for key in changed if _replaces(key, row, new)]
        kinds = provider_pb2.PropertyDiff
        detailed = {key: kinds(kind=_kind(key, old, new, key in replaces), inputDiff=True) for key in changed}
        # A name that the program chose cannot stand twice, so the old resource goes first; the real provider does so.
        name = row.name or ""
        named = name in new and name not in new.get(_DEFAULTS, [])
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces) and named and not differ(old.get(name), new.get(name)),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        token, inputs = _token(request.urn), from_struct(request.properties)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=to_struct(self._previewed(token, inputs, {})))
        try:
            identifier, outputs = self._made(token, request.urn, inputs, {})
        except BackedError as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        return provider_pb2.CreateResponse(id=identifier, properties=to_struct(outputs))

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        token, inputs, olds = _token(request.urn), from_struct(request.news), from_struct(request.olds)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=to_struct(self._previewed(token, inputs, olds)))
        try:
            _, outputs = self._made(token, request.urn, inputs, olds)
        except BackedError as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        return provider_pb2.UpdateResponse(properties=to_struct(outputs))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        token, state = _token(request.urn), from_struct(request.properties)
        inputs = from_struct(request.inputs)
        backed = BACKED.get(token)
        if not state and (backed is None or imports.is_importable(token)):
            return self._imported(request, token, context)
        if backed is None:
            return provider_pb2.ReadResponse(id=request.id, properties=to_struct(state), inputs=to_struct(inputs))
        try:
            found = backed.read(request.id, state)
        except BackedError as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        if found is None:
            return provider_pb2.ReadResponse(id="")
        return provider_pb2.ReadResponse(
            id=request.id, properties=to_struct({**state, **found}), inputs=to_struct(inputs)
        )

    def _imported(
        self, request: provider_pb2.ReadRequest, token: str, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """What is to be imported, or read by its id: no state of this stack's knows it."""
        if not imports.is_importable(token):
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"{request.id} cannot be read: the laptop only records resources of type {token}, so nothing but the "
                "state of the stack that made one knows it",
            )
        try:
            there = imports.found(token, request.id)
            if there is None:
                return provider_pb2.ReadResponse(id="")
            identifier, given = there
            given = {**_told_defaults(resource_type(token)), **given}
            backed = BACKED.get(token)
            if backed is not None:
                found = backed.read(identifier, given)
            else:
                _, found = recorded.outputs(token, request.urn, given, resource_type(token), self._region)
        except BackedError as error:
            context.abort(grpc.StatusCode.INTERNAL, str(error))
        if found is None:
            return provider_pb2.ReadResponse(id="")
        known = arguments.output_names(token)
        whole = {"region": self._region, "tagsAll": self._all_tags(given), **given, **found}
        shown = {key: value for key, value in whole.items() if key in known}
        return provider_pb2.ReadResponse(id=identifier, properties=to_struct(shown), inputs=to_struct(given))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:
        backed = BACKED.get(_token(request.urn))
        if backed is not None:
            try:
                backed.delete(request.id, from_struct(request.properties))
            except BackedError as error:
                context.abort(grpc.StatusCode.INTERNAL, str(error))
        return empty_pb2.Empty()

    def Invoke(self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext) -> provider_pb2.InvokeResponse:
        try:
            result = functions.call(request.tok, from_struct(request.args), self._region)
        except ValueError as error:
            return provider_pb2.InvokeResponse(failures=[provider_pb2.CheckFailure(property="", reason=str(error))])
        return provider_pb2.InvokeResponse(**{"return": to_struct(result)})

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def _made(self, token: str, urn: str, inputs: Properties, olds: Properties) -> tuple[str, Properties]:
        """Make or update a resource for real, or record it: (id, outputs)."""
        given = {key: value for key, value in inputs.items() if key != _DEFAULTS}
        region = str(given.get("region", self._region))
        backed = BACKED.get(token)
        if backed is None:
            identifier, extra = recorded.outputs(token, urn, given, resource_type(token), region)
        else:
            identifier, extra = backed.apply(urn, given, olds, region)
        known = arguments.output_names(token)
        whole = {**given, "region": region, "tagsAll": self._all_tags(given), **extra}
        return identifier, {key: value for key, value in whole.items() if key in known}

    def _all_tags(self, inputs: Properties) -> dict[str, str]:
        return {**self._default_tags, **inputs.get("tags", {})}

    def _previewed(self, token: str, inputs: Properties, olds: Properties) -> Properties:
        """Outputs as AWS's provider shows them at preview: inputs with unknowns promoted, what is computed unknown."""
        shown = {key: promoted(value) for key, value in inputs.items() if key != _DEFAULTS}
        if token == _LAMBDA and holds_unknown(inputs.get("environment")):
            # terraform-provider-aws drops the whole block from the plan when a value in it is computed.
            shown["environment"] = UNKNOWN
        computed = {name: olds.get(name, UNKNOWN) for name in arguments.computed_names(token) if name not in shown}
        if "tagsAll" in computed and not holds_unknown(inputs.get("tags")):
            computed["tagsAll"] = self._all_tags(inputs)  # the real provider plans it
        return {**computed, **shown}


def _with_defaults(
    row: ResourceType, olds: Properties, news: Properties, request: provider_pb2.CheckRequest
) -> Properties:
    inputs, defaulted = dict(news), []
    for block, values in row.nested_defaults.items():
        if isinstance(inputs.get(block), dict):
            inputs[block] = {**values, **inputs[block]}
    for key, value in row.defaults.items():
        if key not in inputs:
            inputs[key] = value
            defaulted.append(key)
    if row.name and row.name not in inputs and f"{row.name}Prefix" not in inputs:
        kept = olds.get(row.name) if row.name in olds.get(_DEFAULTS, []) else None
        inputs[row.name] = kept or _automatic_name(row, request)
        defaulted.append(row.name)
    if defaulted:
        inputs[_DEFAULTS] = sorted(defaulted)
    return inputs


def _told_defaults(row: ResourceType) -> Properties:
    """What AWS answers of arguments that nobody ever gave."""
    return imports.tellable(dict(row.defaults))


def _automatic_name(row: ResourceType, request: provider_pb2.CheckRequest) -> str:
    """`<logical name>-<7 hex digits>`, or what the project's `pulumi:autonaming` says.

    Raises:
        AutonamingError: it says that there is to be none, or one that AWS does not take.
    """
    wanted = request.autonaming
    if request.HasField("autonaming") and wanted.mode == wanted.DISABLE:
        raise AutonamingError(f"pulumi:autonaming is disabled, so {row.name} is required")
    if request.HasField("autonaming") and wanted.proposed_name:
        name = str(wanted.proposed_name)
        if len(name) > row.name_length:
            raise AutonamingError(
                f'pulumi:autonaming makes {row.name} "{name}", which has {len(name)} characters; AWS takes '
                f"{row.name_length}: shorten the pattern or state {row.name}"
            )
    else:
        suffix = hashlib.sha256(request.randomSeed or request.urn.encode()).hexdigest()[:7]
        logical = request.urn.rsplit("::", 1)[1]
        name = f"{logical[: row.name_length - 8]}-{suffix}"
    return name.lower() if row.lower else name


def _replaces(key: str, row: ResourceType, new: Properties) -> bool:
    """Whether a change of an argument replaces the resource."""
    if key == "input" and new.get("lifecycleScope") == "CRUD":
        return False  # an Invocation that follows changes is told of them instead
    return key == "region" or key in row.force_new


def _kind(key: str, old: Properties, new: Properties, replace: bool) -> Any:  # noqa: ANN401 - a protobuf enum value
    kinds = provider_pb2.PropertyDiff
    if key not in old:
        return kinds.ADD_REPLACE if replace else kinds.ADD
    if key not in new:
        return kinds.DELETE_REPLACE if replace else kinds.DELETE
    return kinds.UPDATE_REPLACE if replace else kinds.UPDATE


def _token(urn: str) -> str:
    return urn.split("::")[2].rsplit("$", 1)[-1]
