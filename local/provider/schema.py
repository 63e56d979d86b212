"""The provider's schema, which Pulumi YAML binds a program to: written from the real `pulumi_aws` classes.

It has the types that have a row in `types` and the functions that are answered here; the real one has over a
thousand, whose classes take minutes to load. What an output holds that is no argument is left open.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import pulumi_aws

from . import DEFAULT_REGION, VERSION, functions
from .arguments import Kind, nested_arguments
from .types import aws_types

Schema = dict[str, Any]
_ANY: Schema = {"$ref": "pulumi.json#/Any"}
_PLAIN: Mapping[str, Schema] = {
    "text": {"type": "string"},
    "boolean": {"type": "boolean"},
    "whole": {"type": "integer"},
    "number": {"type": "number"},
    "asset": {"$ref": "pulumi.json#/Archive"},  # no type of ours takes a single file
    "anything": _ANY,
}
_JSON: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number"}


@cache
def schema() -> Schema:
    """The whole schema."""
    nested: Schema = {}
    # What a program may set of the provider itself, by the names of its real class.
    settings = {_camel(each): _ANY for each in inspect.signature(pulumi_aws.ProviderArgs).parameters}
    return {
        "name": "aws",
        "version": VERSION,
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},  # the module of aws:rds/…:Proxy is aws:rds
        "config": {"variables": settings},
        "provider": {"inputProperties": settings},
        "resources": {token: _resource(token, nested) for token in aws_types()},
        "functions": {token: _function(token) for token in functions.FUNCTIONS},
        "types": nested,
    }


def _resource(token: str, nested: Schema) -> Schema:
    real = aws_types()[token].real
    inputs = {name: _type(kinds, nested) for name, kinds in real.arguments.kinds.items()}
    return {
        "inputProperties": inputs,
        "requiredInputs": sorted(real.arguments.required),
        "properties": {name: inputs.get(name, _ANY) for name in sorted(real.outputs)},
        "required": sorted(real.computed),
    }


def _type(kinds: Sequence[Kind], nested: Schema) -> Schema:
    kind = kinds[0]  # an enumeration, or the text that it stands for, is text in any case
    if isinstance(kind, str):
        return dict(_PLAIN[kind])
    if "list" in kind:
        return {"type": "array", "items": _type(kind["list"], nested)}
    if "map" in kind:
        return {"type": "object", "additionalProperties": _type(kind["map"], nested)}
    return _reference(kind["nested"], nested)


def _reference(path: str, nested: Schema) -> Schema:
    """The reference to a nested type such as `pulumi_aws.rds._inputs:ProxyAuthArgs`, which is described first."""
    module, name = path.split(".")[1], path.split(":")[1].removesuffix("Args")
    token = f"aws:{module.rstrip('_')}/{name}:{name}"
    if token not in nested:
        nested[token] = {}  # a type may hold itself
        known = nested_arguments(path)
        nested[token] = {
            "type": "object",
            "properties": {key: _type(kinds, nested) for key, kinds in known.kinds.items()},
            "required": sorted(known.required),
        }
    return {"$ref": f"#/types/{token}"}


def _function(token: str) -> Schema:
    """Its inputs by the names of the real function's parameters, its outputs by an example of what is answered."""
    python = re.sub(r"(?<!^)(?=[A-Z])", "_", token.rsplit(":", 1)[1]).lower()
    module = token.split(":")[1].split("/")[0]
    real = getattr(pulumi_aws if module == "index" else getattr(pulumi_aws, module), python)
    taken = [_camel(each) for each in inspect.signature(real).parameters if each != "opts"]
    answered = {key: _example(value) for key, value in functions.example(token, DEFAULT_REGION).items()}
    return {
        "inputs": {"properties": dict.fromkeys(taken, _ANY)},
        "outputs": {"properties": answered, "required": sorted(answered)},
    }


def _example(value: object) -> Schema:
    if isinstance(value, list):
        return {"type": "array", "items": _example(value[0]) if value else _ANY}
    return {"type": _JSON.get(type(value), "string")}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
