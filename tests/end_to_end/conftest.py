"""What the end-to-end tests share."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.supervisor.file_lock import held
from tests.end_to_end.checkouts import ROOT, Checkout, copied
from tests.end_to_end.local_stack import LocalStack
from toolchain.checkout import cache_root

_BUILD_SECONDS = 900


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy that a module's tests share; modules run side by side and in any order."""
    with copied(tmp_path_factory.mktemp("end to end") / "a checkout") as copy:
        yield copy


@pytest.fixture(scope="module")
def local_stack(checkout: Checkout) -> LocalStack:
    """The stack `local` of that copy."""
    return LocalStack(checkout)


@pytest.fixture
def up(local_stack: LocalStack) -> Checkout:
    """The copy with its stack `local` as `make up` makes it; a test may change anything of it."""
    local_stack.bring_to({})
    return local_stack.checkout


@pytest.fixture(scope="session")
def yaml_language_host() -> Path:
    """The folder of `pulumi-language-yaml`: the engine's own where it has one, else built from its Go module, once."""
    found = shutil.which("pulumi-language-yaml")
    if found:
        return Path(found).parent
    module = ROOT / "tests" / "end_to_end" / "yaml_language_host"
    pins = hashlib.sha256((module / "go.mod").read_bytes() + (module / "go.sum").read_bytes()).hexdigest()[:12]
    folder = cache_root() / f"yaml-language-host-{pins}"
    # One worker of pytest builds it; the others wait, instead of building it beside each other.
    with held(folder / "lock", seconds=_BUILD_SECONDS) as alone:
        assert alone, f"another process has been building {folder} for {_BUILD_SECONDS} s"
        if not (folder / "pulumi-language-yaml").exists():
            made = folder / f"making-{os.getpid()}"
            package = "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"
            subprocess.run(["go", "build", "-mod=readonly", "-o", str(made), package], cwd=module, check=True)
            made.rename(folder / "pulumi-language-yaml")
    return folder
