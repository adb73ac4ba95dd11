"""Which files of an image hold a key, a token or a password: by their well-known names, and by what they look like.

Packages are not searched: their tests hold keys that everybody knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from studiolo.secret_patterns import looks_like_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LARGEST_SEARCHED: Final = 64 * 1024
"""Bytes of a file that may hold a secret; they are written by hand or by a `login` command."""

WELL_KNOWN: Final[tuple[tuple[str, bytes, str], ...]] = (
    (r"\.netrc", rb"\bpassword\b", "a password"),
    (r"\.pgpass", rb":.*:.*:", "a password of a database"),
    (r"\.pypirc|pip\.conf", rb"(?i)password\s*=|://[^/\s:]+:[^/\s]+@", "a password of a package index"),
    (r"\.npmrc", rb"_auth(Token)?\s*=\s*[^$\s]", "a token of a package registry"),
    (r"\.git-credentials", rb"://[^/\s:]+:[^/\s]+@", "a password of a git server"),
    (r"(\.docker/config|auth)\.json", rb'"auth"\s*:\s*"', "a password of an image registry"),
    (r"\.aws/credentials", rb"aws_secret_access_key", "an access key of Amazon"),
    (r"application_default_credentials\.json|adc\.json", rb"refresh_token|private_key", "credentials of Google"),
    (r"\.kube/config|kubeconfig", rb"client-key-data|token:", "credentials of a Kubernetes"),
    (r"\.env", rb"(?im)^[A-Z_]*(SECRET|TOKEN|PASSWORD|API_KEY)[A-Z_]*=\S", "a secret among variables"),
)
"""The end of a path, what such a file holds when it holds a secret, and what that is."""

_PRIVATE_KEY = re.compile(rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----")
_PACKAGES = re.compile(r"/(site-packages|dist-packages|node_modules)/|^/(usr/(lib|share|include|local/lib)|proc|sys)/")
_COMPILED = tuple((re.compile(rf"(^|/)({name})$"), re.compile(inside), kind) for name, inside, kind in WELL_KNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFile:
    """A file that holds a secret; never the secret itself."""

    path: str
    kind: str


def may_hold_secret(path: str, size: int) -> bool:
    """Whether a file is worth reading: small, and not of a package."""
    return 0 < size <= LARGEST_SEARCHED and _PACKAGES.search(path) is None


def secret_files(files: Iterable[tuple[str, Path]]) -> Iterator[SecretFile]:
    """Those of the files, each a path and where its content lies, that hold a secret."""
    seen: set[str] = set()
    for path, content in files:
        if path not in seen and may_hold_secret(path, content.stat().st_size):
            kind = _kind(path, content.read_bytes())
            if kind is not None:
                seen.add(path)
                yield SecretFile(path=path, kind=kind)


def _kind(path: str, content: bytes) -> str | None:
    for name, inside, kind in _COMPILED:
        if name.search(path) and inside.search(content):
            return kind
    if _PRIVATE_KEY.search(content):
        return "a private key"
    if b"\0" in content or path.endswith(_OF_PROGRAMS):
        return None
    lines = content.decode(errors="replace").splitlines()
    return "what looks like a token" if any(_is_token(line) for line in lines) else None


_OF_PROGRAMS: Final = (".py", ".js", ".c", ".h", ".md", ".rst", ".html", ".css", ".lock")
"""Texts of programs and documents show what a token looks like; nobody keeps one there."""


def _is_token(line: str) -> bool:
    return len(line) < 1000 and looks_like_secret(line)  # noqa: PLR2004 - a longer line is data, and slow to search
