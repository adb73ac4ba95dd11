"""One start of a server: imports in the right order, our parts put in, and then JupyterHub's own program."""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workspace_server.checkpoints import keep_checkpoints_elsewhere_if_need_be
from workspace_server.deferred import deferred_imports, no_programs_on_path
from workspace_server.home_links import link_into_home
from workspace_server.home_refuses import keep_signatures_out
from workspace_server.nudges import ask_kernels_often
from workspace_server.packages import give_packages_to_kernels, tell_what_is_left_out
from workspace_server.saving import save_whole_files
from workspace_server.startup import Startup, in_background, once_settled, server_class
from workspace_server.terminals import with_our_terminals

if TYPE_CHECKING:
    from collections.abc import Sequence

CHECKED_JUPYTERHUB = (6, 1)
"""The JupyterHub whose code was read for this folder; another one is started the stock way."""

ALWAYS = ("--LabApp.extension_manager=readonly", "--LabApp.news_url=None")
"""What no settings in a home change: packages that all people share, and calls to the world outside. The other
settings of ours lie in the environment (`files/`); there a null would mean "as by default"."""


def main() -> None:
    """Start the server and serve until it is told to stop."""
    if {"JUPYTERHUB_SINGLEUSER_APP", "JUPYTERHUB_SINGLEUSER_EXTENSION"} & set(os.environ):
        from jupyterhub.singleuser import main as other_server  # noqa: PLC0415 - another server than ours was chosen

        other_server()
        return
    serve(prepare(), sys.argv[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """All that is imported and put in before anything is known of the person: once a process."""

    single_user: Any
    is_known: bool


def prepare() -> Prepared:
    """What a server needs whoever it is for. Reads nothing of a home and nothing that depends on a person."""
    gc.disable()  # nothing that is imported becomes garbage; enabled again before the first request
    is_known = is_known_jupyterhub()
    single_user, is_short = import_single_user(is_known=is_known)
    save_whole_files()
    give_packages_to_kernels()
    ask_kernels_often()
    if is_short:
        from workspace_server.ipython import keep_ipython_out  # noqa: PLC0415 - imports Jupyter

        keep_ipython_out()
    return Prepared(single_user=single_user, is_known=is_known)


def serve(prepared: Prepared, arguments: Sequence[str]) -> None:
    """One start, for whoever the environment variables name."""
    if mask := os.environ.pop("STUDIOLO_UMASK", ""):
        os.umask(int(mask, 8))
    for place in link_into_home(dict(os.environ)):
        _say(f"The credential for ~/{place} is not there: a file of your own is, or your home cannot be written.")
    keep_checkpoints_elsewhere_if_need_be()
    tell_what_is_left_out(os.environ)
    launch(prepared, Startup(), [*arguments, *ALWAYS, *keep_signatures_out(os.environ)])


def launch(prepared: Prepared, startup: Startup, arguments: Sequence[str]) -> None:
    """JupyterHub's own program, until it is told to stop."""
    single_user = prepared.single_user
    single_user.serverapp_class = with_our_terminals(server_class(startup))
    if prepared.is_known:
        bear_absences(single_user, startup)
    single_user.launch_instance(list(arguments))


def is_known_jupyterhub() -> bool:
    """Whether this environment has the JupyterHub that our parts were written for."""
    import jupyterhub  # noqa: PLC0415 - nothing heavy: its version decides how the rest is imported

    if jupyterhub.version_info[:2] == CHECKED_JUPYTERHUB:
        return True
    _say(f"JupyterHub {jupyterhub.__version__} is started the stock way: this file was checked with another.")
    return False


def import_single_user(*, is_known: bool) -> tuple[Any, bool]:
    """JupyterHub's `JupyterHubSingleUser`, and whether it was imported the short way."""
    is_short = is_known
    if is_known:
        try:
            with deferred_imports(), no_programs_on_path():
                import jupyterhub.singleuser.extension  # noqa: F401, PLC0415 - must happen inside the two contexts
                import jupyterlab.labapp  # noqa: F401, PLC0415 - the same; the server imports it a moment later anyway
        except Exception as error:  # noqa: BLE001 - whatever it is, the stock way may still work
            # What was imported until here is sound: a stand-in that is left in it finds the real module when used.
            _say(f"The server is started the stock way: the short one failed ({error!r}).")
            is_short = False
    from jupyterhub.singleuser.extension import JupyterHubSingleUser  # noqa: PLC0415 - see above

    return JupyterHubSingleUser, is_short


def bear_absences(single_user: Any, startup: Startup) -> None:
    """Put in the parts for a hub that does not answer: who is signed in, waiting for it, and activity."""
    from jupyterhub.singleuser import extension  # noqa: PLC0415 - only once it is imported, the short way or the stock

    from workspace_server.activity import keep_activity_updated  # noqa: PLC0415 - the same
    from workspace_server.identity import WorkspaceHubAuth, WorkspaceIdentity  # noqa: PLC0415 - imports JupyterHub
    from workspace_server.waiting import wait_for_hub  # noqa: PLC0415 - the same

    extension.HubOAuth = WorkspaceHubAuth
    extension.JupyterHubIdentityProvider = WorkspaceIdentity
    single_user.keep_activity_updated = once_settled(startup, keep_activity_updated)
    single_user.check_hub_version = in_background(once_settled(startup, wait_for_hub))


def _say(sentence: str) -> None:
    sys.stderr.write(f"studiolo: {sentence}\n")
