import json
import runpy
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.runtime import stack as sdk
from pulumi.runtime.settings import SETTINGS, set_root_resource
from pulumi.runtime.sync_await import _sync_await

from lambda_rds_proxy.function import vpc_function as lambda_function
from tests.components.declared import Declared, use_mocks

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(lambda_function, "build_package", lambda *_, **__: archive)


def run(functions: int) -> Declared:
    """Run the program as the language host does, with so many functions."""
    entries = [{"name": f"f{index}", "path": "handler"} for index in range(functions)]
    pulumi.runtime.set_all_config({"lambda-rds-proxy:functions": json.dumps(entries)})
    declared = use_mocks(stack="dev")
    set_root_resource(None)  # type: ignore[arg-type]

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    try:
        _sync_await(sdk.run_in_stack(program))
    finally:
        pulumi.runtime.set_all_config({})
        set_root_resource(None)  # type: ignore[arg-type]
    return declared


def test_the_program_declares_every_function_of_its_configuration() -> None:
    names = [each.name for each in run(3).all("lambda/function:Function")]
    assert {"f0", "f1", "f2"} < set(names)


def test_every_registration_has_begun_when_the_sdk_starts_to_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    wait = sdk.wait_for_rpcs

    async def noted(*arguments: Any) -> None:
        begun.append(len(SETTINGS.rpc_manager.rpcs))
        await wait(*arguments)

    monkeypatch.setattr(sdk, "wait_for_rpcs", noted)
    declared = run(3)
    assert begun and begun[0] >= len(declared.resources)
