"""The stack's own certificate authority: ECDSA P-256, one leaf per server, with its DNS names and addresses."""

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .private_file import write_private

_YEARS = datetime.timedelta(days=3650)


class Authority:
    """A certificate authority in a folder: `ca.pem` to trust, `ca.key` for our eyes only. Made at first use."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "ca.pem"
        key_file = folder / "ca.key"
        if self.bundle.exists() and key_file.exists():
            key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)  # noqa: S101 - written below
            self._key = key
            self._certificate = x509.load_pem_x509_certificate(self.bundle.read_bytes())
            return
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Laptop stand-in for AWS's certificate authorities")])
        self._certificate = (
            _builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        write_private(key_file, _pem(self._key))
        self.bundle.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, folder: Path, *, name: str, address: str) -> tuple[Path, Path]:
        """A certificate for a host name and its address: (certificate, key) files in `folder`."""
        names = x509.SubjectAlternativeName([x509.DNSName(name), x509.IPAddress(ipaddress.ip_address(address))])
        return self._issue(folder, "server", name, ExtendedKeyUsageOID.SERVER_AUTH, names)

    def issue_client(self, folder: Path, *, name: str) -> tuple[Path, Path]:
        """A certificate that says who a client is, by its common name: (certificate, key) files in `folder`."""
        names = x509.SubjectAlternativeName([x509.DirectoryName(_common_name(name))])
        return self._issue(folder, "client", name, ExtendedKeyUsageOID.CLIENT_AUTH, names)

    def _issue(
        self, folder: Path, kind: str, name: str, usage: x509.ObjectIdentifier, names: x509.SubjectAlternativeName
    ) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_common_name(name), self._certificate.subject, key.public_key())
            .add_extension(names, critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        certificate_file, key_file = folder / f"{kind}.pem", folder / f"{kind}.key"
        certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        write_private(key_file, _pem(key))
        return certificate_file, key_file


def _common_name(name: str) -> x509.Name:
    # It holds 64 characters at most: of a server's name, clients look at the alternative names only.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])


def _builder(subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + _YEARS)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        **dict.fromkeys((*others, "encipher_only", "decipher_only"), False),
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
