"""The repository that a workspace is started with: an address by HTTPS or SSH, with a branch behind `#`. Pure.

The address is an option of the workspace, which others can read, and git is given it in the workspace as a word of its
command line. So nothing secret may be in it, and nothing that git, ssh or a shell could take for anything else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from studiolo.secret_patterns import looks_like_secret

LONGEST_ADDRESS: Final = 1000
LONGEST_BRANCH: Final = 200
LONGEST_FOLDER: Final = 100

HIGHEST_PORT: Final = 65535

LOADED_FROM: Final = frozenset({"bin", "library", "node_modules", "perl5", "r", "shared"})
"""Folders of a home, in small letters, that shells, R, Node.js, Perl or a Mac load programs from; and the teams'."""

EXAMPLES: Final = "https://git.example.org/team/project.git or git@git.example.org:team/project.git"

SAVED_ELSEWHERE: Final = (
    "others can read the options of a workspace. Save it under Credentials: git gets it from there."
)

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?!.{{254}}){_LABEL}(?:\.{_LABEL})*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_PORT = re.compile(r"[0-9]{1,5}")
_PATH = re.compile(r"(?:[A-Za-z0-9._~+@,=/-]|%[0-9A-Fa-f]{2})+")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/+@-]*")
_SCHEME = re.compile(r"\A[A-Za-z]+://")  # in small letters: git looks for a program of that very name
_SCP = re.compile(r"(?P<user>[^@/:]+)@(?P<host>[^@/:]+):(?P<path>.*)")


class GitAddressRefused(ValueError):
    """An address that cannot be taken. Its text is what follows `git: `, and repeats nothing that may be secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAddress:
    """A repository to be cloned."""

    url: str
    """As git is given it."""
    host: str
    folder: str
    """Its place in the home."""
    branch: str | None
    """None: the one that the server names."""

    def __str__(self) -> str:
        """The whole address again."""
        return f"{self.url}#{self.branch}" if self.branch else self.url


def parse_git_address(text: str) -> GitAddress:
    """The repository that an address names. Raises GitAddressRefused with the reason and the way out."""
    text = text.strip()
    if len(text) > LONGEST_ADDRESS:
        raise GitAddressRefused(f"the address is longer than {LONGEST_ADDRESS} characters.")
    if looks_like_secret(text):
        raise GitAddressRefused(f"a password or token is in the address, and {SAVED_ELSEWHERE}")
    if any(not "!" <= character <= "~" for character in text):
        raise GitAddressRefused("a space or another character that no address has is in there. Write it as %20 or so.")
    url, has_branch, branch = _SCHEME.sub(lambda found: found[0].lower(), text, count=1).partition("#")
    host, path = _host_and_path(url)
    if not _HOST.fullmatch(host):
        raise GitAddressRefused(f"the name of the server cannot be read. Write an address like {EXAMPLES}.")
    _check_path(path)
    if has_branch:
        _check_branch(branch)
    return GitAddress(url=url, host=host, folder=_folder(path), branch=branch if has_branch else None)


def _host_and_path(url: str) -> tuple[str, str]:
    scheme, is_url, rest = url.partition("://")
    if not is_url:
        return _of_short_form(url)
    authority, _, path = rest.partition("/")
    user, has_user, place = authority.rpartition("@")
    match scheme:
        case "https" if has_user:
            raise GitAddressRefused(f"leave out what stands before the @: it may be a token, and {SAVED_ELSEWHERE}")
        case "ssh" if ":" in user:
            raise GitAddressRefused(f"leave out the password: {SAVED_ELSEWHERE}")
        case "ssh" if not _USER.fullmatch(user):
            raise GitAddressRefused("who signs in at the server must stand before it: ssh://git@git.example.org/….")
        case "https" | "ssh":
            return _without_port(place), path
        case "http":
            raise GitAddressRefused("http would show everything to everybody on the way. Write https:// or use SSH.")
        case _:
            raise GitAddressRefused(f"only https:// and SSH are possible. Write an address like {EXAMPLES}.")


def _of_short_form(text: str) -> tuple[str, str]:
    short = _SCP.fullmatch(text)
    if short is None or not _USER.fullmatch(short["user"]):
        raise GitAddressRefused(f"not the address of a repository. Write one like {EXAMPLES}.")
    return short["host"], short["path"]


def _without_port(place: str) -> str:
    host, has_port, port = place.partition(":")
    if has_port and not (_PORT.fullmatch(port) and 0 < int(port) <= HIGHEST_PORT):
        raise GitAddressRefused(f"the port of the server must be a number up to {HIGHEST_PORT}.")
    return host


def _check_path(path: str) -> None:
    if "?" in path:
        raise GitAddressRefused("leave out what begins with ?: a repository is named by the path alone.")
    plain = unquote(path, errors="replace")
    if not _PATH.fullmatch(path) or plain.startswith("-") or not plain.isprintable():
        raise GitAddressRefused(f"the path to the repository cannot be read. Write an address like {EXAMPLES}.")
    if any(part in {".", ".."} for part in plain.split("/")):
        raise GitAddressRefused("the path may hold neither . nor .. as a part.")


def _check_branch(branch: str) -> None:
    parts = branch.split("/")
    is_name = (
        len(branch) <= LONGEST_BRANCH
        and _BRANCH.fullmatch(branch) is not None
        and ".." not in branch
        and not any(not part or part.startswith(".") or part.endswith((".", ".lock")) for part in parts)
    )
    if not is_name:
        raise GitAddressRefused("what stands behind the # is not the name of a branch.")


def _folder(path: str) -> str:
    """What git calls the folder, too: the last part of the path. Never one that a program of the home reads."""
    folder = path.rstrip("/").rpartition("/")[2].removesuffix(".git")
    if not _FOLDER.fullmatch(folder) or len(folder) > LONGEST_FOLDER:
        raise GitAddressRefused(
            "the last part of the path names a folder of your home: letters, digits, . _ + - and not . first. "
            "Clone this one in a terminal."
        )
    if folder.lower() in LOADED_FROM:
        raise GitAddressRefused(f"{folder} in your home is where programs are loaded from. Clone it in a terminal.")
    return folder
