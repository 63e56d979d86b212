"""What the program needs of a test."""

from pathlib import Path

import pytest

from lambda_rds_proxy.function import vpc_function


@pytest.fixture(autouse=True)
def a_package_without_wheels(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    archive = tmp_path / "package.zip"
    archive.touch()
    monkeypatch.setattr(vpc_function, "build_package", lambda *_, **__: archive)
