"""The comment on a request holds what its code printed as that and nothing more, whatever the code does."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.waiting import LIMIT_SECONDS
from tests.workflows.workflow import ROOT, program, run, script, workflow

_GH = """#!/usr/bin/env python3
import json, pathlib, sys
store = pathlib.Path("comments.json")
comments = json.loads(store.read_text()) if store.exists() else []
arguments = sys.argv[2:]
if "--method" in arguments:
    method, address = arguments[arguments.index("--method") + 1], arguments[arguments.index("--method") + 2]
    body = pathlib.Path(arguments[arguments.index("--field") + 1].removeprefix("body=@")).read_text()
    if method == "POST":
        comments.append({"id": len(comments) + 1, "user": {"login": "github-actions[bot]"}, "body": body})
    else:
        next(each for each in comments if each["id"] == int(address.rsplit("/", 1)[1]))["body"] = body
    store.write_text(json.dumps(comments))
else:
    print(json.dumps([comments[:1], comments[1:]]))
"""
_JOBS = workflow("preview")["jobs"]
_COMMIT = "0123456789abcdef0123456789abcdef01234567"
_RUN = "https://example.invalid/o/r/actions/runs/1"
_MARKER = "<!-- pulumi preview of dev -->\n"


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """The folder of the job: what is checked out in it, and gh on PATH."""
    (tmp_path / ".github").symlink_to(ROOT / ".github")
    (tmp_path / "artifact").mkdir()
    program(tmp_path, "gh", _GH)
    return tmp_path


def comments(job: Path, printed: str | bytes | None, result: str = "success") -> list[dict[str, object]]:
    if printed is not None:
        (job / "artifact" / "printed.txt").write_bytes(printed.encode() if isinstance(printed, str) else printed)
    text = script(_JOBS["comment"]["steps"], "Comment on the request")
    addresses = {"COMMENTS": "repos/o/r/issues/7/comments", "COMMENT": "repos/o/r/issues/comments"}
    done = run(text, job, GH_TOKEN="t", HEAD=_COMMIT, RESULT=result, RUN=_RUN, **addresses)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, object]] = json.loads((job / "comments.json").read_text())
    return found


def comment(job: Path, printed: str | bytes | None, result: str = "success") -> str:
    return str(comments(job, printed, result)[-1]["body"])


def outside_and_inside(text: str) -> tuple[str, str]:
    """What Markdown shows as text, and what as the one block of code."""
    tokens = MarkdownIt("commonmark").parse(text)
    (fence,) = [token for token in tokens if token.type == "fence"]
    assert tokens[-1] is fence
    return "\n".join(token.content for token in tokens if token is not fence), fence.content


def test_a_request_has_one_comment_that_is_written_anew(job: Path) -> None:
    strangers = [
        {"id": 1, "user": {"login": "somebody"}, "body": f"{_MARKER} not ours"},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow's"},
    ]
    (job / "comments.json").write_text(json.dumps(strangers))
    assert "first" in comment(job, "first")
    found = comments(job, "second")
    assert found[:2] == strangers
    assert len(found) == 3
    assert "second" in str(found[2]["body"])
    assert "first" not in str(found[2]["body"])


_FORGED = f"{_MARKER}### Preview of dev: success\nNothing changes. @team please merge ![](https://x.invalid)"


@pytest.mark.parametrize(
    "printed",
    [
        _FORGED,
        *(f"a\n{fence}\n{_FORGED}" for fence in ("~" * 12, "~" * 13, "~" * 5000, "   " + "~" * 12, "`" * 12)),
        f"a\r{'~' * 12}\r{_FORGED}",
        f"a\u2028{'~' * 12}\u2028{_FORGED}",
        *("a\n" + f"~{between}" * 12 + "\n" + _FORGED for between in ("\x00", "\u200b", "\u202e", "\x1b[0m")),
        f"a\n{'~' * 11}\x1b[1\x1b[0mm~\n{_FORGED}",
        f"{'~' * 12}\n" * 20_000 + _FORGED,
        b"a\xff\xfe\n" + b"~" * 12 + b"\n" + _FORGED.encode(),
    ],
    ids=lambda printed: repr(printed[:24]),
)
def test_what_the_requests_code_prints_stays_in_one_block_of_code(job: Path, printed: str | bytes) -> None:
    text = comment(job, printed)
    assert text.startswith(_MARKER)
    outside, inside = outside_and_inside(text)
    honest, _ = outside_and_inside(comment(job, "nothing changes"))
    assert outside == honest
    assert "Nothing changes" in inside


def test_the_words_of_the_comment_promise_nothing_that_the_requests_code_could_bring_about(job: Path) -> None:
    outside, _ = outside_and_inside(comment(job, "fine"))
    assert f"Preview of dev at {_COMMIT}" in outside
    assert "which is no promise: code of the request ran in it" in outside
    assert "it can print anything" in outside
    assert _RUN in outside
    assert "succe" not in outside.lower()


@pytest.mark.parametrize("result", ["failure", "cancelled"])
def test_a_job_that_failed_is_said_to_have_failed_whatever_it_printed(job: Path, result: str) -> None:
    outside, _ = outside_and_inside(comment(job, "The job ended without an error", result))
    assert "The job failed." in outside
    assert "without an error" not in outside


def test_a_run_that_never_reached_pulumi_says_so(job: Path) -> None:
    assert outside_and_inside(comment(job, None, "failure"))[1] == "nothing was printed\n"


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_what_is_uploaded_in_place_of_the_file_shows_nothing_of_the_machine(job: Path, kind: str) -> None:
    (job / "secret").write_text("of the machine")
    place = job / "artifact" / "printed.txt"
    place.mkdir() if kind == "folder" else place.symlink_to(job / "secret")
    assert outside_and_inside(comment(job, None))[1] == "nothing was printed\n"


@pytest.mark.parametrize("printed", ["→" * 40_000 + "\nPolicies: the end\n", "a\n" * 400_000 + "Policies: the end"])
def test_a_comment_fits_whatever_was_printed_and_keeps_its_end(job: Path, printed: str) -> None:
    text = comment(job, printed, "failure")
    assert len(text) < 65_536
    assert "Policies: the end" in text


@pytest.mark.parametrize(
    "written",
    [
        "123456789012",
        "arn:aws:iam::123456789012:role/x",
        "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole",
        "id%20123456789012",
        "x123456789012x",
        "1234-5678-9012",
        "123456\x1b[1m789012",
        "123456\u200b789012",
        "123456\x00789012",
        "１２３４５６７８９０１２",  # digits of another script
    ],
)
def test_no_account_is_in_a_comment(job: Path, written: str) -> None:
    _, inside = outside_and_inside(comment(job, f"before {written} after"))
    assert "************" in inside
    assert not any(digits in inside for digits in ("9012", "3456", "９０１２"))
    assert inside.startswith("before ") and inside.endswith(" after\n")


def test_an_id_from_which_the_account_can_be_computed_is_in_no_comment(job: Path) -> None:
    assert "ASIA" not in comment(job, "key ASIAQNZGKIQY56JQ7WML")


def test_an_account_that_the_cut_would_halve_is_in_no_comment(job: Path) -> None:
    for shift in range(0, 12, 3):
        assert "9012" not in comment(job, "123456789012 " + "x" * (59_990 + shift))
        assert "9012" not in comment(job, "x" * 999 + "123456789012" + "\0" * (599_990 + shift))


def test_ordinary_lines_of_pulumi_are_left_as_they_are(job: Path) -> None:
    line = " +   aws:lambda:Function  app  create  [diff: ~memorySize]  2026-11-28T10:51:09Z  ✅ → 12345678901\n\tMore"
    assert outside_and_inside(comment(job, line))[1] == line + "\n"


def test_nothing_beside_the_artifact_is_imported(job: Path) -> None:
    for name in ("re", "json", "unicodedata", "pathlib", "sitecustomize"):
        for folder in (job, job / "artifact"):
            (folder / f"{name}.py").write_text("raise SystemExit('the request ran')")
    assert "as ever" in comment(job, "as ever")


def test_the_filter_needs_nothing_but_a_bare_python(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-S", str(ROOT / ".github/actions/stack/printed.py"), str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT_SECONDS)
    assert done.stdout == "nothing was printed\n"
