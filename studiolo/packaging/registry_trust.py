"""Which certificates of registries count: those that every machine trusts, and those of an authority of one's own."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import httpx

from studiolo.packaging.errors import StoreRefused

if TYPE_CHECKING:
    from pathlib import Path

_ITS_OWN_FAULT: Final = frozenset({9, 10, 62, 64})
"""What OpenSSL calls a certificate that is not yet, or no more, or for another name. All else is about its authority:
not known, or another one of the same name."""


def trust(ca_file: Path | None, *, setting: str) -> ssl.SSLContext:
    """What a connection trusts. Reading it takes a sixth of what a whole package does, so it is read when it changes.

    `setting` is what named the file. Raises StoreRefused where it cannot be read.
    """
    try:
        return _trust(ca_file, 0 if ca_file is None else ca_file.stat().st_mtime_ns)
    except OSError as error:  # ssl's own errors are such, too
        why = error.reason if isinstance(error, ssl.SSLError) else error.strerror or error
        raise StoreRefused(
            f"{setting}: {ca_file} holds no certificates that can be read ({why}).",
            hint="Whoever runs this names a file in PEM form there.",
        ) from error


@lru_cache(maxsize=8)
def _trust(ca_file: Path | None, _changed: int) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    return context


def untrusted(error: httpx.HTTPError, *, setting: str) -> StoreRefused | None:
    """What to say where a connection failed for the other side's certificate; None where it failed for another reason.

    Asking again would not help.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
        cause = cause.__cause__ or cause.__context__
    if cause is None:
        return None
    host = error.request.url.netloc.decode()  # which may be where a registry signs people in, or keeps its layers
    return StoreRefused(
        f"The certificate of {host} is not trusted: {cause.verify_message}.",
        hint="Its operator has to renew it."
        if cause.verify_code in _ITS_OWN_FAULT
        else f"The file with its authority is named in {setting}.",
    )
