"""`python -m ops sbom`: what is in a function's zip, as a CycloneDX document."""

import hashlib
import json
import re
import shutil
import zipfile
from email.parser import HeaderParser
from itertools import product
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from packageurl import PackageURL

from lambda_rds_proxy.engines import ENGINES
from lambda_rds_proxy.function.package import PackageError, Platform, build_package
from lambda_rds_proxy.stack.args import ARCHITECTURES, LAMBDA_PYTHON
from ops.errors import OpsError

_METADATA = re.compile(r"([^/]+\.dist-info)/METADATA")
_BYTECODE = re.compile(r"__pycache__/([^/.]+)\.[^/]+\.pyc$")


def sbom(
    sources: Annotated[list[Path], typer.Argument(help="Zips of functions, or folders as in functions[].path.")],
    into: Annotated[Path, typer.Option(help="The folder that gets the documents, and the zips of folders.")] = Path(
        "sbom"
    ),
) -> None:
    """What is in the zip that Lambda gets: packages, the libraries bundled in them, and every file's SHA-256.

    A folder is packaged as `pulumi up` does, for each engine and architecture.

    **Examples**

    - `python -m ops sbom handler`: the example function's zips, each with its document, into sbom/
    - `python -m ops sbom build/api.zip --into build`: a zip that is there already

    Exit status: 0 written as NAME.cdx.json, 2 something cannot be packaged or read.
    """
    into.mkdir(parents=True, exist_ok=True)
    for path in [each for source in sources for each in (_packages(source, into) if source.is_dir() else [source])]:
        try:
            text = make_outputter(bill(path), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
        except (OSError, zipfile.BadZipFile) as error:
            raise OpsError(f"{path} cannot be read as a zip ({error}); give the zip of a function") from None
        (into / path.with_suffix(".cdx.json").name).write_text(text)


def _packages(source: Path, into: Path) -> list[Path]:
    found = []
    for engine, architecture in product(ENGINES, ARCHITECTURES):
        target = Platform(python=LAMBDA_PYTHON, architecture=architecture)
        try:
            built = build_package(source, target=target, engine=engine)
        except PackageError as error:
            raise OpsError(str(error)) from None
        found.append(into / f"{source.name}-{engine}-{architecture}.zip")
        shutil.copyfile(built, found[-1])
    return found


def bill(path: Path) -> Bom:
    """The document of this very zip: each of its files stands in it once, under the package that it is of."""
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in sorted(archive.namelist())}
    digest = hashlib.sha256(path.read_bytes())
    whole = Component(
        name=path.stem, type=ComponentType.APPLICATION, bom_ref=path.stem, hashes=[_sha256(digest.digest())]
    )
    document = Bom(serial_number=UUID(bytes=digest.digest()[:16], version=4))
    document.metadata.component = whole
    rest = dict(files)
    for folder in [found[1] for name in files if (found := _METADATA.fullmatch(name))]:
        package, bundled = _package(folder, files, rest)
        document.components.update([package, *bundled])
        document.register_dependency(whole, [package])
        document.register_dependency(package, bundled)
    whole.components.update(_files(rest))
    return document


def _package(folder: str, files: dict[str, bytes], rest: dict[str, bytes]) -> tuple[Component, list[Component]]:
    """A package with its files, which are taken out of the rest; and what its wheel says was linked into it."""
    headers = HeaderParser().parsestr(files[f"{folder}/METADATA"].decode())
    name = re.sub(r"[-_.]+", "-", headers["Name"]).lower()
    record = files.get(f"{folder}/RECORD", b"").decode().splitlines()
    own = {line.rsplit(",", 2)[0].strip('"') for line in record} & set(rest)
    # No wheel's list names what was compiled later.
    own |= {each for each in rest if _BYTECODE.sub(r"\1.py", each) in own}
    url = PackageURL("pypi", name=name, version=headers["Version"])
    package = Component(
        name=name,
        version=headers["Version"],
        purl=url,
        bom_ref=str(url),
        components=_files({each: rest.pop(each) for each in sorted(own)}),
    )
    inside = [content for each, content in files.items() if re.match(rf"{re.escape(folder)}/sboms/.*\.cdx\.json", each)]
    linked = [each for content in inside for each in json.loads(content).get("components", ())]
    return package, [
        Component(
            name=each["name"],
            version=each.get("version"),
            purl=PackageURL.from_string(each["purl"]),
            bom_ref=each["purl"],
        )
        for each in linked
        if "purl" in each and PackageURL.from_string(each["purl"]).type != "pypi"
    ]


def _files(contents: dict[str, bytes]) -> list[Component]:
    return [
        Component(name=name, type=ComponentType.FILE, bom_ref=name, hashes=[_sha256(hashlib.sha256(content).digest())])
        for name, content in contents.items()
    ]


def _sha256(digest: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest.hex())
