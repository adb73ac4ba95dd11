"""Certificate authorities of a test's own, and the certificates of its servers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from pathlib import Path

_PEM = serialization.Encoding.PEM


class Authority:
    """Nobody trusts it who does not name `file`."""

    def __init__(self, folder: Path, *, name: str = "authority") -> None:
        """`folder` is made."""
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._folder = folder
        self.file = folder / f"{name}.crt"
        made = self._certificate(self._name, self._key, is_authority=True)
        self.file.write_bytes(made.public_bytes(_PEM))

    def certificate(self, address: str, *, ends: timedelta = timedelta(days=1)) -> Path:
        """Of a server at this address, or of this name; its key lies beside it, as `.key`."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server of a test")])
        path = self._folder / "server.crt"
        path.write_bytes(self._certificate(subject, key, address=address, ends=ends).public_bytes(_PEM))
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        path.with_suffix(".key").write_bytes(key.private_bytes(_PEM, pkcs8, plain))
        return path

    def certificate_folder(self, folder: Path, address: str) -> Path:
        """A folder with such a certificate and its key, as a Secret of type TLS is mounted."""
        folder.mkdir(parents=True)
        certificate = self.certificate(address)
        certificate.rename(folder / "tls.crt")
        certificate.with_suffix(".key").rename(folder / "tls.key")
        return folder

    def _certificate(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        is_authority: bool = False,
        address: str = "",
        ends: timedelta = timedelta(days=1),
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + ends)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        )
        if address:
            names = x509.SubjectAlternativeName([_name(address)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(address))
    except ValueError:
        return x509.DNSName(address)
