"""What is installed is what was locked: every list has hashes, every install asks for them, another byte is refused."""

import http.server
import json
import os
import re
import subprocess
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import LIMIT_SECONDS
from toolchain import installer, locks
from toolchain.environments import make_environment
from toolchain.go_module import go_environment
from toolchain.progress import CommandError

ROOT = Path(__file__).resolve().parents[2]


def tracked(*patterns: str) -> list[str]:
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    return subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()


def test_every_list_is_locked_by_make_lock() -> None:
    assert sorted(locks._LISTS) == tracked("*.in")
    lists = [path for path in tracked("*.txt") if "--hash=" in (ROOT / path).read_text()]
    assert sorted(locks._locked(source) for source in locks._LISTS) == lists


@pytest.mark.parametrize("source", locks._LISTS)
def test_every_requirement_of_a_list_has_a_hash(source: str) -> None:
    entries = re.split(r"^(?=[\w.-])", (ROOT / locks._locked(source)).read_text(), flags=re.MULTILINE)[1:]
    assert entries
    for entry in entries:
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry


@pytest.mark.parametrize("source", locks._LISTS)
def test_a_list_has_the_versions_that_its_source_pins(source: str) -> None:
    text = (ROOT / locks._locked(source)).read_text()
    for name, version in re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / source).read_text(), re.MULTILINE):
        assert re.search(rf"^{re.escape(name)}=={re.escape(version)} ", text, re.MULTILINE), name


def test_every_pip_is_told_to_ask_for_hashes() -> None:
    found = []
    for path in tracked("*.py", "*.md", "*.yml", "*.yaml", "Makefile", "*.sh", "*.toml"):
        text = (ROOT / path).read_text()
        for match in re.finditer(r"""\bpip3?["']?,?\s+["']?(install|download)\b|\buvx? (pip install|run|tool)""", text):
            if path.startswith("tests/") or path == "CHANGELOG.md":
                continue
            # Of this repository no list is, and a folder that is named alone brings nothing with it.
            if re.search(r"#subdirectory=|--no-deps \{", text[match.start() :].partition("\n")[0]):
                continue
            found.append(path)
            assert "--require-hashes" in text[match.start() : match.start() + 400], f"{path}: {match[0]}"
    assert {"toolchain/installer.py", "components/lambda_rds_proxy/function/package.py"} <= set(found)


def wheel(folder: Path, name: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr(f"{name}.py", "")
        package.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        package.writestr(
            f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        package.writestr(f"{name}-1.0.dist-info/RECORD", f"{name}.py,,\n{name}-1.0.dist-info/RECORD,,\n")
    return path


@pytest.mark.parametrize("lock", ["another", "none"])
@pytest.mark.parametrize("by", ["uv", "pip"])
def test_a_package_of_another_byte_or_without_a_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, lock: str
) -> None:
    uv = installer.get_uv()
    assert uv is not None
    monkeypatch.setattr(installer, "get_uv", lambda: uv if by == "uv" else None)
    built = wheel(tmp_path, "peer")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    digest = subprocess.run(["sha256sum", built], capture_output=True, text=True, check=True).stdout.split()[0]
    requirements = tmp_path / "peer.txt"
    requirements.write_text(f"peer==1.0 --hash=sha256:{digest}\n")
    make_environment(tmp_path / "venv", requirements, "a peer")
    assert list((tmp_path / "venv").glob("lib/*/site-packages/peer.py"))
    for installed in (tmp_path / "venv").glob("lib/*/site-packages/peer*"):
        installed.rename(tmp_path / installed.name)
    if lock == "another":
        with built.open("ab") as content:
            content.write(b"\0")
        monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))  # or it takes the one of the known hash from there
    requirements.write_text("peer==1.0" + (f" --hash=sha256:{digest} # again\n" if lock == "another" else "\n"))
    with pytest.raises(CommandError, match="installing a peer failed"):
        make_environment(tmp_path / "venv", requirements, "a peer")


