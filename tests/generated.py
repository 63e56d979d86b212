"""What is generated from the declarations in args.py: `make generate` writes it, test_generated.py compares.

* Pulumi.yaml's `config:` section, with descriptions and defaults.
* docs/settings.md, a table per part, and docs/components.md, what takes them.
* docs/errors.md, what can be read when something is wrong.
* tests/components/golden_schema.json, what other languages see. What was removed, renamed, retyped or made required
  there breaks programs that use it; what was added does not.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pulumi.provider.experimental.component import ComponentProvider

import lambda_rds_proxy
from lambda_rds_proxy.serverless_database.args import ServerlessDatabaseArgs
from lambda_rds_proxy.serverless_database.config import OLDER_KEYS
from lambda_rds_proxy.settings.documented import Section, key_descriptions, sections
from tests.generated_components import components_page
from tests.generated_errors import errors_page

ROOT = Path(__file__).resolve().parents[1]
PROJECT_FILE = ROOT / "Pulumi.yaml"
SETTINGS_PAGE = ROOT / "docs" / "settings.md"
COMPONENTS_PAGE = ROOT / "docs" / "components.md"
ERRORS_PAGE = ROOT / "docs" / "errors.md"
GOLDEN_SCHEMA = ROOT / "tests" / "components" / "golden_schema.json"

_ABOUT_CONFIG = """\
config:
  # Every key of this project, written by `make generate`: a setting is declared in the args.py of its part (under
  # components/lambda_rds_proxy). Values are checked by the program, all at once, unknown keys included; an empty
  # default means that the program chooses.
"""
_ABOUT_SETTINGS = """\
# Settings

Every setting once: as a key of a stack's configuration, and as an argument of `ServerlessDatabase`. A component used
alone takes the settings of its part as `settings`, and those of the stack as `stack`. This page is written by
`make generate` from the declarations, one `args.py` per part under `components/lambda_rds_proxy`.

```sh
pulumi config set maxConnectionsPercent 80
pulumi config set --path functions.app.path handler
```

An empty default means that the component chooses; the description says how. Values are checked before anything is
made, all at once. [topology.md](topology.md) says what to set for what you want.

In a configuration `functions` and `users` may also be lists whose entries have a `name`, and `existingDatabase` needs
no `engine`, `kind`, `databaseName`, `port`, `instanceClass` or `readers`: they follow the keys of the database.
"""
# Belong to the release and to the packages it was made with, not to what a program may write.
_NOT_OURS = ("version", "dependencies", "language")


def project_file(there: str) -> str:
    """Pulumi.yaml with the keys that are declared; everything before its `config:` section stays."""
    head, section, _ = there.partition("config:\n")
    assert section, "Pulumi.yaml has no config section"
    described = {
        key: {"description": description, "default": _scalar(default)}
        for key, (description, default) in key_descriptions(ServerlessDatabaseArgs).items()
    }
    text: str = yaml.safe_dump(described, allow_unicode=True, sort_keys=False, width=116)
    return head + _ABOUT_CONFIG + "".join(f"  {line}\n" for line in text.splitlines())


def _scalar(default: str) -> str | int | bool:
    """A default as YAML has it; Pulumi hands it over as text in any case, but takes no fractions."""
    return json.loads(default) if default in ("true", "false") or default.isdigit() else default


def settings_page() -> str:
    """docs/settings.md, with a table per part and one for each structure within."""
    older = [f"| `{old}` | `{new}` |" for old, new in OLDER_KEYS.items()]
    return "\n".join(
        [
            _ABOUT_SETTINGS,
            *(line for section in sections(ServerlessDatabaseArgs) for line in _table(section)),
            "## Older names of keys",
            "",
            "They are taken as well, and errors say the name that the stack uses; both together are refused.",
            "",
            "| older | name now |",
            "|---|---|",
            *older,
            "",
        ]
    )


def _table(section: Section) -> Iterator[str]:
    yield from (f"## {section.title}", "", section.description, "")
    yield from ("| key | argument | value | default | what it does |", "|---|---|---|---|---|")
    for entry in section.entries:
        default = f"`{entry.default}`" if entry.default not in ("", "required") else entry.default
        cells = (f"`{entry.key}`", f"`{entry.argument}`", entry.allowed, default, entry.description)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def schema() -> str:
    """The schema as the component package serves it now."""
    components = [getattr(lambda_rds_proxy, name) for name in lambda_rds_proxy.COMPONENTS]
    served: dict[str, Any] = json.loads(ComponentProvider(components, "lambda-rds-proxy").schema or "")
    ours = {key: value for key, value in served.items() if key not in _NOT_OURS}
    return json.dumps(ours, indent=1, sort_keys=True) + "\n"


def generated() -> dict[Path, str]:
    """File → its text as the declarations have it now."""
    return {
        PROJECT_FILE: project_file(PROJECT_FILE.read_text()),
        SETTINGS_PAGE: settings_page(),
        COMPONENTS_PAGE: components_page(json.loads(schema())),
        ERRORS_PAGE: errors_page(),
        GOLDEN_SCHEMA: schema(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
