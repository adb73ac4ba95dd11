"""What a notebook installs: the requirements in its lines of `%pip install`, as text. Whoever resolves them judges."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

from packaging.requirements import InvalidRequirement, Requirement

from studiolo.problems import listed, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from studiolo.packaging.magics import Magic

_PIP = re.compile(
    r"(?:[%!]|!!|%%)\s*(?:\{?sys\.executable\}?|python3?)?\s*(?:-m\s+)?(?:uv\s+)?pip3?\s+install\s(?P<words>.*)",
    re.DOTALL,
)

IGNORED: Final = frozenset(
    {"-q", "--quiet", "-qq", "-qqq", "-U", "--upgrade", "--user", "--no-cache-dir", "--no-deps", "-y"}
)
"""Options that change nothing of what is wanted."""


def pip_installs(magics: Iterable[Magic]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The requirements, each once; and what is said of options and addresses that a package cannot be made from."""
    wanted: dict[str, None] = {}
    refused: dict[str, None] = {}
    for magic in magics:
        found = _PIP.match(magic.text)
        if found is None:
            continue
        for word in _words(found["words"]):
            if word in IGNORED:
                continue
            if _is_requirement(word):
                wanted[word] = None
            else:
                refused[word] = None
    sentence = (
        f"{listed([quoted(word) for word in refused])} of %pip install is left out: only packages by name are "
        "taken from there. Put a requirements.txt beside the notebook for more."
        if refused
        else ""
    )
    return tuple(wanted), (sentence,) if sentence else ()


def _words(text: str) -> list[str]:
    text = text.replace("\\\n", " ")
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # an open quote
        return text.split()


def _is_requirement(word: str) -> bool:
    try:
        return Requirement(word).url is None
    except InvalidRequirement:
        return False
