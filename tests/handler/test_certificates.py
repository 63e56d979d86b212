"""The bundled certificate authorities: the right ones, everywhere the same, none about to expire."""

import base64
import datetime
from pathlib import Path

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (
    ROOT / "handler" / "rds_connection" / "certificates",
    ROOT / "components" / "lambda_rds_proxy" / "user" / "admin_function" / "certificates",
)
# https://www.amazontrust.com/repository/
AMAZON_TRUST_SERVICES = {
    "Amazon Root CA 1",
    "Amazon Root CA 2",
    "Amazon Root CA 3",
    "Amazon Root CA 4",
    "Starfield Services Root Certificate Authority - G2",
}
BUNDLES = [folder / name for folder in FOLDERS for name in ("amazon-trust-services.pem", "rds.pem")]

# One of RDS's own roots has the serial number 0.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


def certificates(bundle: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle.read_bytes())


def name(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_root_expires_within_half_a_year(bundle: Path) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=180)
    expiring = [name(each) for each in certificates(bundle) if each.not_valid_after_utc < soon]
    assert not expiring, f"make {bundle.name} anew as handler/README.md says: {expiring}"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_bundle_holds_authorities_only_each_once(bundle: Path) -> None:
    found = certificates(bundle)
    for each in found:
        assert each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert each.subject == each.issuer
        each.verify_directly_issued_by(each)
    assert len({each.fingerprint(hashes.SHA256()) for each in found}) == len(found)


def test_the_proxys_bundle_is_amazon_trust_services_as_everyone_knows_it() -> None:
    found = certificates(FOLDERS[0] / "amazon-trust-services.pem")
    assert {name(each) for each in found} == AMAZON_TRUST_SERVICES
    known = Path(certifi.where()).read_text().replace("\n", "")
    for each in found:
        assert base64.b64encode(each.public_bytes(Encoding.DER)).decode() in known


def test_the_databases_bundle_has_the_three_authorities_of_each_region() -> None:
    names = {name(each) for each in certificates(FOLDERS[0] / "rds.pem")}
    regions = {each.removeprefix("Amazon RDS ").split(" Root CA ")[0] for each in names}
    assert {"eu-west-1", "us-east-1", "ap-southeast-1", "ap-southeast-3", "me-central-1"} <= regions
    assert names == {
        f"Amazon RDS {region} Root CA {kind} G1" for region in regions for kind in ("RSA2048", "RSA4096", "ECC384")
    }


@pytest.mark.parametrize("bundle", ["amazon-trust-services.pem", "rds.pem"])
def test_handler_and_admin_function_trust_the_same(bundle: str) -> None:
    first, second = (folder / bundle for folder in FOLDERS)
    assert first.read_bytes() == second.read_bytes()
