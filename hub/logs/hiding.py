"""No token, code or key ever stands in a log: whoever may read logs could act as its owner.

Ours are never logged on purpose; this is for lines of libraries, for addresses that people opened, and for the texts of
exceptions. What it knows are the shapes in which secrets travel.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "[secret]"
"""What stands in its place: JupyterHub's own word."""

_FIELD: Final = re.compile(
    r"""
      (?P<name> (?: token | auth | key | code | state | _xsrf | password | secret | session | assertion ) [\w-]{0,40} )
      (?P<equals> = | %(?:25){0,5}3D )
      (?P<value> (?: [^\s&;'"%)>] | %(?!(?:25){0,5}26)[0-9A-F]{2} ){1,4000} )
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A field of an address, also of one that is itself a field of another, and so on. `state` and `code` are OpenID
Connect's."""

_NAMED: Final = re.compile(
    r"""((?:token|secret|password|passwd|api_?key)["']?\s?[:=]\s?)("[^"\n]+"|'[^'\n]+'|[^\s"',;}&]+)""", re.IGNORECASE
)
"""A variable, or a part of JSON or of a dict: `JPY_API_TOKEN=…`, `"client_secret": "…"`."""

_HEADER: Final = re.compile(
    r"""\b((?:proxy-)?authorization|(?:set-)?cookie|x-xsrftoken)(["']?\s?[:=]\s?)("[^"\n]*"|'[^'\n]*'|[^\n]+)""",
    re.IGNORECASE,
)
"""A header, with all that follows in its line."""

_SCHEME: Final = re.compile(r"\b(token|bearer|basic)(\s)[\w.~+/=-]{16,}", re.IGNORECASE)
"""A header's value alone."""

_JWT: Final = re.compile(r"\beyJ[\w.-]{16,}")
"""What OpenID Connect's tokens look like, wherever they stand."""

_IN_ADDRESS: Final = re.compile(r"(://[^/\s:@]*:)[^/\s@]+@")
"""A password of a database's address."""

_IN_PATH: Final = re.compile(r"(/authorizations/(?:cookie|token)/)[^\s?\"']+")
"""The one route of JupyterHub that has a token in its path."""

_TOLD: Final = re.compile(
    r"""(xsrf\ cookie\ for\ | xsrf\ id\ mismatch\ | Invalid\ (?:base64\ )?value\ |
        oauth\ state\ argument\ | OAuth\ state\ mismatch:\ | decode\ state:\ ) [^{\n]+""",
    re.VERBOSE | re.IGNORECASE,
)
"""Lines of JupyterHub's and its authenticators' that tell a cookie's value: of a session, or of a sign-in under way."""


def hide_secrets(text: str) -> str:
    """The text with `[secret]` in the place of each: `/hub/api/user?token=abc` -> `/hub/api/user?token=[secret]`."""
    text = _FIELD.sub(rf"\g<name>\g<equals>{HIDDEN}", text)
    text = _TOLD.sub(rf"\1{HIDDEN} ", text)
    text = _IN_PATH.sub(rf"\1{HIDDEN}", text)
    text = _IN_ADDRESS.sub(rf"\1{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _NAMED.sub(rf"\1{HIDDEN}", text)
    text = _SCHEME.sub(rf"\1\2{HIDDEN}", text)
    return _JWT.sub(HIDDEN, text)
