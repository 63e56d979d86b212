"""What is generated stands in the tree as the declarations have it now."""

import json
import re
from pathlib import Path

import pytest
import yaml

import lambda_rds_proxy
from lambda_rds_proxy.serverless_database.config import KEYS, OLDER_KEYS
from tests.generated import (
    COMPONENTS_PAGE,
    ERRORS_PAGE,
    GOLDEN_SCHEMA,
    PROJECT_FILE,
    ROOT,
    SETTINGS_PAGE,
    generated,
    project_file,
    settings_page,
)


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return generated()


@pytest.mark.parametrize(
    "path", [PROJECT_FILE, SETTINGS_PAGE, COMPONENTS_PAGE, ERRORS_PAGE, GOLDEN_SCHEMA], ids=lambda path: path.name
)
def test_what_is_generated_is_in_the_tree(path: Path, texts: dict[Path, str]) -> None:
    """A difference of the schema that breaks programs needs a migration note first."""
    assert path.read_text() == texts[path], f"{path.relative_to(ROOT)} is out of date; `make generate` writes it"


def test_pulumi_yaml_keeps_what_is_not_generated() -> None:
    there = PROJECT_FILE.read_text()
    head = there[: there.index("config:")]
    assert project_file(f"{head}# kept\nconfig:\n  old:\n    default: 1\n").startswith(f"{head}# kept\nconfig:\n  # ")
    assert yaml.safe_load(there)["runtime"]["name"] == "python"


def test_pulumi_yaml_has_every_key_with_its_default() -> None:
    stated = yaml.safe_load(PROJECT_FILE.read_text())["config"]
    texts = {key: json.dumps(entry["default"]).strip('"') for key, entry in stated.items()}
    assert texts == {key: place.default_text for key, place in KEYS.items()}
    assert all(entry["description"] for entry in stated.values())


def test_the_settings_page_has_every_key_argument_and_older_name() -> None:
    page = settings_page()
    for key, place in KEYS.items():
        assert f"| `{key}` | `{'.'.join(place.path)}` |" in page
    for old, new in OLDER_KEYS.items():
        assert f"| `{old}` | `{new}` |" in page
    assert "| `functions.<name>.reservedConcurrency` | `functions.<name>.reserved_concurrency` |" in page
    assert "| `users.<name>.auth` | `users.<name>.auth` |" in page


def test_every_row_of_the_settings_page_has_the_columns_of_its_table() -> None:
    rows = [line.replace("\\|", "") for line in settings_page().splitlines() if line.startswith("|")]
    assert len(rows) > 80
    assert {row.count("|") for row in rows} == {6, 3}


def test_the_components_page_has_every_component_with_every_argument_and_output(texts: dict[Path, str]) -> None:
    page, served = texts[COMPONENTS_PAGE], json.loads(texts[GOLDEN_SCHEMA])
    for token, each in served["resources"].items():
        section = page.partition(f"\n## {token.rpartition(':')[2]}\n")[2].partition("\n## ")[0]
        for name in [*each["inputProperties"], *each["properties"]]:
            assert f"| `{name}` | " in section, (token, name)
    for link in re.findall(r"\]\(#(\w+)\)", page):
        assert re.search(rf"^### {link}$", page, re.MULTILINE | re.IGNORECASE), link


def test_every_component_is_served_with_a_description_of_every_argument(texts: dict[Path, str]) -> None:
    served = json.loads(texts[GOLDEN_SCHEMA])
    assert {token.rpartition(":")[2] for token in served["resources"]} == set(lambda_rds_proxy.COMPONENTS)
    described = [
        *(
            (token, name, each)
            for token, kind in served["resources"].items()
            for name, each in kind["inputProperties"].items()
        ),
        *(
            (token, name, each)
            for token, kind in served["types"].items()
            for name, each in kind.get("properties", {}).items()
        ),
    ]
    assert [f"{token}.{name}" for token, name, each in described if not each.get("description")] == []
