"""docs/components.md: the components as the schema has them, which is what every language sees."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_ABOUT = """\
# Components

What a program can make, in Python from `lambda_rds_proxy`, in other languages from the package `lambda-rds-proxy`. This
page is written by `make generate` from the declarations of the components. `ServerlessDatabase` makes all of the
others; each can be used alone, and takes from another what it refers to: a reference, such as `database.reference`.

```python
from lambda_rds_proxy import ServerlessDatabase

ServerlessDatabase("orders", {"functions": {"api": {"path": "api"}}})
```

Names are those of other languages; in Python they are in snake case (`moreUsers` is `more_users`). The fields of what
ends in `Settings` are in [settings.md](settings.md). Every component takes Pulumi's resource options too.
"""
_TOKEN = "#/types/lambda-rds-proxy:index:"
_FIRST = "ServerlessDatabase"


def components_page(schema: Mapping[str, Any]) -> str:
    """A section for each component, then one for each type that is not a structure of settings."""
    resources = {token.rpartition(":")[2]: each for token, each in schema["resources"].items()}
    types = {token.rpartition(":")[2]: each for token, each in schema["types"].items()}
    lines = [_ABOUT]
    for name in sorted(resources, key=lambda name: (name != _FIRST, name)):
        each = resources[name]
        lines += [f"## {name}", "", _line(each["description"]), ""]
        lines += _table("argument", each["inputProperties"], each.get("requiredInputs", ()))
        lines += _table("output", each["properties"], None)
    lines += ["## Types", ""]
    for name, each in sorted(types.items()):
        if name.endswith("Settings"):
            continue
        lines += [f"### {name}", "", _line(each["description"]), ""]
        if "enum" in each:
            lines += ["| value | means |", "|---|---|"]
            lines += [f"| `{value['value']}` | {_cell(value['description'])} |" for value in each["enum"]] + [""]
        else:
            lines += _table("field", each["properties"], each.get("required", ()))
    return "\n".join(lines)


def _table(title: str, properties: Mapping[str, Any], required: Any) -> Iterator[str]:
    yield f"| {title} | is |{' needed |' if required is not None else ''} what it is for |"
    yield "|---|---|---|" + ("---|" if required is not None else "")
    # What is needed first.
    for name in sorted(properties, key=lambda name: (name not in (required or ()), name)):
        needed = "" if required is None else f" {'yes' if name in required else ''} |"
        about = _cell(properties[name].get("description", ""))
        yield f"| `{name}` | {_type(properties[name])} |{needed} {about} |"
    yield ""


def _type(said: Mapping[str, Any]) -> str:
    if "$ref" in said:
        name = str(said["$ref"]).removeprefix(_TOKEN)
        if name.startswith("pulumi.json"):
            return "anything"
        where = "settings.md" if name.endswith("Settings") else f"#{name.lower()}"
        return f"[{name}]({where})"
    if said["type"] == "array":
        return f"list of {_type(said['items'])}"
    if said["type"] == "object":
        return f"map of {_type(said['additionalProperties'])}" if "additionalProperties" in said else "map"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        said["type"], str(said["type"])
    )


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")
