"""docs/first-hour.md, typed from an empty folder: its commands in order in one bash, its files where it says."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import text_of
from tests.end_to_end.checkouts import Checkout, copied
from tests.packages.conftest import CLEAN, lent, made_build_environment
from tests.waiting import LIMIT_SECONDS

pytestmark = [pytest.mark.engine, pytest.mark.servers]
_PAGE = text_of("docs/first-hour.md")
_COMMANDS = [line[2:] for line in _PAGE.splitlines() if line.startswith("$ ")]
# A file's block stands under a paragraph that begins with its name.
_BLOCKS = re.compile(r"(?:^`(\S+)`(?:(?!\n\n).)*\n\n)?^```(console|yaml|python)\n(.*?)^```$", re.M | re.S)
# The copy is the clone; its environments are those that `make setup` makes, and are shared.
_INSTEAD = {
    r"^git clone .*": "true",
    r"^make -s -C (\S+) setup$": r"test -x \1/.venv/bin/python -a -x \1/policies/venv/bin/python",
}


def _lines(lending: Path) -> Iterator[str]:
    """A script of the page: each command after its number, and before its exit status."""
    number = 0
    for block in re.finditer(
        r"(?:^`(\S+)`(?:(?!\n\n).)*\n\n)?^```(console|yaml|python)\n(.*?)^```$", _PAGE, re.M | re.S
    ):
        file, language, content = block.groups()
        if language != "console":
            assert file, f"the page does not begin with a file's name before:\n{content}"
            yield f"cat > {file} <<'END OF FILE'\n{content}END OF FILE"
            continue
        for command in re.findall(r"^\$ (.+)$", content, re.M):
            done = next((re.sub(old, new, command) for old, new in _INSTEAD.items() if re.match(old, command)), command)
            yield f"echo; echo '--- {number}'; {done}; s=$?; echo; echo \"--- status $s\""
            if command.endswith("-m venv venv"):  # what the packages need besides is lent, and nothing is fetched
                yield f"cp '{lending}' venv/lib/python3*/site-packages/"
            number += 1


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[int, str]]]:
    """What each command of the page did: its exit status and all that it wrote."""
    folder = tmp_path_factory.mktemp("an empty folder")
    lending = folder / "lent.pth"
    lending.write_text(lent(made_build_environment()))
    with copied(folder / "lambda-rds-proxy") as copy:
        author = {f"GIT_{who}_{what}": "a" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "copy"]):
            subprocess.run(["git", *words], cwd=copy.root, env={**os.environ, **author}, check=True)
        clean = {key: value for key, value in CLEAN.items() if not key.startswith(("PULUMI_", "AWS_", "LAMBDA_RDS_"))}
        done = subprocess.run(
            ["bash", "-c", "\n".join(_lines(lending))],
            cwd=folder,
            env={**clean, "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"},  # 0 is pip's word for no isolation
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=6 * LIMIT_SECONDS,
            check=False,
        )
        found = re.findall(r"^--- (\d+)\n(.*?)^--- status (\d+)$", done.stdout, re.M | re.S)
        assert [int(number) for number, _, _ in found] == [*range(len(_COMMANDS))], done.stdout[-4000:]
        yield [(int(status), text) for _, text, status in found]
        assert not _left(copy), "the page leaves something behind"


def _left(copy: Checkout) -> list[str]:
    return [str(path) for path in copy.state.rglob("*") if path.is_file()] if copy.state.exists() else []


def _of(said: list[tuple[int, str]], beginning: str, which: int = 0) -> tuple[int, str]:
    """Of the commands that begin so, what one did."""
    return [each for command, each in zip(_COMMANDS, said, strict=True) if command.startswith(beginning)][which]


def test_every_command_ends_well_but_those_that_show_what_failed(said: list[tuple[int, str]]) -> None:
    failed = {command: said[number][1] for number, command in enumerate(_COMMANDS) if said[number][0]}
    assert list(failed) == ["ops invoke report", "ops doctor", "ops logs report --errors"], failed


def test_the_first_function_answers(said: list[tuple[int, str]]) -> None:
    assert "CREATE TABLE" in _of(said, "ops psql -- -c 'CREATE")[1]
    assert json.loads(_of(said, "ops invoke api")[1]) == {"order": 1}
    assert "rds-proxy-guard" in _of(said, "pulumi up")[1]


def test_the_doctor_and_the_logs_say_why_the_second_one_fails(said: list[tuple[int, str]]) -> None:
    assert _of(said, "ops invoke report")[0] == 1
    status, text = _of(said, "ops doctor")
    flat = " ".join(text.split())
    shown = re.search(r"^✗ .*?app\.py:6$", _PAGE, re.M | re.S)
    assert shown is not None
    assert status == 1
    assert " ".join(shown[0].split()) in flat, text
    (step,) = re.findall(r"^next step  (.*)$", _PAGE, re.M)
    assert step in flat, text
    status, logged = _of(said, "ops logs")
    assert "[ERROR] InsufficientPrivilege: permission denied for table orders" in logged
    assert re.search(r"app\.py\", line 6, in handler$", logged, re.M), logged


def test_what_was_missing_mends_it(said: list[tuple[int, str]]) -> None:
    assert "GRANT" in _of(said, "ops psql -- -c 'GRANT")[1]
    status, answer = _of(said, "ops invoke report", 1)
    assert (status, json.loads(answer)) == (0, {"orders": 1})
    assert "reporting|1" in _of(said, "ops psql --user reporting")[1]
    status, text = _of(said, "ops doctor", 1)
    assert (status, "✓ failed-before" in text) == (0, True), text