class _Advisories(http.server.BaseHTTPRequestHandler):
    """Stands in for osv.dev: one package has a vulnerability; the answer for another is an error."""

    vulnerable: str
    broken: str

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["package"]["name"]
        found = {"id": "GHSA-0000-0000-0000", "affected": [{"package": {"name": asked, "ecosystem": "PyPI"}}]}
        content = json.dumps({"vulns": [found]} if asked == self.vulnerable else {}).encode()
        self.send_response(500 if asked == self.broken else 200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def advisories(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Advisories]]:
    monkeypatch.setattr(_Advisories, "vulnerable", "", raising=False)
    monkeypatch.setattr(_Advisories, "broken", "", raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Advisories) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_AUDIT_OSV_URL", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(locks, "_LISTS", ("handler/requirements.in", "handler/requirements-mysql.in"))
        yield _Advisories
        server.shutdown()


def test_an_audit_without_a_finding_is_silent(advisories: type[_Advisories]) -> None:
    locks.audit_locks(ROOT)


def test_the_list_with_a_vulnerable_version_is_named(
    advisories: type[_Advisories], capfd: pytest.CaptureFixture[str]
) -> None:
    advisories.vulnerable = "pymysql"
    with pytest.raises(CommandError, match=r"^handler/requirements-mysql\.txt: versions with a known vulnerability"):
        locks.audit_locks(ROOT)
    assert "GHSA-0000-0000-0000" in capfd.readouterr().out


def test_what_nobody_could_be_asked_about_is_not_taken_for_sound(advisories: type[_Advisories]) -> None:
    advisories.broken = "psycopg"
    with pytest.raises(CommandError, match=r"^handler/requirements\.txt: "):
        locks.audit_locks(ROOT)


@pytest.mark.parametrize("is_known", [True, False])
def test_a_go_module_of_another_hash_is_not_built(tmp_path: Path, is_known: bool) -> None:
    name = "example.invalid/small"
    served = tmp_path / "proxy" / name / "@v"
    served.mkdir(parents=True)
    (served / "list").write_text("v1.0.0\n")
    (served / "v1.0.0.info").write_text('{"Version": "v1.0.0"}')
    (served / "v1.0.0.mod").write_text(f"module {name}\n\ngo 1.21\n")
    with zipfile.ZipFile(served / "v1.0.0.zip", "w") as module:
        module.writestr(f"{name}@v1.0.0/go.mod", f"module {name}\n\ngo 1.21\n")
        module.writestr(f"{name}@v1.0.0/small.go", "package small\n\nfunc Zero() int { return 0 }\n")
    own = tmp_path / "own"
    own.mkdir()
    (own / "go.mod").write_text(f"module own\n\ngo 1.21\n\nrequire {name} v1.0.0\n")
    (own / "main.go").write_text(f'package main\n\nimport "{name}"\n\nfunc main() {{ println(small.Zero()) }}\n')
    made = tmp_path / "made"
    environment = {
        **os.environ, **go_environment("go", made), "GOPROXY": f"file://{tmp_path / 'proxy'}", "GONOSUMDB": "*",
        "GOFLAGS": "-modcacherw -buildvcs=false", "GOMODCACHE": str(made / "mod"), "GOCACHE": str(tmp_path / "cache"),
    }  # fmt: skip

    def go(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["go", *words], cwd=own, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS
        )

    assert go("mod", "tidy").returncode == 0
    if not is_known:
        sums = (own / "go.sum").read_text()
        at = sums.index("h1:") + 3
        (own / "go.sum").write_text(sums[:at] + ("A" if sums[at] != "A" else "B") + sums[at + 1 :])
    done = go("build", "-mod=readonly", "-o", str(made / "own"), ".")
    assert (done.returncode == 0) == is_known
    assert ("checksum mismatch" in done.stderr) != is_known
