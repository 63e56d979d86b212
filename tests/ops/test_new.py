"""What `ops new` writes is whole: it passes its own test, it is packaged as it is, and nothing is written over."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from lambda_rds_proxy.function.requirements import list_of
from ops.__main__ import app

ROOT = Path(__file__).resolve().parents[2]
ENGINES = pytest.mark.parametrize("engine", list(Engine))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the command is given."""
    monkeypatch.chdir(tmp_path)


def new(*words: str) -> Result:
    return CliRunner().invoke(app, ["new", "function", *words])


@ENGINES
def test_what_it_makes_passes_its_own_test_and_is_packaged_with_its_driver(engine: Engine, tmp_path: Path) -> None:
    done = new("api", "--engine", engine)
    assert done.exit_code == 0, done.stderr
    # With nothing on the path: neither a driver nor rds_connection.
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    for arguments, folder in (([], tmp_path / "api"), (["api"], tmp_path)):
        tested = subprocess.run(
            [*pytest_alone, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert tested.returncode == 0 and "1 passed" in tested.stdout, tested.stdout
    archive = build_package(tmp_path / "api", target=this_machine(), engine=engine)
    names = set(zipfile.ZipFile(archive).namelist())
    driver = {Engine.POSTGRESQL: "psycopg", Engine.MYSQL: "pymysql"}[engine]
    assert {"app.py", "rds_connection/__init__.py", f"{driver}/__init__.py"} <= names


@ENGINES
def test_its_list_is_the_shipped_one_and_has_what_it_asks_for(engine: Engine, tmp_path: Path) -> None:
    assert new("api", "--engine", engine).exit_code == 0
    shipped = list_of(ROOT / "components" / "lambda_rds_proxy" / "user" / "admin_function", engine).read_text()
    text = (tmp_path / "api" / "requirements.txt").read_text()
    assert re.findall(r"^[^#]*$", text, re.MULTILINE) == re.findall(r"^[^#]*$", shipped, re.MULTILINE)
    assert "# via -r requirements.in" in text and "components" not in text


def test_several_are_tested_in_one_run(tmp_path: Path) -> None:
    for name in ("api", "a-report", "a_w0rker"):
        assert new(name).exit_code == 0
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "3 passed" in done.stdout, done.stdout


def test_it_says_the_lines_that_put_it_into_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    (tmp_path / "deeper").mkdir()
    monkeypatch.chdir(tmp_path / "deeper")
    done = new("api", "--path", "functions/api")
    assert "pytest functions/api (change it with the function)\n" in done.stdout
    # As the project's file sees it, wherever one stands.
    assert "pulumi config set --path functions.api.path deeper/functions/api\n" in done.stdout
    assert '"functions": {"api": {"path": "deeper/functions/api"}}\n' in done.stdout
    assert "python -m ops lock functions/api\n" in done.stdout


@pytest.mark.parametrize("name", ["9lives", "a" * 41, "with space", "../out", "api.v2", "ünlaut", "-x", ""])
def test_a_name_that_the_program_does_not_take_is_refused_in_its_words(name: str, tmp_path: Path) -> None:
    done = new("--", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f'error: functions has the name "{name}"; it must be a name of at most 40 letters, digits, hyphens and '
        "underscores, starting with a letter\n"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("there", ["app.py", "mine.txt", ".hidden", None])
def test_nothing_that_is_there_is_written_over(there: str | None, tmp_path: Path) -> None:
    if there is None:
        (tmp_path / "api").write_text("mine")
    else:
        (tmp_path / "api").mkdir()
        (tmp_path / "api" / there).write_text("mine")
    done = new("api")
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(
        r"error: api (is there and not empty|cannot be made: .*); name another folder .*\n", done.stderr
    )
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["mine"]


def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    assert new("api").exit_code == 0
    assert (tmp_path / "api" / "app.py").is_file()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("from lambda_rds_proxy import ServerlessDatabase\n", ["own program"]),
        ("from lambda_rds_proxy.serverless_database.config import read_config\n", ["configuration"]),
        (None, ["own program", "configuration"]),
    ],
)
def test_it_says_the_line_that_fits_the_program(program: str | None, said: list[str], tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\n")
    if program is not None:
        (tmp_path / "__main__.py").write_text(program)
    assert re.findall(r"^  in (?:your|the) (.*?):  ", new("api").stdout, re.MULTILINE) == said


def test_the_program_of_this_repository_reads_its_configuration() -> None:
    assert "read_config" in (ROOT / "__main__.py").read_text()


def test_what_can_be_begun_is_told_in_a_plain_sentence() -> None:
    done = CliRunner().invoke(app, ["new", "funktion", "x"])
    words = " ".join(done.stderr.replace("│", "").split())
    assert done.exit_code == 2 and "Invalid value for 'what': 'funktion' is not one of 'function'." in words
