"""The dated facts about regions are those of their sources."""

import json
from pathlib import Path

import botocore

from lambda_rds_proxy import regions
from tests.certificates import FOLDERS
from tests.certificates import common_name as name
from tests.handler.test_certificates import certificates

PARTITIONS = json.loads((Path(botocore.__file__).parent / "data" / "endpoints.json").read_text())["partitions"]


def regions_of(service: str) -> set[str]:
    """Regions with an endpoint of their own; a name with -fips is another endpoint of the same region."""
    return {
        region
        for partition in PARTITIONS
        for region in partition["services"].get(service, {}).get("endpoints", {})
        if region in partition["regions"]
    }


def test_the_regions_with_the_application_repository_are_botocores() -> None:
    assert regions_of("serverlessrepo") == regions.WITH_APPLICATION_REPOSITORY
    assert "eu-south-1" in regions_of("rds") - regions.WITH_APPLICATION_REPOSITORY


def test_the_regions_with_certificates_are_those_of_the_bundle_that_is_shipped() -> None:
    (folder,) = [each for each in FOLDERS if "admin_function" in each.parts]
    named = {name(each).removeprefix("Amazon RDS ").split(" Root CA ")[0] for each in certificates(folder / "rds.pem")}
    assert {each for each in named if not each.startswith(("Beta ", "Preview "))} == regions.WITH_CERTIFICATES
    (partition,) = [each for each in PARTITIONS if each["partition"] == "aws"]
    assert set(partition["regions"]) & regions_of("rds") <= regions.WITH_CERTIFICATES


def test_the_endings_of_host_names_are_botocores() -> None:
    known = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
    assert {each["id"]: each["outputs"]["dnsSuffix"] for each in known} == regions.DNS_SUFFIXES


def test_every_region_with_the_application_repository_is_of_a_partition_whose_applications_are_known() -> None:
    """So that a rotation elsewhere is refused by its region, with a sentence."""
    known = {
        partition["partition"]
        for partition in PARTITIONS
        if regions.WITH_APPLICATION_REPOSITORY & set(partition["regions"])
    }
    assert known == regions._ROTATION_APPLICATIONS.keys()
