"""SSH keys: made here, or brought along and looked at. Nothing that is raised here has a part of a key in it."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

LEAST_RSA_BITS: Final = 2048
"""Git servers refuse smaller ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshKey:
    """Both halves of a key."""

    private: str = field(repr=False)
    """In OpenSSH's own format, without a passphrase: nobody is there to type it."""
    public: str
    """One line, as servers want it."""

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` shows it."""
        digest = hashlib.sha256(base64.b64decode(self.public.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def new_ssh_key(comment: str) -> SshKey:
    """A fresh Ed25519 key; `comment` tells it apart in a server's list of keys."""
    return _halves(Ed25519PrivateKey.generate(), comment)


def read_ssh_key(text: str, comment: str) -> SshKey | str:
    """Both halves of a private key in OpenSSH's format or PEM, or what is wrong with it, as a sentence."""
    data = text.strip().encode(errors="replace") + b"\n"
    load = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
    try:
        key = load(data, password=None)
    except TypeError:
        return "value: this key has a passphrase, and nobody can type it in a workspace. Bring one without."
    except (ValueError, UnsupportedAlgorithm):
        return "value: this is no private key that can be read. It begins with -----BEGIN … PRIVATE KEY-----."
    if not isinstance(key, Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey):
        return "value: a key of this kind is not accepted by git servers. Use Ed25519."
    if isinstance(key, RSAPrivateKey) and key.key_size < LEAST_RSA_BITS:
        return f"value: an RSA key of fewer than {LEAST_RSA_BITS} bits is refused by git servers. Use Ed25519."
    try:
        return _halves(key, comment)
    except (ValueError, UnsupportedAlgorithm):
        return "value: SSH has no keys on this curve. Use Ed25519."


def _halves(key: Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey, comment: str) -> SshKey:
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return SshKey(private=private, public=f"{public} {comment}")
