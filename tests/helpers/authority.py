"""A certificate authority of the tests' own, and what it signs."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


class Authority:
    """Signs certificates for this machine; its own is `ca.crt` in the folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate = folder / "ca.crt"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"an authority of {folder.name}")])
        begins = datetime.now(UTC) - 365 * DAY
        about = self._about(self._name, self._key, begins, begins + 730 * DAY)
        about = about.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate.write_bytes(self._signed(about))

    def issue(self, folder: Path, begins: timedelta = -DAY, ends: timedelta = 90 * DAY) -> tuple[Path, Path]:
        """A certificate for localhost and 127.0.0.1, and its key: `tls.crt` and `tls.key`, as in a Secret.

        Args:
            folder: for the two.
            begins: of its life, from now on.
            ends: of its life, from now on.
        """
        folder.mkdir(parents=True, exist_ok=True)
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        about = self._about(name, key, now + begins, now + ends)
        about = about.add_extension(x509.SubjectAlternativeName(names), critical=False)
        (folder / "tls.crt").write_bytes(self._signed(about))
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        (folder / "tls.key").write_bytes(pem)
        return folder / "tls.crt", folder / "tls.key"

    def _about(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, begins: datetime, ends: datetime
    ) -> x509.CertificateBuilder:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(authority, critical=False)
        )

    def _signed(self, about: x509.CertificateBuilder) -> bytes:
        return about.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
