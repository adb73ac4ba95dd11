"""Passwords of one machine, for who owns its data directory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.passwords import ADMIN, PasswordFile, PasswordRefusedError
from spawner.data_directory import DataDirectory
from studiolo.errors import StudioloError
from studiolo.problems import perhaps

if TYPE_CHECKING:
    from pathlib import Path


class NoPasswordError(StudioloError):
    """There is no password to show or change."""

    code = "no_password"


class PasswordNotAcceptedError(StudioloError):
    """The new password cannot be one."""

    code = "password_not_accepted"


def show_password(directory: Path, *, user: str) -> str:
    """The administrator's password. Everybody else's is known to nobody: only a hash of it is kept."""
    data = _data(directory)
    if user != ADMIN:
        raise NoPasswordError(
            f"The password of {user} is kept as a hash only, so it cannot be shown.",
            hint=f"Give {user} a new one: studiolo password --user {user} --change.",
        )
    try:
        return data.admin_password.read_text().rstrip("\n")
    except FileNotFoundError:
        raise NoPasswordError(
            f"{data.root} has no administrator's password yet.",
            hint="It is made when Studiolo is started there for the first time: studiolo up.",
        ) from None
    except PermissionError:
        raise NoPasswordError(
            f"{data.admin_password} can be read by its owner alone.", hint="Ask as the user who runs Studiolo."
        ) from None


def change_password(directory: Path, *, user: str, new: str | None) -> str:
    """Give the user a new password (a generated one unless `new` is given), and return it. Holds at once, also while
    Studiolo runs.
    """
    passwords = PasswordFile.of(_data(directory))
    known = passwords.names()
    if user not in known:
        raise NoPasswordError(
            f"Nobody called {user} may sign in here.{perhaps(user, known)}", hint=f"Add them: studiolo user add {user}."
        )
    if new is None:
        return passwords.generate(user)
    try:
        passwords.set(user, new)
    except PasswordRefusedError as error:
        raise PasswordNotAcceptedError(str(error)) from None
    return new


def _data(directory: Path) -> DataDirectory:
    if not directory.is_dir():
        raise NoPasswordError(
            f"There is no data directory {directory}.", hint="Start Studiolo there first: studiolo up."
        )
    return DataDirectory(root=directory.absolute())
