"""What a person or a workspace is called where only some characters are allowed: on disk, in links, in Kubernetes.

Two rules keep different things apart. A name that is already safe stays as it is and never holds two hyphens in a row;
any other becomes `slug---hash`, so the two kinds cannot meet. And two names are joined by exactly two hyphens, which
neither of them can hold on its own.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

DEFAULT_SERVER_TITLE: Final = "default"
"""How the workspace without a name is shown. No other may be called this: people could not tell them apart."""

LONGEST_SERVER_NAME: Final = 30
"""JupyterHub 6 refuses longer ones (jupyterhub.slugs)."""

_LONGEST_SAFE_NAME: Final = 63
"""One label of DNS; longer names are hashed, so that they fit wherever we may have to write them."""

_SLUG_LENGTH: Final = 32
"""How much of an unsafe name stays readable before its hash."""

_HASH_LENGTH: Final = 16
"""64 bits. With the usual 8 characters somebody could try names until one meets another person's home."""

_SAFE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_HASHED = re.compile(rf"[a-z0-9]+(-[a-z0-9]+)*---[0-9a-f]{{{_HASH_LENGTH}}}")
_UNSAFE_RUN = re.compile(r"[^a-z0-9]+")


def home_name(user: str) -> str:
    """The folder of a person's home: `alice` -> `alice`, `Alice@x.org` -> `alice-x-org---` and a hash.

    Different people never share one, whatever the case, the alphabet or the length of their names, and not on a
    disk that ignores case either.
    """
    return _safe_part(user)


def team_folder(team: str) -> str:
    """The folder that a team shares; as one-to-one with teams as homes are with people."""
    return _safe_part(team)


def is_home_name(name: str) -> bool:
    """Whether some person's home may be called this: never "", ".", "..", a path, or what the volume itself holds."""
    if is_slug(name):
        return len(name) <= _LONGEST_SAFE_NAME
    return len(name) <= _SLUG_LENGTH + len("---") + _HASH_LENGTH and _HASHED.fullmatch(name) is not None


def workspace_key(user: str, server: str) -> str:
    """The folder of one workspace: `("alice", "")` -> `alice--default`, `("alice", "gpu")` -> `alice--gpu`.

    One-to-one: a server that is literally called "default" gets a hash, the unnamed one does not.
    """
    if server == "":
        return f"{_safe_part(user)}--{DEFAULT_SERVER_TITLE}"
    part = _hashed_part(server) if server == DEFAULT_SERVER_TITLE else _safe_part(server)
    return f"{_safe_part(user)}--{part}"


def pod_name(user: str, server: str) -> str:
    """The pod of one workspace, and everything that comes and goes with it: `ws-alice--gpu`.

    One label of DNS, as Kubernetes wants it. One-to-one: a key that is too long becomes `slug---hash`, which no key is.
    """
    key = workspace_key(user, server)
    return f"ws-{key if len(key) <= _LONGEST_SAFE_NAME - len('ws-') else _hashed_part(key)}"


def server_name_from_title(title: str, taken: Collection[str]) -> str:
    """A name JupyterHub accepts for a workspace that a person calls `title`: "Iris, 2nd try" -> `iris-2nd-try`.

    Never one of `taken`, never `default`; a number is added where needed.
    """
    name = _slug(_without_accents(title), LONGEST_SERVER_NAME) or "workspace"
    if not name[0].isalpha():
        name = _slug(f"w-{name}", LONGEST_SERVER_NAME)
    refused = {*taken, DEFAULT_SERVER_TITLE}
    if name not in refused:
        return name
    numbered = (_slug(name, LONGEST_SERVER_NAME - len(f"-{number}")) + f"-{number}" for number in itertools.count(2))
    return next(candidate for candidate in numbered if candidate not in refused)


def shown_name(server: str) -> str:
    """What people call a server: JupyterHub's unnamed one is `default`."""
    return server or DEFAULT_SERVER_TITLE


def server_from_shown(name: str) -> str:
    """JupyterHub's name for what people call a server: `default` is the unnamed one."""
    return "" if name == DEFAULT_SERVER_TITLE else name


def check_server_name(name: str) -> str | None:
    """What is wrong with a server name, as a sentence, or None. The empty name is the default workspace."""
    if name == "":
        return None
    if name == DEFAULT_SERVER_TITLE:
        return 'A workspace cannot be named "default": that is how the workspace without a name is shown.'
    if len(name) > LONGEST_SERVER_NAME:
        return f"A workspace name has at most {LONGEST_SERVER_NAME} characters; this one has {len(name)}."
    if not _SAFE.fullmatch(name):
        return (
            "A workspace name starts with a letter and holds lower-case letters, digits and single hyphens, "
            f"such as {server_name_from_title(name, ())}."
        )
    return None


def is_slug(name: str) -> bool:
    """Whether a name is safe as it is: lower-case letters, digits, single hyphens inside, a letter first."""
    return _SAFE.fullmatch(name) is not None


def slug_like(name: str) -> str:
    """The slug that somebody may have meant: "GPU small" -> "gpu-small"; "" when nothing is left."""
    return _slug(_without_accents(name), _SLUG_LENGTH).lstrip("0123456789-")


def _safe_part(name: str) -> str:
    return name if len(name) <= _LONGEST_SAFE_NAME and _SAFE.fullmatch(name) else _hashed_part(name)


def _hashed_part(name: str) -> str:
    # Lone surrogates cannot be encoded otherwise, and a name with one must not be an error here.
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{_slug(name, _SLUG_LENGTH) or 'x'}---{digest[:_HASH_LENGTH]}"


def _slug(name: str, length: int) -> str:
    return _UNSAFE_RUN.sub("-", name.lower()).lstrip("-")[:length].rstrip("-")


def _without_accents(text: str) -> str:
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )
