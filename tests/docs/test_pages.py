"""What every page tells to type can be typed: programs, options, settings, targets and variables are there."""

import ast
import re
import shlex
import subprocess
from importlib.util import find_spec

import botocore.session
import pytest
import yaml
from botocore import xform_name
from typer.main import get_command

from lambda_rds_proxy.serverless_database.config import KEYS, OLDER_KEYS
from ops.__main__ import app
from tests.docs.pages import PAGES, ROOT, anchors, blocks, commands, text_of, typed
from tests.waiting import LIMIT_SECONDS

_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
# The command line's own, without an operation of the API.
_NO_OPERATION = ("sso", "configure", "s3")
_HERE = ("ops", "local", "bench", "tests", "docs", "toolchain")


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere_on_github(page: str) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text()), link


@pytest.mark.parametrize(("page", "command"), [*commands("python -m ops"), *commands("ops")])
def test_every_command_of_ops_has_these_options(page: str, command: str) -> None:
    del page
    name, *words = shlex.split(re.sub(r"\s+>.*", "", command).removeprefix("python -m "))[1:] or ["--help"]
    if not name.startswith("--"):
        given = get_command(app).commands[name]  # type: ignore[attr-defined]
        # Named alone, it is spoken of and not typed; a file need not be there.
        is_typed = bool(words) and not any("*" in word for word in words)
        assert given is not None
        if is_typed:
            given.make_context(name, words, resilient_parsing=name in ("sbom", "survey"))


@pytest.mark.parametrize(("page", "command"), commands("aws"))
def test_every_command_of_the_aws_cli_is_an_operation_with_these_parameters(page: str, command: str) -> None:
    del page
    service, operation, *options = shlex.split(command.rstrip(')"') if command.count('"') % 2 else command)[1:]
    if service in _NO_OPERATION:
        return
    if operation == "wait":
        waiters = botocore.session.get_session().get_waiter_model(service)
        named = {xform_name(each, "-"): waiters.get_waiter(each).operation for each in waiters.waiter_names}
        operation, options = xform_name(named[options[0]], "-"), options[1:]
    model = botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))
    names = {xform_name(each, "-"): each for each in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    given = {word[2:].removeprefix("no-") for word in options if word.startswith("--")}
    known = {xform_name(each, "-") for each in shape.members} if shape else set()
    assert given <= known | {"query", "output", "region"}


# An example's settings are its own program's, which tests/end_to_end/test_examples.py runs with them.
@pytest.mark.parametrize(
    ("page", "command"),
    [
        (page, command)
        for page, command in [*commands("pulumi config set"), *commands("pulumi config rm")]
        if not page.startswith("examples/")
    ],
)
def test_every_setting_that_is_typed_exists(page: str, command: str) -> None:
    del page
    words = shlex.split(command)[3:]
    keys = [word for index, word in enumerate(words) if not word.startswith("-") and words[index - 1] != "--stack"]
    key = re.split(r"[.\[]", keys[0])[0] if keys else "aws:"
    assert key.startswith("aws:") or key.removeprefix("lambda-rds-proxy:") in {*KEYS, *OLDER_KEYS}
    # In the committed files functions stand by their names; pulumi refuses to write a list's entry there.
    assert "functions[" not in command


@pytest.mark.parametrize(("page", "command"), commands("make"))
def test_every_target_of_make_exists(page: str, command: str) -> None:
    del page
    words = shlex.split(re.sub(r" -C \S+", "", command).partition(")")[0])[1:]  # the folder with the Makefile
    assert {word for word in words if not word.startswith("-") and "=" not in word} <= _TARGETS


@pytest.mark.parametrize(("page", "command"), commands("python -m"))
def test_every_module_that_is_run_exists(page: str, command: str) -> None:
    del page
    module = command.split()[2]
    assert module.partition(".")[0] not in _HERE or find_spec(module) is not None


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_of_a_command_was_set_by_it_or_by_an_earlier_one(page: str) -> None:
    known = {"PATH", "PWD"}
    for command in typed(page):
        known |= set(re.findall(r"(?:^|\s)([A-Za-z_]+)=", command))
        known |= set(re.findall(r"\b(?:for|read -r) (\w+)", command))
        assert set(re.findall(r"\$([A-Za-z_]+)", command)) <= known, command


@pytest.mark.parametrize("page", PAGES)
def test_a_command_that_is_copied_is_whole(page: str) -> None:
    """What has no prompt is taken for an answer, on GitHub by readers and on the site by its button to copy."""
    for command in typed(page):
        assert not command.endswith(("|", " do", "&&")), command
        done = subprocess.run(["bash", "-nc", command], capture_output=True, text=True, timeout=LIMIT_SECONDS)
        assert done.returncode == 0, done.stderr


def test_every_python_block_is_python() -> None:
    found = [code for page in PAGES for code in blocks("python", page)]
    assert len(found) > 5
    for code in found:
        ast.parse(code)


def test_every_yaml_block_has_settings_that_exist() -> None:
    for code in (code for page in PAGES for code in blocks("yaml", page)):
        config = (yaml.safe_load(code) or {}).get("config", {})
        ours = {key.partition(":")[2] for key in config if key.startswith("lambda-rds-proxy:")}
        assert ours <= {*KEYS, *OLDER_KEYS}, code
