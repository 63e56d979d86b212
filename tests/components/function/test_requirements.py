import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from pip._internal.network.session import PipSession
from pip._internal.req.req_file import parse_requirements

from lambda_rds_proxy.function.requirements import asked

HASH = "--hash=sha256:" + "0" * 64
ROOT = Path(__file__).resolve().parents[3]
LAMBDA = {
    "sys_platform": "linux",
    "platform_machine": "aarch64",
    "python_version": "3.13",
    "python_full_version": "3.13.0",
}


def of(folder: Path, text: str, python: str = "3.13", architecture: str = "arm64") -> list[str]:
    (folder / "requirements.txt").write_text(text)
    return asked(folder / "requirements.txt", python, architecture).splitlines()


@pytest.mark.parametrize(
    ("marker", "holds_for"),
    [
        ('python_full_version < "3.13"', {("3.12", "arm64"), ("3.12", "x86_64")}),
        ("python_version >= '3.13'", {("3.13", "arm64"), ("3.13", "x86_64")}),
        ('platform_machine == "aarch64"', {("3.12", "arm64"), ("3.13", "arm64")}),
        ("platform_machine == 'x86_64' and python_version > '3.12'", {("3.13", "x86_64")}),
        ("sys_platform == 'win32' or sys_platform == 'darwin'", set()),
        ("platform_release >= '5'", set()),
        ("extra == 'pool'", set()),
    ],
)
def test_what_a_marker_says_is_asked_of_the_functions_platform(
    tmp_path: Path, marker: str, holds_for: set[tuple[str, str]]
) -> None:
    for python in ("3.12", "3.13"):
        for architecture in ("arm64", "x86_64"):
            lines = of(tmp_path, f"thing==1 ; {marker} \\\n    {HASH}\n", python, architecture)
            assert lines == ([f"thing==1 {HASH}"] if (python, architecture) in holds_for else [])


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (f"thing==1;python_version>'3' \\\n    {HASH} \\\n    {HASH}\n    # via -r x\n", [f"thing==1 {HASH} {HASH}"]),
        (f"thing==1 \\\n  # why\n  {HASH}\n", ["thing==1", HASH]),
        (f"# a comment that ends so \\\nthing==1 {HASH}\n", [f"thing==1 {HASH}"]),
        (f"\ufeff# UTF-8 of an editor\nthing==1 {HASH}\n", [f"thing==1 {HASH}"]),
        (f"https://h.test/a;b.whl#sha256=0 ; os_name == 'posix'\nz @ https://h.test/z.whl {HASH}\n",
         ["https://h.test/a;b.whl#sha256=0", f"z @ https://h.test/z.whl {HASH}"]),
        (f"--index-url https://i.test/simple\nthing==1 {HASH}\n-c other.txt\n",
         ["--index-url https://i.test/simple", f"thing==1 {HASH}"]),
        ("--index-url https://i.test/simple\nthing==1 ; os_name == 'nt'\n", []),
        ("# nothing\n\n", []),
    ],
)  # fmt: skip
def test_a_list_is_read_as_pip_reads_it(tmp_path: Path, text: str, lines: list[str]) -> None:
    assert of(tmp_path, text) == lines


def test_lists_and_folders_of_wheels_beside_a_list_are_found(tmp_path: Path) -> None:
    (tmp_path / "my wheels").mkdir()
    (tmp_path / "base.txt").write_text(f"base==1 ; python_version < '3' {HASH}\nother==2 {HASH}\n")
    text = f"-r base.txt\n--find-links 'my wheels'\n--find-links https://h.test/wheels\nthing==1 {HASH}\n"
    assert of(tmp_path, text) == [
        f"other==2 {HASH}",
        f"--find-links '{tmp_path}/my wheels'",
        "--find-links https://h.test/wheels",
        f"thing==1 {HASH}",
    ]


@pytest.mark.parametrize("marker", ["python_version", "os_name ~= 'posix'", "'x' in extras", "colour == 'red'", ""])
def test_a_marker_that_cannot_be_evaluated_is_named(tmp_path: Path, marker: str) -> None:
    with pytest.raises(ValueError, match=rf'^the marker of "thing==1 ;.*{marker}" cannot be evaluated: [^\n]+$'):
        of(tmp_path, f"thing==1 ; {marker} {HASH}\n")


def as_pip_reads_it(path: Path) -> Iterator[tuple[str, Any]]:
    """pip's own parser; markers by `packaging`, which is its own as well."""
    for each in parse_requirements(str(path), PipSession()):
        requirement = Requirement(each.requirement)
        marker, requirement.marker = requirement.marker, None
        if marker is None or marker.evaluate(LAMBDA):
            yield str(requirement), each.options


def same_to_pip(folder: Path, text: str) -> None:
    whole, reduced = folder / "whole.txt", folder / "reduced.txt"
    whole.write_text(text)
    reduced.write_text(asked(whole, "3.13", "arm64"))
    assert ";" not in reduced.read_text()
    assert list(as_pip_reads_it(reduced)) == list(as_pip_reads_it(whole))


@pytest.mark.parametrize("path", sorted(ROOT.glob("requirements*.txt")), ids=lambda path: path.name)
def test_pip_finds_in_it_what_it_would_find_on_lambda_in_this_projects_own_lists(path: Path, tmp_path: Path) -> None:
    same_to_pip(tmp_path, path.read_text())


def compared(names: list[str], operators: list[str], values: list[str]) -> st.SearchStrategy[str]:
    quoted = st.sampled_from(values).map(lambda value: f"'{value}'" if len(value) % 2 else f'"{value}"')
    return st.tuples(st.sampled_from(names), st.sampled_from(operators), quoted).map(" ".join)


MARKERS = st.recursive(
    compared(["python_version", "python_full_version"], ["<", "<=", "==", "!=", ">", ">="], ["3.11", "3.13", "3.13.1"])
    | compared(["sys_platform", "platform_machine"], ["==", "!="], ["linux", "win32", "aarch64", "x86_64"]),
    lambda inner: st.tuples(inner, st.sampled_from([" and ", " or "]), inner).map(lambda it: f"({''.join(it)})"),
    max_leaves=4,
)
NAMES = st.text(string.ascii_lowercase, min_size=1, max_size=8)
SEPARATORS = st.sampled_from([" ", " \\\n", " \\\n    "])
REQUIREMENTS = st.builds(
    lambda name, extra, marker, gap, hashes, comment: f"{name}{extra}==1{marker}{gap}{gap.join(hashes)}{comment}\n",
    NAMES,
    st.sampled_from(["", "[pool]"]),
    st.just("") | st.tuples(st.sampled_from([";", " ; ", " ;"]), MARKERS).map("".join),
    SEPARATORS,
    st.lists(st.text("0123456789abcdef", min_size=64, max_size=64).map("--hash=sha256:{}".format), min_size=1),
    st.sampled_from(["", "  # via that", "\n    # via that\n    #   this", "\r"]),
)


@given(lines=st.lists(REQUIREMENTS, max_size=5))
def test_pip_finds_in_it_what_it_would_find_on_lambda(lines: list[str], tmp_path_factory: Any) -> None:
    same_to_pip(tmp_path_factory.mktemp("list"), "".join(lines))
