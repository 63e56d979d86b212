"""What `pulumi` says of a stack, and of a stack that it does not know."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops import places
from ops import stack_outputs as module
from ops.stack_outputs import (
    StackError,
    known_outputs,
    outputs_so_far,
    stack_functions,
    stack_outputs,
    stack_proxies,
    stack_resources,
)

Pulumi = Callable[..., Path]


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulumi:
    """Puts a `pulumi` on PATH that answers this, and writes down what it was asked."""

    def put(answer: Any, *, problem: str = "") -> Path:
        (tmp_path / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer))
        (tmp_path / "problem").write_text(problem)
        program = tmp_path / "pulumi"
        program.write_text(
            f'#!/bin/sh\necho "$@" > {tmp_path}/asked\n/bin/cat {tmp_path}/answer\n'
            f"/bin/cat {tmp_path}/problem >&2\ntest ! -s {tmp_path}/problem\n"
        )
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path))
        return tmp_path / "asked"

    return put


def test_outputs_are_asked_for_without_a_prompt_and_without_secrets(pulumi: Pulumi) -> None:
    asked = pulumi({"proxyPort": 5432})
    assert stack_outputs("dev") == {"proxyPort": 5432}
    assert asked.read_text().split() == ["stack", "output", "--json", "--stack", "dev", "--non-interactive"]


def test_a_stack_that_was_never_up_has_no_outputs(pulumi: Pulumi) -> None:
    pulumi("")
    assert stack_outputs("dev") == {}


def test_proxies_are_those_among_the_stacks_resources(pulumi: Pulumi) -> None:
    kind = "aws:rds/proxy:Proxy"
    asked = pulumi(
        {
            "deployment": {
                "resources": [
                    {"type": "pulumi:pulumi:Stack"},
                    {"type": kind, "outputs": {"name": "orders", "endpoint": "orders.proxy-a"}},
                    {"type": kind},
                    {"type": "aws:rds/proxyEndpoint:ProxyEndpoint", "outputs": {"name": "ro", "endpoint": "ro.a"}},
                    {"type": kind, "outputs": {"name": "reports", "endpoint": "reports.proxy-a"}},
                ]
            }
        }
    )
    assert stack_proxies(stack_resources("dev")) == {"orders": "orders.proxy-a", "reports": "reports.proxy-a"}
    assert "--show-secrets" not in asked.read_text()


@pytest.mark.parametrize("answer", [{}, {"deployment": None}, {"deployment": {}}])
def test_a_stack_without_resources_has_no_proxies(pulumi: Pulumi, answer: Any) -> None:
    pulumi(answer)
    assert stack_proxies(stack_resources("dev")) == {}
    assert outputs_so_far(stack_resources("dev")) == {"functions": {}}


def test_what_an_up_that_failed_has_made_stands_for_the_outputs_that_it_did_not_get_to(pulumi: Pulumi) -> None:
    def made(parts: str, logical_name: str, **outputs: str) -> dict[str, Any]:
        kind = f"lambda-rds-proxy:index:ServerlessDatabase${parts}"
        return {"urn": f"urn:pulumi:dev::p::{kind}::{logical_name}", "type": parts.split("$")[-1], "outputs": outputs}

    of = "lambda-rds-proxy:index:"
    resources = [
        {"type": "pulumi:pulumi:Stack"},
        made(f"{of}Database$aws:rds/instance:Instance", "database", address="orders.abc.rds", endpoint="x:5432"),
        made(f"{of}DatabaseUser$aws:lambda/function:Function", "database-admin", name="admin"),
        made(f"{of}DatabaseProxy$aws:rds/proxy:Proxy", "database", name="orders", endpoint="orders.proxy-abc"),
        made(f"{of}DatabaseFunction$aws:lambda/function:Function", "app", name="orders-app"),
        made(f"{of}DatabaseFunction$aws:lambda/function:Function", "failed"),
    ]
    pulumi({"deployment": {"resources": resources}})
    assert outputs_so_far(stack_resources("dev")) == {
        "proxyEndpoint": "orders.proxy-abc",
        "databaseEndpoint": "orders.abc.rds",
        "functions": {"app": "orders-app"},
    }


def test_a_program_that_exports_nothing_has_what_its_component_has(tmp_path: Path, pulumi: Pulumi) -> None:
    proxy = {"endpoint": "orders.proxy-abc", "port": 5432, "user": "app", "database_name": "app_db", "arn": "arn:…"}
    kind = "lambda-rds-proxy:index:ServerlessDatabase"
    function = f"{kind}$lambda-rds-proxy:index:DatabaseFunction$aws:lambda/function:Function"
    resources = [
        {"urn": f"urn:pulumi:dev::p::{kind}::orders", "type": kind, "outputs": {"proxy": proxy}},
        {"urn": f"urn:pulumi:dev::p::{function}::api", "type": function, "outputs": {"name": "orders-dev-api"}},
    ]
    pulumi({"deployment": {"resources": resources}})
    # Of the outputs one is exported.
    (tmp_path / "pulumi").write_text(
        f'#!/bin/sh\ncase $2 in output) echo \'{{"databaseName": "said"}}\';; *) /bin/cat {tmp_path}/answer;; esac\n'
    )
    assert known_outputs("dev", resources) == {
        "functions": {"api": "orders-dev-api"},
        "proxyEndpoint": "orders.proxy-abc",
        "proxyPort": 5432,
        "databaseName": "said",
        "databaseUser": "app",
    }
    assert stack_functions("dev", "api") == {"api": "orders-dev-api"}


@pytest.mark.parametrize("read", [stack_outputs, stack_resources])
def test_what_pulumi_refuses_is_told_in_its_last_sentence(pulumi: Pulumi, read: Callable[[str], Any]) -> None:
    pulumi("", problem="warning: old\nerror: passphrase must be set\n")
    with pytest.raises(StackError, match=r'^the stack "dev" cannot be read: passphrase must be set$'):
        read("dev")


@pytest.mark.parametrize(
    ("folder", "stack", "fix"),
    [
        ("program", "dev", "{tmp}/program; run `pulumi stack init dev`"),
        ("program", "local", "{tmp}/program; run `pulumi stack init local`"),
        (".", "local", "{tmp}/clone; go to the folder of your Pulumi.yaml, or run `make up`"),
        (".", "dev", "{tmp}/clone; go to the folder of your Pulumi.yaml, or run `pulumi stack init dev`"),
        ("clone", "local", "{tmp}/clone; run `make up`"),
    ],
)
def test_of_a_stack_that_there_is_not_is_told_where_it_was_looked_for(
    folder: str, stack: str, fix: str, pulumi: Pulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("program", "clone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Pulumi.yaml").write_text("name: shop\n")
    place = SimpleNamespace(STACK="local", project=lambda: tmp_path / "clone")
    for each in (places, module):
        monkeypatch.setattr(each, "place_here", lambda: place)
    monkeypatch.chdir(tmp_path / folder)
    pulumi("", problem=f"error: no stack named '{stack}' found\n")
    with pytest.raises(StackError) as told:
        stack_outputs(stack)
    words = f"the stack \"{stack}\" cannot be read: no stack named '{stack}' found in {fix.format(tmp=tmp_path)}"
    assert str(told.value) == words


def test_a_folder_without_a_program_is_told_in_our_words(
    pulumi: Pulumi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "place_here", lambda: None)
    monkeypatch.chdir(tmp_path)
    pulumi("", problem="error: no Pulumi.yaml project file found (searching upwards from /x). If you have not, …\n")
    with pytest.raises(StackError, match=f"there is no Pulumi.yaml in {tmp_path} or above it; go to the folder of"):
        stack_outputs("dev")


def test_where_there_is_no_pulumi_the_fix_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StackError, match="make -s env"):
        stack_outputs("dev")
