"""The site: every page is found from its navigation, reads as on GitHub, and fetches nothing from elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from docs.site_files import site_files
from tests.docs.pages import PAGES, ROOT, text_of
from tests.waiting import LIMIT_SECONDS

_NAVIGATION = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2].partition("\ntheme:\n")[0]
_KINDS = ("First hour", "How to", "Reference", "Why")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = _build(ROOT, "--site-dir", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def _build(root: Path, *more: str) -> "subprocess.CompletedProcess[str]":
    """As `make lint` builds it."""
    (options,) = re.findall(r"\$\(PYTHON\) -m mkdocs build (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    command = [sys.executable, "-m", "mkdocs", "build", *options.split(), *more]
    # Nothing may be needed from elsewhere: whatever asks for the network finds a closed door.
    closed = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "NO_MKDOCS_2_WARNING": "1"}
    env = {**os.environ, **closed}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=LIMIT_SECONDS)


def _html(site: Path, page: str) -> str:
    name = re.sub(r"(README|index)\.md$", "index.html", page)
    return (site / (name if name != page else page.removesuffix(".md") + "/index.html")).read_text()


class _Fetched(HTMLParser):
    """What a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in ("script", "img", "iframe", "source", "link") and given.get("rel") != "canonical":
            self.found += [given.get("src", ""), given.get("href", "")]


def test_every_page_is_in_the_navigation_under_one_of_four_kinds() -> None:
    assert re.findall(r"^  - ([A-Z][\w ]+):$", _NAVIGATION, re.MULTILINE) == list(_KINDS)
    named = re.findall(r"([\w./-]+\.md)$", _NAVIGATION, re.MULTILINE)
    assert sorted(named) == sorted(set(named))
    assert {page for page in PAGES if not page.startswith("examples/")} <= set(named) <= set(PAGES)


def test_every_file_of_the_site_is_one_of_the_repository() -> None:
    tracked = subprocess.run(["git", "ls-files", "--others", "--cached"], cwd=ROOT, capture_output=True, text=True)
    assert set(site_files()) <= set(tracked.stdout.splitlines())
    assert len(site_files()) > 35


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_the_tables_and_blocks_on_the_site_that_it_has_on_github(site: Path, page: str) -> None:
    on_github = MarkdownIt("commonmark").enable("table").render(text_of(page))
    here = _html(site, page).partition("<article")[2].partition("</article>")[0]
    for mark in (r"<table", r"<pre\b", r"<tr\b", r"<li\b", r"<h[1-4]\b"):
        assert len(re.findall(mark, here)) == len(re.findall(mark, on_github)), mark


@pytest.mark.parametrize("link", ["nowhere.md", "laptop.md#nowhere", "../policies/nowhere.md", "/docs/laptop.md"])
def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path, link: str) -> None:
    for name in ("mkdocs.yml", "docs/site_files.py", *site_files()):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, tmp_path / name)
    with (tmp_path / "docs" / "faults.md").open("a") as page:
        page.write(f"\n[a link]({link})\n")
    done = _build(tmp_path)
    assert done.returncode != 0
    assert link in done.stderr


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        reader = _Fetched()
        reader.feed(path.read_text())
        assert [each for each in reader.found if re.match(r"(https?:)?//", each)] == [], path
    for path in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", path.read_text()) == [], path


def test_what_a_page_fetches_is_there(site: Path) -> None:
    for path in site.rglob("index.html"):
        reader = _Fetched()
        reader.feed(path.read_text())
        wanted = [each.partition("#")[0].partition("?")[0] for each in reader.found]
        missing = [
            each for each in wanted if each and not each.startswith("data:") and not (path.parent / each).exists()
        ]
        assert missing == [], path
        assert any(each.endswith(".css") for each in wanted) and any(each.endswith(".js") for each in wanted)


def test_the_search_knows_what_people_type_who_have_an_error(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text()
    for text in (
        *("remaining connection slots are reserved", "Timed-out waiting to acquire database connection"),
        *("PENDING_PROXY_CAPACITY", "end one block before the next begins", "the local stack is not up"),
    ):
        assert text in index


def test_the_search_finds_an_error_by_its_words_before_a_title_with_one_of_them(site: Path) -> None:
    """Seen in a browser: by the theme's own weights `rds-proxy-max-connections` came first for its one word."""
    index = json.loads((site / "search" / "search_index.json").read_text())
    weights = {field: each["boost"] for field, each in index["config"]["fields"].items()}
    errors = {each["boost"] for each in index["docs"] if each["location"].startswith("docs/errors/")}
    assert len(errors) == 1
    assert min(errors) * weights["text"] >= max(weights.values())
