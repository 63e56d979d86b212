import json

import lambda_rds_proxy
from tests.components.golden_schema import FILE, served


def test_other_languages_see_the_golden_schema() -> None:
    """A difference that breaks programs needs a migration note; then the command in golden_schema.py."""
    assert served() == json.loads(FILE.read_text())


def test_every_component_is_served_with_a_description_of_every_argument() -> None:
    schema = served()
    assert {token.rpartition(":")[2] for token in schema["resources"]} == set(lambda_rds_proxy.COMPONENTS)
    undescribed = [
        f"{token}.{name}"
        for token, component in schema["resources"].items()
        for name, argument in component["inputProperties"].items()
        if not argument.get("description")
    ]
    assert undescribed == []
