"""What is wrong with a credential, each reason with its field: pure checks. No text here repeats a value."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from hub.credentials.credential import MOST_CREDENTIALS, Credential, Owner, Purpose
from spawner.credential_keys import BELOW_HOME, CREDENTIALS_FOLDER
from spawner.credentials import CredentialKind
from spawner.env_rules import problem_with_name
from studiolo.names import is_slug

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST_NAME: Final = 40
LONGEST_LINE_BYTES: Final = 32 * 1024
"""Of a variable or token. Linux takes 128 KiB of each, and all of them together must fit as well."""
LONGEST_FILE_BYTES: Final = 256 * 1024
"""A Secret holds at most 1 MiB, and the largest key files have a few KiB."""
LONGEST_PATH: Final = 200

TOOLS: Final = {CredentialKind.PACKAGE_INDEX: ("pip", "npm", "conda"), CredentialKind.CLOUD: ("aws", "gcp", "azure")}

FIELDS: Final = {
    CredentialKind.ENV: ("variable",),
    CredentialKind.FILE: ("path",),
    CredentialKind.GIT: ("host", "user"),
    CredentialKind.SSH_KEY: (),
    CredentialKind.PACKAGE_INDEX: ("tool", "url"),
    CredentialKind.CLOUD: ("tool",),
}
"""What each kind needs beside name and value."""

OPTIONAL_FIELDS: Final = {CredentialKind.PACKAGE_INDEX: ("user",)}

_PATH_PART = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._-]*", re.ASCII)
_HOST = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?", re.ASCII)


def tidy(purpose: Purpose) -> Purpose:
    """The same as people may write it in other ways: `/run/credentials/x` is `x`, `/home/jovyan/x` is `~/x`."""
    path = purpose.path
    for prefix, means in ((f"{CREDENTIALS_FOLDER}/", ""), ("/home/jovyan/", BELOW_HOME)):
        if path.startswith(prefix):
            path = means + path.removeprefix(prefix)
    return Purpose(
        kind=purpose.kind,
        variable=purpose.variable.strip(),
        path=path,
        host=purpose.host.strip().lower().removeprefix("https://").rstrip("/"),
        url=purpose.url.strip(),
        user=purpose.user.strip(),
        tool=purpose.tool,
    )


def problems_with_name(name: str, owner: Owner, others: Iterable[Credential]) -> list[str]:
    """What is wrong with the name of a new credential."""
    names = {other.name for other in others}
    who = "the team has" if owner.team else "you have"
    if not is_slug(name) or len(name) > LONGEST_NAME:
        return [f"name: use at most {LONGEST_NAME} lower-case letters, digits and single hyphens, such as my-token."]
    if name in names:
        return [f"name: {who} a credential of this name. Rotate it, or remove it first."]
    if len(names) >= MOST_CREDENTIALS:
        return [f"name: {who} {MOST_CREDENTIALS} credentials, which is all that one {owner.kind} may have."]
    return []


def problems_with_purpose(purpose: Purpose) -> list[str]:
    """What is wrong with what a credential is for."""
    kind = purpose.kind
    needed, allowed = FIELDS[kind], (*FIELDS[kind], *OPTIONAL_FIELDS.get(kind, ()))
    found = {name: getattr(purpose, name) for name in ("variable", "path", "host", "url", "user", "tool")}
    problems = [f"{name}: needed for the kind {kind}." for name in needed if not found[name]]
    problems += [f"{name}: not for the kind {kind}." for name in found if found[name] and name not in allowed]
    if problems:
        return problems
    if kind is CredentialKind.ENV and (problem := problem_with_name(purpose.variable)):
        problems.append(f"variable: {problem}")
    if kind is CredentialKind.FILE:
        problems += _problems_with_path(purpose.path)
    if kind is CredentialKind.GIT and not _HOST.fullmatch(purpose.host):
        problems.append("host: not the name of a server. Write git.example.org, without https:// and without a path.")
    if kind in TOOLS and purpose.tool not in TOOLS[kind]:
        problems.append(f"tool: one of {', '.join(TOOLS[kind])}.")
    if purpose.url:
        problems += _problems_with_url(purpose.url)
    if purpose.user and (len(purpose.user) > LONGEST_PATH or _has_control(purpose.user)):
        problems.append("user: too long, or with a control character in it.")
    return problems


def problems_with_value(purpose: Purpose, value: str) -> list[str]:
    """What is wrong with a value itself, whatever it is for."""
    kind = purpose.kind
    if not value:
        return [] if kind is CredentialKind.SSH_KEY else ["value: empty."]
    is_file = kind in {CredentialKind.FILE, CredentialKind.CLOUD, CredentialKind.SSH_KEY}
    most = LONGEST_FILE_BYTES if is_file else LONGEST_LINE_BYTES
    if len(value.encode(errors="replace")) > most:
        return [f"value: longer than {most // 1024} KiB."]
    if "\0" in value or any(unicodedata.category(character) == "Cs" for character in value):
        return ["value: has a character that no text has. Files that are not text cannot be kept here."]
    if kind in {CredentialKind.GIT, CredentialKind.PACKAGE_INDEX} and (_has_control(value) or value != value.strip()):
        return ["value: a token has no line break, and no space at its ends."]
    return []


def problems_with_places(env: Sequence[str], files: Sequence[str], others: Iterable[Credential]) -> list[str]:
    """Which other credentials of the same owner appear at the same place: a workspace can get only one of them."""
    problems = []
    for other in others:
        which = f"the team's credential {other.name}" if other.owner.team else f"your credential {other.name}"
        problems += [f"{name} is set by {which} already." for name in env if name in other.env]
        problems += [
            f"{path} is where {which} has a file already."
            for path in files
            if any(_meet(path, taken) for taken in other.files)
        ]
    return problems


def _problems_with_path(path: str) -> list[str]:
    if len(path) > LONGEST_PATH:
        return [f"path: longer than {LONGEST_PATH} characters."]
    inside = path.removeprefix(BELOW_HOME)
    parts = inside.split("/")
    if inside.startswith("/") or any(part in {"", ".", ".."} for part in parts):
        return ["path: stays below /run/credentials (write kaggle.json) or the home (write ~/.kaggle/kaggle.json)."]
    if not all(_PATH_PART.fullmatch(part) for part in parts):
        return ["path: use letters, digits, dots, hyphens and underscores."]
    return []


def _problems_with_url(url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, None
    if not host or parts is None or parts.scheme not in {"https", "http"} or _has_control(url) or " " in url:
        return ["url: not an address. Write https://packages.example.org/simple/."]
    if parts.username is not None or parts.query or parts.fragment:
        return ["url: without user, password, ? and #. The password is the value, which nobody can read later."]
    return []


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)


def _meet(path: str, taken: str) -> bool:
    return path == taken or path.startswith(f"{taken}/") or taken.startswith(f"{path}/")
