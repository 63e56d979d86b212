"""`getPolicyDocument`: a policy document from its statements, as the real provider writes it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .identifiers import digest
from .properties import Properties

_LISTS = ("actions", "notActions", "resources", "notResources")
_MERGED = ("overrideJson", "overridePolicyDocuments", "sourceJson", "sourcePolicyDocuments")


def policy_document(args: Properties) -> Properties:
    """`json` and `minifiedJson` of a document.

    Raises:
        ValueError: the document merges others, which only AWS's provider does, or it gives two statements one sid.
    """
    merged = [name for name in _MERGED if args.get(name)]
    if merged:
        raise ValueError(
            f"the laptop's getPolicyDocument does not merge documents ({', '.join(merged)}); write all in one"
        )
    statements = [_statement(each) for each in args.get("statements") or []]
    sids = [each["Sid"] for each in statements if "Sid" in each]
    twice = sorted({sid for sid in sids if sids.count(sid) > 1})
    if twice:
        raise ValueError(
            f'getPolicyDocument has more than one statement with the sid "{twice[0]}"; each must be unique'
        )
    document = {"Version": args.get("version") or "2012-10-17"}
    if args.get("policyId"):
        document["Id"] = args["policyId"]
    whole = {**document, **({"Statement": statements} if statements else {})}
    text = json.dumps(whole, indent=2)
    return {"id": digest(text, length=10), "json": text, "minifiedJson": json.dumps(whole, separators=(",", ":"))}


def _statement(given: Properties) -> dict[str, Any]:
    statement: dict[str, Any] = {"Sid": given["sid"]} if given.get("sid") else {}
    statement["Effect"] = given.get("effect") or "Allow"
    for argument in _LISTS:
        if given.get(argument):
            statement[argument[0].upper() + argument[1:-1]] = _one_or_all(given[argument])  # notActions: NotAction
    for argument, key in (("principals", "Principal"), ("notPrincipals", "NotPrincipal")):
        if given.get(argument):
            statement[key] = _principals(given[argument])
    if given.get("conditions"):
        statement["Condition"] = _conditions(given["conditions"])
    return statement


def _one_or_all(values: Sequence[str]) -> Any:  # noqa: ANN401 - text, or a list of it
    """One value stands alone; several are sorted downwards, as the real provider writes them."""
    found = sorted({_with_variables(value) for value in values}, reverse=True)
    return found[0] if len(found) == 1 else found


def _with_variables(value: str) -> str:
    # `${…}` is Terraform's own, so its documents write IAM's variables as `&{…}`.
    return value.replace("&{", "${")


def _principals(given: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401 - "*", or a map
    if any(each["type"] == "*" and "*" in each["identifiers"] for each in given):
        return "*"
    kinds: dict[str, list[str]] = {}
    for each in given:
        kinds.setdefault(each["type"], []).extend(each["identifiers"])
    return {kind: _one_or_all(identifiers) for kind, identifiers in kinds.items()}


def _conditions(given: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    conditions: dict[str, dict[str, list[str]]] = {}
    for each in given:
        conditions.setdefault(each["test"], {}).setdefault(each["variable"], []).extend(each["values"])
    return {
        test: {variable: _one_or_all(values) for variable, values in variables.items()}
        for test, variables in conditions.items()
    }
