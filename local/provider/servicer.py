"""The provider protocol: checks, diffs, previews. What a type is like, its row in `types` says."""

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import empty_pb2
from grpc import ServicerContext, StatusCode
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as proto
from pulumi.runtime.rpc import UNKNOWN

from toolchain.checkout import LAPTOP_STACK, checkout_cache, checkout_root

from ..supervisor.errors import LaptopError
from . import ACCOUNT, DEFAULT_REGION, VERSION, functions
from .arguments import UnknownTypeError
from .changes import is_changed, replaces
from .defaults import AutonamingError, all_tags, with_defaults
from .facts import holds
from .properties import DEFAULTS, Properties, differ, from_struct, holds_unknown, promoted, to_struct
from .types import aws_type
from .types.row import AwsType, Resource
from .validators import REGION


class RefusedError(ValueError):
    """This provider is not for that stack."""


def check_stack(config: Mapping[str, Any], urn: str = "") -> None:
    """Refuse any account but the laptop's and any backend but the checkout's own.

    A stack `local` that states no account is of the place where it is: of the laptop, in the checkout's backend.

    Raises:
        RefusedError: with what to do.
    """
    accounts = config.get("allowedAccountIds")
    if isinstance(accounts, str):
        accounts = json.loads(accounts)
    if accounts is None and urn.startswith(f"urn:pulumi:{LAPTOP_STACK}::"):
        accounts = [ACCOUNT]
    if accounts != [ACCOUNT]:
        raise RefusedError(
            "this is the laptop's stand-in for the aws provider, and this stack is not the laptop's: its "
            f'aws:allowedAccountIds is {json.dumps(accounts)}, not ["{ACCOUNT}"]; for AWS use a shell without '
            f"`make env`, for the laptop call the stack {LAPTOP_STACK} or set that account"
        )
    own = os.environ.get("LAMBDA_RDS_PROXY_BACKEND") or f"file://{checkout_cache(checkout_root()) / 'backend'}"
    backend = os.environ.get("PULUMI_BACKEND_URL", "")
    if backend != own:
        raise RefusedError(
            f"this is the laptop's stand-in for the aws provider, and the backend \"{backend}\" is not this checkout's "
            'own; run pulumi in a shell with `eval "$(make -s env)"`'
        )


