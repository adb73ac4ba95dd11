"""The hub that somebody signed in to, and the token for it: one file that its owner alone can read."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from studiolo.client_errors import NotSignedIn
from studiolo.errors import StudioloError

_READABLE_BY_OTHERS = 0o077


class CredentialsNotSaved(StudioloError):
    """The token could not be written."""

    code = "credentials_not_saved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who signed in where."""

    url: str
    user: str
    token: str = field(repr=False)
    """Not in the repr: reprs end up in logs."""


def credentials_path() -> Path:
    """Where the login is kept: `${XDG_CONFIG_HOME:-~/.config}/studiolo/credentials.json` on Linux."""
    return platformdirs.user_config_path("studiolo") / "credentials.json"


def save_login(login: Login, path: Path) -> None:
    """Keep the login, mode 0600, in place of an earlier one. Raises CredentialsNotSaved."""
    text = json.dumps({"url": login.url, "user": login.user, "token": login.token}, indent=2) + "\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, staged = tempfile.mkstemp(dir=path.parent, prefix=".credentials.")  # mkstemp gives mode 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
            Path(staged).replace(path)
        except BaseException:
            Path(staged).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise CredentialsNotSaved(
            f"The token cannot be kept in {path} ({error.strerror}).",
            hint="Make the folder writable, or set STUDIOLO_URL and STUDIOLO_TOKEN instead.",
        ) from error


def load_login(path: Path) -> Login | None:
    """The login, None when nobody signed in. Raises NotSignedIn for a file that cannot be used or trusted."""
    try:
        if path.stat().st_mode & _READABLE_BY_OTHERS:
            raise NotSignedIn(
                f"{path} could be read by others, so its token may no longer be yours alone.",
                hint="Revoke it on the hub's token page and sign in again: studiolo login URL",
            )
        value = json.loads(path.read_text(encoding="utf-8"))
        return Login(url=_text(value["url"]), user=_text(value["user"]), token=_text(value["token"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotSignedIn(f"{path} cannot be read as a login.") from error


def forget_login(path: Path) -> bool:
    """Remove the login; whether there was one."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise CredentialsNotSaved(f"{path} cannot be removed ({error.strerror}).", hint="Remove it by hand.") from error
    return True


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("a login holds text")
    return value
