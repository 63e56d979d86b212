"""Which files are pages of the site: those of the repository, where they are, without a copy.

mkdocs knows one folder of pages. Here a page is called by its path in the repository (`docs/laptop.md`,
`handler/README.md`), so that links between them need no change.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
# Beside the pages, what they link to.
_FILES = (
    *(
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "Pulumi.acceptance.yaml",
        "docs/*.svg",
        "docs/site.css",
        "docs/roles/*.json",
    ),
    *("docs/**/*.md", "handler/README.md", "policies/README.md", "examples/*/README.md"),
)

# The words of an error are common ones, in pages that have little else to do with it.
_FOUND_FIRST = {"docs/errors.md": 20, "docs/troubleshooting.md": 10}


def site_files() -> list[str]:
    """Every file of the site by its path in the repository."""
    return sorted({str(path.relative_to(ROOT)) for pattern in _FILES for path in ROOT.glob(pattern)})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The repository's files in place of those of docs_dir, beside the theme's own."""
    theme = [each for each in files if each.src_dir != config.docs_dir]
    return Files([*theme, *(_file(name, config) for name in site_files())])


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """A folder is its README, as on GitHub; and whoever searches for an error finds the pages of errors first."""
    page.meta["search"] = {"boost": _FOUND_FIRST.get(page.file.src_uri, 1)}
    return markdown.replace("](roles/)", "](roles/README.md)")


def _file(name: str, config: MkDocsConfig) -> File:
    return File.generated(config, name, abs_src_path=str(ROOT / name))
