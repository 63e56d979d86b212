"""The bill of materials is of the very zip: every package and file, with hashes, in the form that CycloneDX says."""

import hashlib
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from lambda_rds_proxy.engines import Engine
from lambda_rds_proxy.function.package import build_package, this_machine
from ops.errors import OpsError
from ops.sbom import sbom

ROOT = Path(__file__).resolve().parents[2]
_LISTS = {Engine.POSTGRESQL: "requirements.txt", Engine.MYSQL: "requirements-mysql.txt"}


def written(archive: Path, into: Path) -> dict[str, Any]:
    sbom([archive], into)
    text = (into / f"{archive.stem}.cdx.json").read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document: dict[str, Any] = json.loads(text)
    return document


def files_of(component: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (each["name"], each["hashes"][0]["content"])
        for each in component.get("components", ())
        if each["type"] == "file" and each["hashes"][0]["alg"] == "SHA-256"
    ]


@pytest.mark.parametrize("engine", list(Engine))
def test_the_handlers_zip_is_described_whole(tmp_path: Path, engine: Engine) -> None:
    archive = build_package(ROOT / "handler", target=this_machine(), engine=engine)
    document = written(archive, tmp_path)
    whole = document["metadata"]["component"]
    assert whole["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(archive.read_bytes()).hexdigest()}]
    described = [entry for each in [whole, *document["components"]] for entry in files_of(each)]
    with zipfile.ZipFile(archive) as package:
        there = [(name, hashlib.sha256(package.read(name)).hexdigest()) for name in package.namelist()]
    assert sorted(described) == sorted(there)


@pytest.mark.parametrize("engine", list(Engine))
def test_its_packages_are_those_of_the_locked_list(tmp_path: Path, engine: Engine) -> None:
    archive = build_package(ROOT / "handler", target=this_machine(), engine=engine)
    packages = {each["purl"] for each in written(archive, tmp_path)["components"] if "pkg:pypi/" in each["purl"]}
    locked = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "handler" / _LISTS[engine]).read_text(), re.MULTILINE)
    only_elsewhere = {"tzdata"}  # of Windows
    assert packages == {f"pkg:pypi/{name}@{version}" for name, version in locked if name not in only_elsewhere}


def wheel(tmp_path: Path, **more: str) -> Path:
    archive = tmp_path / "app.zip"
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("app.py", "own")
        package.writestr("some_thing/__init__.py", "theirs")
        package.writestr("Some_Thing-1.2.dist-info/METADATA", "Name: Some_Thing\nVersion: 1.2\n\nName: other\n")
        package.writestr(
            "Some_Thing-1.2.dist-info/RECORD",
            "some_thing/__init__.py,sha256=x,6\nSome_Thing-1.2.dist-info/METADATA,,\n../../bin/tool,sha256=x,1\n",
        )
        for name, content in more.items():
            package.writestr(name, content)
    return archive


def test_a_file_is_under_the_package_that_it_is_of(tmp_path: Path) -> None:
    document = written(wheel(tmp_path), tmp_path)
    (package,) = document["components"]
    assert (package["purl"], package["version"]) == ("pkg:pypi/some-thing@1.2", "1.2")
    assert [name for name, _ in files_of(package)] == ["Some_Thing-1.2.dist-info/METADATA", "some_thing/__init__.py"]
    own = [name for name, _ in files_of(document["metadata"]["component"])]
    assert own == ["Some_Thing-1.2.dist-info/RECORD", "app.py"]


def test_bytecode_is_under_the_package_of_its_module(tmp_path: Path) -> None:
    names = {"some_thing/__pycache__/__init__.cpython-313.pyc": "theirs", "__pycache__/app.cpython-313.pyc": "own"}
    document = written(wheel(tmp_path, **names), tmp_path)
    assert "some_thing/__pycache__/__init__.cpython-313.pyc" in [
        name for name, _ in files_of(document["components"][0])
    ]
    assert "__pycache__/app.cpython-313.pyc" in [name for name, _ in files_of(document["metadata"]["component"])]


def test_what_a_wheel_says_was_linked_into_it_is_of_that_package(tmp_path: Path) -> None:
    inside = {"components": [{"name": "libcom_err", "version": "1.45", "purl": "pkg:rpm/almalinux/libcom_err@1.45"}]}
    archive = wheel(tmp_path, **{"Some_Thing-1.2.dist-info/sboms/auditwheel.cdx.json": json.dumps(inside)})
    document = written(archive, tmp_path)
    depends = {each["ref"]: each.get("dependsOn") for each in document["dependencies"]}
    assert depends["pkg:pypi/some-thing@1.2"] == ["pkg:rpm/almalinux/libcom_err@1.45"]
    assert depends["app"] == ["pkg:pypi/some-thing@1.2"]


def test_the_same_zip_has_the_same_number(tmp_path: Path) -> None:
    first, again = (written(wheel(tmp_path), tmp_path)["serialNumber"] for _ in range(2))
    other = written(wheel(tmp_path, more="x"), tmp_path)["serialNumber"]
    assert first == again != other


def test_a_folder_is_packaged_as_it_is_deployed(tmp_path: Path) -> None:
    source = tmp_path / "plain"
    source.mkdir()
    (source / "app.py").write_text("own")
    sbom([source], tmp_path / "out")
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    names = [f"plain-{engine}-{architecture}" for engine in Engine for architecture in ("arm64", "x86_64")]
    assert made == sorted(f"{name}.{kind}" for name in names for kind in ("zip", "cdx.json"))


@pytest.mark.parametrize("content", [None, b"no zip"])
def test_what_is_no_zip_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "none.zip"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(OpsError, match=f"{path} cannot be read as a zip .*; give the zip of a function"):
        sbom([path], tmp_path)
