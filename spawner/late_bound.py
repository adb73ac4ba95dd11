"""Which variables of a person a server needs from its first moment: then none that is parked can be theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

EARLY_NAMES: Final = frozenset(
    {
        *("LANG", "LANGUAGE"),  # Python chooses how it reads names of files and texts
        *("OPENSSL_CONF", "OPENSSL_MODULES"),  # read when TLS is loaded
        *("prometheus_multiproc_dir", "TORNADO_EXTENSION"),  # read when these are imported
    }
)

EARLY_PREFIXES: Final = (
    *("LC_", "MALLOC_"),
    *("AIOHTTP_", "MULTIDICT_", "YARL_", "FROZENLIST_", "PROMETHEUS_", "DISABLE_", "GIT_PYTHON_"),
)
"""Locale, the allocator's settings, and switches that libraries of a server look at when they are imported. What the
loader and Python itself read is nobody's to set (`env_rules.py`)."""


def binds_late(names: Iterable[str]) -> bool:
    """Whether a server that runs already can be given these variables, as if it had had them always."""
    return not any(name in EARLY_NAMES or name.startswith(EARLY_PREFIXES) for name in names)