class AwsServicer(provider_pb2_grpc.ResourceProviderServicer):
    """One provider process. RPC names are the protocol's.

    Args:
        row: the row of a type, by its token.
        call: what answers functions.
    """

    def __init__(
        self,
        row: Callable[[str], AwsType] = aws_type,
        call: Callable[[str, Properties, str], Properties] = functions.call,
    ) -> None:
        self._type, self._call = row, call
        self._region = DEFAULT_REGION
        self._default_tags: dict[str, str] = {}

    def check_stack(self, config: Properties, urn: str) -> None:
        """Raises RefusedError for a stack that this provider is not for."""
        check_stack(config, urn)

    def Handshake(
        self, request: proto.ProviderHandshakeRequest, context: ServicerContext
    ) -> proto.ProviderHandshakeResponse:
        return proto.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: empty_pb2.Empty, context: ServicerContext) -> plugin_pb2.PluginInfo:
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: proto.GetSchemaRequest, context: ServicerContext) -> proto.GetSchemaResponse:
        # Only programs in YAML ask, and it loads every class that the schema is written from.
        from .schema import schema

        return proto.GetSchemaResponse(schema=json.dumps(schema()))

    def CheckConfig(self, request: proto.CheckRequest, context: ServicerContext) -> proto.CheckResponse:
        config = from_struct(request.news)
        try:
            if not holds_unknown(config.get("allowedAccountIds")):
                self.check_stack(config, request.urn)
        except RefusedError as refusal:
            return proto.CheckResponse(
                inputs=request.news, failures=[proto.CheckFailure(property="", reason=str(refusal))]
            )
        return proto.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: proto.DiffRequest, context: ServicerContext) -> proto.DiffResponse:
        old, new = from_struct(request.old_inputs), from_struct(request.news)
        moved = ["region"] if old.get("region") != new.get("region") else []
        changed = proto.DiffResponse.DIFF_SOME if differ(old, new) else proto.DiffResponse.DIFF_NONE
        return proto.DiffResponse(changes=changed, replaces=moved)

    def Configure(self, request: proto.ConfigureRequest, context: ServicerContext) -> proto.ConfigureResponse:
        config = from_struct(request.args)
        try:
            self.check_stack(config, request.urn)
        except RefusedError as refusal:
            context.abort(StatusCode.FAILED_PRECONDITION, str(refusal))
        self._region = str(config.get("region", DEFAULT_REGION))
        tags = config.get("defaultTags", {})
        tags = json.loads(tags) if isinstance(tags, str) else tags
        self._default_tags = dict(tags.get("tags", {}))
        return proto.ConfigureResponse(
            acceptSecrets=False, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Check(self, request: proto.CheckRequest, context: ServicerContext) -> proto.CheckResponse:
        olds, news = from_struct(request.olds), from_struct(request.news)
        news.pop(DEFAULTS, None)
        try:
            row = self._row(request.urn)
            inputs = with_defaults(row.facts, news, olds, request, region=self._region, tags=self._default_tags)
            found = list(row.problems(news, inputs))
        except (UnknownTypeError, AutonamingError) as error:
            inputs, found = news, [("", str(error))]
        failures = [proto.CheckFailure(property=where, reason=reason) for where, reason in found]
        return proto.CheckResponse(inputs=to_struct(inputs), failures=failures)

    def Diff(self, request: proto.DiffRequest, context: ServicerContext) -> proto.DiffResponse:
        new, olds = from_struct(request.news), from_struct(request.olds)
        # What is new to the inputs may be known of the resource already: an import reads more than a program states.
        old = {key: olds[key] for key in new if key in olds} | from_struct(request.old_inputs)
        row = self._row(request.urn)
        facts = row.facts["arguments"]
        keys = (old.keys() | new.keys()) - {DEFAULTS, *request.ignoreChanges}
        changed = sorted(key for key in keys if is_changed(key, facts.get(key, {}), old, new))
        replaced = [key for key in changed if replaces(key, facts.get(key, {}), old, new)]
        detailed = {key: _detail(key, old, new, key in replaced) for key in changed}
        # A name that the program chose cannot stand twice, so the old resource goes first; the real provider does so
        # for the types that it names.
        name = row.named_by if "autoname" in facts.get(row.named_by, {}) else ""
        named = name in new and name not in new.get(DEFAULTS, []) and not differ(old.get(name), new.get(name))
        return proto.DiffResponse(
            changes=proto.DiffResponse.DIFF_SOME if changed else proto.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaced,
            deleteBeforeReplace=bool(replaced) and (named or row.facts.get("deletesFirst", False)),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: proto.CreateRequest, context: ServicerContext) -> proto.CreateResponse:
        resource = self._resource(request.urn, from_struct(request.properties))
        identifier, outputs = self._applied(resource, context, preview=request.preview)
        return proto.CreateResponse(id=identifier, properties=to_struct(outputs))

    def Update(self, request: proto.UpdateRequest, context: ServicerContext) -> proto.UpdateResponse:
        resource = self._resource(request.urn, from_struct(request.news), from_struct(request.olds))
        _, outputs = self._applied(resource, context, preview=request.preview)
        return proto.UpdateResponse(properties=to_struct(outputs))

    def Read(self, request: proto.ReadRequest, context: ServicerContext) -> proto.ReadResponse:
        row, state = self._row(request.urn), from_struct(request.properties)
        if not state:
            request.id = re.sub(rf"@{REGION}$", "", request.id)  # an import may name the region
        if not state and not row.find and not row.backed:
            context.abort(
                StatusCode.NOT_FOUND,
                f"{request.id} cannot be read: the laptop only records resources of type {row.token}, so nothing but "
                "the state of the stack that made one knows it",
            )
        try:
            if not state and row.find:
                return self._imported(row, request)
            found = row.backed.read(request.id, state) if row.backed else {}
        except LaptopError as error:
            context.abort(StatusCode.INTERNAL, str(error))
        if found is None:
            return proto.ReadResponse(id="")
        # What AWS has otherwise, or no more, is so among the inputs too: the next update states it again.
        known = ((key, found.get(key, value)) for key, value in from_struct(request.inputs).items())
        inputs = {key: value for key, value in known if value is not None}
        return proto.ReadResponse(id=request.id, properties=to_struct({**state, **found}), inputs=to_struct(inputs))

    def _imported(self, row: AwsType, request: proto.ReadRequest) -> proto.ReadResponse:
        """What is to be imported, or read by its id: no state of this stack's knows it."""
        there = row.find(request.id) if row.find else None
        if there is None:
            return proto.ReadResponse(id="")
        identifier, given = there[0], {**row.default_answers(), **there[1]}
        resource = self._resource(request.urn, given)
        state = {"region": resource.region, **given}
        found = row.backed.read(identifier, state) if row.backed else row.outputs(resource)
        if found is None:
            return proto.ReadResponse(id="")
        outputs = self._outputs(resource, found)
        return proto.ReadResponse(id=identifier, properties=to_struct(outputs), inputs=to_struct(given))

    def Delete(self, request: proto.DeleteRequest, context: ServicerContext) -> empty_pb2.Empty:
        row, state = self._row(request.urn), from_struct(request.properties)
        for refused in row.facts.get("undeletable", ()):
            if holds(refused["when"], state):
                context.abort(StatusCode.FAILED_PRECONDITION, f"{request.id} cannot be deleted: {refused['says']}")
        kept = row.facts.get("keptWhenDestroyed")
        if row.backed and not (kept and holds(kept, state)):
            try:
                row.backed.delete(request.id, state)
            except LaptopError as error:
                context.abort(StatusCode.INTERNAL, str(error))
        return empty_pb2.Empty()

    def Invoke(self, request: proto.InvokeRequest, context: ServicerContext) -> proto.InvokeResponse:
        try:
            result = self._call(request.tok, from_struct(request.args), self._region)
        except (ValueError, LaptopError) as error:
            return proto.InvokeResponse(failures=[proto.CheckFailure(property="", reason=str(error))])
        return proto.InvokeResponse(**{"return": to_struct(result)})

    def Cancel(self, request: empty_pb2.Empty, context: ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()

    def _applied(self, resource: Resource, context: ServicerContext, *, preview: bool) -> tuple[str, Properties]:
        """(id, outputs) of a resource that is shown, made for real, or recorded."""
        if preview:
            return "", self._previewed(resource)
        row = resource.row
        try:
            identifier, found = row.backed.apply(resource) if row.backed else (row.id(resource), row.outputs(resource))
        except LaptopError as error:
            context.abort(StatusCode.INTERNAL, str(error))
        return identifier, self._outputs(resource, found)

    def _row(self, urn: str) -> AwsType:
        return self._type(urn.split("::")[2].rsplit("$", 1)[-1])

    def _resource(self, urn: str, inputs: Properties, olds: Properties | None = None) -> Resource:
        given = {key: value for key, value in inputs.items() if key != DEFAULTS}
        return Resource(self._row(urn), urn, given, region=str(given.get("region", self._region)), olds=olds or {})

    def _outputs(self, resource: Resource, found: Properties) -> Properties:
        tags = all_tags(self._default_tags, resource.inputs)
        named = {resource.row.named_by: resource.name}
        inputs = {**resource.row.fills, **named, **resource.inputs}
        whole = {**inputs, "region": resource.region, "tagsAll": tags, **found}
        return {key: value for key, value in whole.items() if key in resource.row.real.outputs}

    def _previewed(self, resource: Resource) -> Properties:
        """Outputs as AWS's provider shows them at preview: inputs with unknowns promoted, what is computed unknown."""
        row, inputs = resource.row, resource.inputs
        known = row.facts["arguments"].items()
        whole = {key for key, fact in known if fact.get("unknownAsAWhole") and holds_unknown(inputs.get(key))}
        shown = {key: UNKNOWN if key in whole else promoted(value) for key, value in inputs.items()}
        computed = {name: resource.olds.get(name, UNKNOWN) for name in row.real.computed - shown.keys()}
        return {**computed, **shown}


def _detail(key: str, old: Properties, new: Properties, replace: bool) -> proto.PropertyDiff:
    change = "ADD" if key not in old else "DELETE" if key not in new else "UPDATE"
    kind = proto.PropertyDiff.Kind.Value(f"{change}_REPLACE" if replace else change)
    return proto.PropertyDiff(kind=kind, inputDiff=True)
