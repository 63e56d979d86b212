"""Runs the real program as the language host does, under mocks."""

import json
import runpy
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pulumi
from pulumi.runtime import stack as sdk
from pulumi.runtime.mocks import Mocks
from pulumi.runtime.settings import set_root_resource
from pulumi.runtime.sync_await import _sync_await

from tests.components.declared import Answers, Declared, use_mocks

ROOT = Path(__file__).resolve().parents[1]


def run(
    settings: Mapping[str, Any],
    *,
    stack: str = "dev",
    answers: Answers = MappingProxyType({}),
    aws: Mocks | None = None,
    encrypted: Collection[str] = (),
    into: Declared | None = None,
) -> Declared:
    """What the program registers with this configuration; structures become JSON, as Pulumi hands them over.

    `encrypted` are the keys that the stack keeps so. `into` gets what was declared and said before a program fails.
    """
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in settings.items()}
    pulumi.runtime.set_all_config(
        {f"lambda-rds-proxy:{key}": text for key, text in texts.items()},
        [f"lambda-rds-proxy:{key}" for key in encrypted],
    )
    declared = use_mocks(stack=stack, answers=answers, aws=aws, declared=into)
    set_root_resource(None)  # type: ignore[arg-type]

    def program() -> None:
        runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

    try:
        _sync_await(sdk.run_in_stack(program))
    finally:
        pulumi.runtime.set_all_config({})
        set_root_resource(None)  # type: ignore[arg-type]
    return declared
