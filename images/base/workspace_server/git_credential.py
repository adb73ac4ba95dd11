"""The credential helper that git asks for a person's tokens: `python3 -I git_credential.py get`, a question on stdin.

The tokens lie in files, one `https://USER:TOKEN@HOST` a line, in the folder that STUDIOLO_CREDENTIALS names. They are
read anew each time, so that one that was changed or removed in Credentials is so here as well. Nothing is ever stored:
git also says `store` and `erase`, which belong to whoever keeps the tokens.

Imports nothing but the standard library: any Python of a workspace may run it.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

FOLDER = "/run/credentials"


def main(arguments: list[str], question: str, environ: dict[str, str]) -> str:
    """What git is answered; "" where there is nothing to say, and git asks somebody else."""
    if arguments != ["get"]:
        return ""
    asked = dict(line.split("=", 1) for line in question.splitlines() if "=" in line)
    if asked.get("protocol") != "https":  # over http, everybody on the way would read the token
        return ""
    for user, token in _logins(Path(environ.get("STUDIOLO_CREDENTIALS", FOLDER)) / "git", asked.get("host", "")):
        if asked.get("username", user) == user:
            return f"username={user}\npassword={token}\n"
    return ""


def _logins(folder: Path, host: str) -> list[tuple[str, str]]:
    found = []
    for path in sorted(folder.glob("*"), key=_own_first) if folder.is_dir() else ():
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):  # removed at this very moment, or not ours to read
            continue
        found += [login for line in lines if (login := _login(line, host)) is not None]
    return found


def _own_first(path: Path) -> tuple[bool, str]:
    """A person's own token counts before one of a team, whose file is called `TEAM--NAME`."""
    return "--" in path.name, path.name


def _login(line: str, host: str) -> tuple[str, str] | None:
    try:
        parts = urlsplit(line.strip())
        user, token = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return None
    _, _, where = parts.netloc.rpartition("@")
    if parts.scheme != "https" or not token or _whole(where) != _whole(host):
        return None
    # A line break would be a line of its own in what git reads.
    return None if any(character in user + token for character in "\r\n\0") else (user, token)


def _whole(host: str) -> str:
    return host.lower().removesuffix(":443")


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:], sys.stdin.read(), dict(os.environ)))
