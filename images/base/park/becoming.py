"""How a parked process becomes somebody's: variables, folder, and what was computed from the parked ones."""

from __future__ import annotations

import importlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from park.orders import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from park.message import Identity

NOWHERE = "/nonexistent"
"""HOME of a parked server: nothing can be read from a home there, and nothing written into one."""


def know_nobody() -> None:
    """Forgets what the variables of a parked server could tell of anybody: it was started by somebody, after all."""
    for name in tuple(os.environ):
        if name in {"USER", "LOGNAME", "USERNAME"} or name.startswith(("JUPYTERHUB_", PREFIX)):
            del os.environ[name]
    os.environ["HOME"] = NOWHERE


def become(identity: Identity, *, listen_fd: int | None, before: dict[str, str]) -> None:
    """Takes on an identity: all that `start_server.py` finds when it is started for this person.

    `before`: variables that it has whoever it is for; the person's own count more.
    """
    os.environ.clear()
    os.environ.update({**before, **identity.env})
    if listen_fd is not None:
        os.environ["STUDIOLO_LISTEN_FD"] = str(listen_fd)
    sys.argv[1:] = identity.arguments
    time.tzset()
    os.umask(identity.umask)
    os.chdir(identity.cwd)
    compute_again()


def compute_again() -> None:
    """What modules compute from HOME or JupyterHub's variables when they are imported, which was before."""
    commands = importlib.import_module("jupyterlab.commands")
    lab = importlib.import_module("jupyterlab.labapp").LabApp
    hub_auth = importlib.import_module("jupyterhub.services.auth").HubAuth
    set_default(lab, "user_settings_dir", commands.get_user_settings_dir())
    set_default(lab, "workspaces_dir", commands.get_workspaces_dir())
    set_default(hub_auth, "base_url", os.environ.get("JUPYTERHUB_SERVICE_PREFIX") or "/")
    if (trash := sys.modules.get("send2trash.plat_other")) is not None:
        importlib.reload(trash)  # where files lie that JupyterLab deletes; who has imported it goes on with the same


def set_default(cls: Any, name: str, value: str) -> None:
    """A default that is plain text: traitlets copies it when a class is made, and for each that is made from it."""
    getattr(cls, name).default_value = value
    for each in (cls, *below(cls)):
        if name in each._static_immutable_initial_values:  # noqa: SLF001 - where traitlets reads it
            each._static_immutable_initial_values[name] = value  # noqa: SLF001 - as above


def below(cls: Any) -> Iterator[Any]:
    """All classes that are made from this one."""
    for each in cls.__subclasses__():
        yield each
        yield from below(each)
