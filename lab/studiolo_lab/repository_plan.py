"""What is done with a repository that is in the home already: decided from what was found there. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import unquote

FOLDER: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", re.ASCII)
"""A plain folder of the home, and none that is hidden."""

_URL: Final = re.compile(r"(?P<scheme>[a-zA-Z]+)://(?:[^/@]*@)?(?P<host>[^/:]*)(?::(?P<port>\d+))?/(?P<path>.*)")
_SHORT: Final = re.compile(r"(?:[^/@:]*@)?(?P<host>[^/@:]+):(?P<path>.*)")
_USUAL_PORT: Final = {"https": "443", "ssh": "22"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The repository that the workspace was started with."""

    url: str
    branch: str | None
    host: str
    folder: str

    @classmethod
    def parse(cls, text: str) -> Asked | None:
        """What the address names; None where it is none, whoever wrote it."""
        url, _, branch = text.partition("#")
        where = _where(url)
        folder = re.split("[/:]", url.rstrip("/"))[-1].removesuffix(".git")
        if where is None or url.startswith("-") or branch.startswith("-") or not FOLDER.fullmatch(folder):
            return None
        return cls(url=url, branch=branch or None, host=where[1], folder=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a branch is like, once the server was asked what is new."""

    is_clean: bool
    own: int
    """Commits that only this repository has."""
    new: int
    """Commits that only the server has."""
    has_own_merges: bool


class Step(StrEnum):
    """What is done."""

    NOTHING = "nothing"
    FORWARD = "forward"
    REBASE = "rebase"


class LeftAlone(Exception):
    """Nothing is done. Its text is the reason: what follows "~/NAME was left as it is: "."""


def why_not_even_asked(
    *, unfinished: str | None, branch: str | None, has_upstream: bool, asked_branch: str | None
) -> str | None:
    """Why the server need not be asked, or None where it should be. `unfinished` is what somebody began: "a merge"."""
    if unfinished is not None:
        return f"{unfinished} is not finished there."
    if branch is None:
        return "no branch is checked out there."
    if asked_branch is not None and branch != asked_branch:
        return f"its branch is {branch}, and this workspace was started with {asked_branch}."
    if not has_upstream:
        return f"its branch {branch} follows none of the server."
    return None


def plan_update(found: Found) -> Step | LeftAlone:
    """Whether the branch follows the server's: by itself, with the person's commits after it, or not at all."""
    if not found.new:
        return Step.NOTHING
    waiting = "On the server 1 new commit waits." if found.new == 1 else f"On the server {found.new} new commits wait."
    if not found.is_clean:
        return LeftAlone(f"it has changes that are not committed. {waiting}")
    if not found.own:
        return Step.FORWARD
    if found.has_own_merges:
        return LeftAlone(f"there is a merge among your own commits. {waiting}")
    return Step.REBASE


def is_same_repository(one: str, other: str) -> bool:
    """Whether two addresses name one repository: by HTTPS or SSH, with or without a login and `.git`."""
    first, second = _where(one), _where(other)
    if first is None or second is None:
        return one == other
    is_same_server = first[1] == second[1] and (first[0] != second[0] or first[2] == second[2])
    return is_same_server and first[3] == second[3]


def _where(url: str) -> tuple[str, str, str, str] | None:
    """Scheme, host, port and path of an address."""
    found, scheme, port = _URL.fullmatch(url), "ssh", None
    if found is not None:
        scheme, port = found["scheme"].lower(), found["port"]
    else:
        found = _SHORT.fullmatch(url) if "://" not in url else None
    if found is None or not found["path"]:
        return None
    path = unquote(found["path"]).strip("/").removesuffix(".git")
    return scheme, found["host"].lower(), port or _USUAL_PORT.get(scheme, ""), path
