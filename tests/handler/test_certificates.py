"""The bundled certificate authorities: the right ones, everywhere the same, none about to expire."""

import datetime
import hashlib
import zipfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.certificates import AMAZON_TRUST_SERVICES, FOLDERS, RDS_SHA256, ROOT, amazon_trust_services, rds_of
from tests.certificates import common_name as name

BUNDLES = [folder / name for folder in FOLDERS for name in ("amazon-trust-services.pem", "rds.pem")]

# One of RDS's own roots has the serial number 0.
pytestmark = pytest.mark.filterwarnings("ignore:Parsed a serial number")


def certificates(bundle: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle.read_bytes())


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_root_expires_within_half_a_year(bundle: Path) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=180)
    expiring = [name(each) for each in certificates(bundle) if each.not_valid_after_utc < soon]
    assert not expiring, f"make {bundle.name} anew with `make certificates`: {expiring}"


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_bundle_holds_authorities_only_each_once(bundle: Path) -> None:
    found = certificates(bundle)
    for each in found:
        assert each.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert each.subject == each.issuer
        each.verify_directly_issued_by(each)
    assert len({each.fingerprint(hashes.SHA256()) for each in found}) == len(found)


def test_the_proxys_bundle_is_amazon_trust_services_as_everyone_knows_it() -> None:
    bundle = FOLDERS[0] / "amazon-trust-services.pem"
    assert [name(each) for each in certificates(bundle)] == list(AMAZON_TRUST_SERVICES)
    assert bundle.read_bytes() == amazon_trust_services()


def test_the_databases_bundle_is_the_one_that_aws_publishes() -> None:
    assert hashlib.sha256((FOLDERS[0] / "rds.pem").read_bytes()).hexdigest() == RDS_SHA256


def test_a_bundle_that_aws_did_not_publish_is_not_taken(tmp_path: Path) -> None:
    wheel = tmp_path / "package.whl"
    member = "awslabs/mysql_mcp_server/connection/rds_global_bundle.pem"
    bundle = (FOLDERS[0] / "rds.pem").read_bytes()
    for content in (bundle, bundle.replace(b"MII", b"MIJ", 1)):
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(member, content)
        if content == bundle:
            assert rds_of(wheel) == bundle
        else:
            with pytest.raises(ValueError, match=f"not {RDS_SHA256}; nothing was written"):
                rds_of(wheel)


def test_the_databases_bundle_has_the_three_authorities_of_each_region() -> None:
    names = {name(each) for each in certificates(FOLDERS[0] / "rds.pem")}
    regions = {each.removeprefix("Amazon RDS ").split(" Root CA ")[0] for each in names}
    assert names == {
        f"Amazon RDS {region} Root CA {kind} G1" for region in regions for kind in ("RSA2048", "RSA4096", "ECC384")
    }


@pytest.mark.parametrize("bundle", ["amazon-trust-services.pem", "rds.pem"])
def test_handler_and_admin_function_trust_the_same(bundle: str) -> None:
    first, second = (folder / bundle for folder in FOLDERS)
    assert first.read_bytes() == second.read_bytes()
