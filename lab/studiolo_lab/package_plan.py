"""The model package that a workspace was started with, as the start names it; and what is said of its files. Pure."""

from __future__ import annotations

import errno
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from studiolo_lab.package_files import Placed

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,62}", re.ASCII)
_VERSION: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A version of a model."""

    name: str
    version: str
    team: str
    digest: str
    source: str
    """The notebook or module, in its folder."""

    @classmethod
    def parse(cls, text: str) -> Package | None:
        """What the variable names; None where it is none, whoever wrote it."""
        try:
            found: Any = json.loads(text)
        except ValueError:
            return None
        match found:
            case {
                "name": str(name),
                "version": str(version),
                "team": str(team),
                "digest": str(digest),
                "source": str(source),
            } if _NAME.fullmatch(name) and _VERSION.fullmatch(version) and _DIGEST.fullmatch(digest):
                return cls(name=name, version=version, team=team, digest=digest, source=source)
        return None

    @property
    def shown(self) -> str:
        """As people call it."""
        return f"{self.name} {self.version}"

    @property
    def folder(self) -> str:
        """What its folder is called, below `~/models`."""
        return f"{self.name}-{self.version}"


def said_of(package: Package, placed: Placed) -> str:
    """Where the files are."""
    if placed.is_new and placed.is_elsewhere:
        other = placed.folder.rpartition("/")[0] + f"/{package.folder}"
        return (
            f"The files of {package.shown} are in ~/{placed.folder}, because ~/{other} is there already "
            "with other content, and was left as it is."
        )
    if placed.is_new:
        return f"The files of {package.shown} are in ~/{placed.folder}."
    return f"The files of {package.shown} are in ~/{placed.folder}, as you left them."


def said_of_disk(error: OSError) -> str:
    """Why they cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "your home has no room left for them. Remove what you do not need, and start again."
    return f"your home cannot be written there ({error.strerror or type(error).__name__})."


def page_of(package: Package, placed: Placed) -> str:
    """The address in JupyterLab, below the server's, that shows the notebook or module."""
    return "lab/tree/" + quote(f"{placed.folder}/{package.source}")
