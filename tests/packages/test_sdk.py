"""`pulumi package add` in somebody's Python program: an SDK of the components, generated, installed, and used."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.checkouts import Checkout, copied
from tests.packages.content import ROOT

pytestmark = pytest.mark.engine
PROGRAM = """
import pulumi
from pulumi_lambda_rds_proxy import ServerlessDatabase

orders = ServerlessDatabase("orders", functions={"api": {"path": "api"}}, proxy={"max_connections_percent": 80})
pulumi.export("auth", orders.proxy.auth)  # an enum inside a reference
pulumi.export("functions", orders.functions)
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The laptop, with the components' own environment as their README has it."""
    with copied(tmp_path_factory.mktemp("laptop")) as copy:
        (copy.root / "components" / "venv").symlink_to("../.venv")
        yield copy


def begun(folder: Path, **options: str) -> Path:
    """An empty program."""
    folder.mkdir()
    (folder / "Pulumi.yaml").write_text(json.dumps({"name": "shop", "runtime": {"name": "python", "options": options}}))
    (folder / "__main__.py").touch()
    return folder


def test_the_components_are_added_to_an_empty_program_and_previewed(checkout: Checkout, tmp_path: Path) -> None:
    folder = begun(tmp_path / "shop", virtualenv="venv")
    added = checkout.pulumi("package", "add", str(checkout.root / "components"), project=folder)
    assert added.returncode == 0, added.stdout + added.stderr
    assert "import pulumi_lambda_rds_proxy" in added.stdout
    assert (folder / "requirements.txt").read_text() == "./sdks/lambda-rds-proxy\n"
    shutil.copytree(ROOT / "examples" / "own-program" / "api", folder / "api")
    (folder / "__main__.py").write_text(PROGRAM)
    checkout.pulumi("stack", "init", "local", project=folder)
    done = checkout.pulumi("preview", "-s", "local", "--policy-pack", str(checkout.root / "policies"), project=folder)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    assert 'auth     : "iam"' in done.stdout and 'api: "shop-local-api"' in done.stdout
    assert "warning: using" not in done.stdout + done.stderr


def test_a_program_without_an_environment_of_its_own_is_told_and_nothing_is_installed(
    checkout: Checkout, tmp_path: Path
) -> None:
    folder = begun(tmp_path / "shop")
    refused = checkout.pulumi("package", "add", str(checkout.root / "components"), project=folder)
    assert refused.returncode != 0
    assert "names no virtual environment to install into" in refused.stderr, refused.stdout + refused.stderr
    assert not (folder / "requirements.txt").exists() and not (folder / "venv").exists()
