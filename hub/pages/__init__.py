"""What a person sees in the browser: the hub's own pages, mounted before JupyterHub's.

Each page is a frozen view made by a pure function (`…_view.py`) from facts (`facts.py` gathers them), a template of the
same name, and a thin handler.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.pages.admin import AdminPage
from hub.pages.home import HomePage
from hub.pages.spawn import SpawnPage
from hub.pages.starting import PendingPage, UserUrlPage
from hub.pages.static import OwnStaticHandler
from hub.pages.workspaces import DeleteWorkspace, ExtendWorkspace, StopWorkspace
from hub.static_files import STATIC_DIRECTORY, static_address

TEMPLATE_DIRECTORY = Path(__file__).resolve().parent.parent / "templates"


def handlers() -> list[tuple[Any, ...]]:
    """Our handlers, to be placed before JupyterHub's own; paths are relative to the hub's prefix."""
    return [
        (r"/studiolo/static/(.*)", OwnStaticHandler, {"path": str(STATIC_DIRECTORY)}),
        (r"/home", HomePage),
        (r"/spawn", SpawnPage),
        (r"/spawn/([^/]+)", SpawnPage),
        (r"/spawn/([^/]+)/([^/]+)", SpawnPage),
        (r"/spawn-pending/([^/]+)", PendingPage),
        (r"/spawn-pending/([^/]+)/([^/]+)", PendingPage),
        (r"/workspaces/([^/]+)/([^/]+)/stop", StopWorkspace),
        (r"/workspaces/([^/]+)/([^/]+)/extend", ExtendWorkspace),
        (r"/workspaces/([^/]+)/([^/]+)/delete", DeleteWorkspace),
        (r"/user/(?P<user_name>[^/]+)(?P<user_path>/.*)?", UserUrlPage),
        (r"/admin", AdminPage),
    ]


def template_paths() -> list[str]:
    """Where our templates lie, for `JupyterHub.template_paths`; stock ones fill the gaps."""
    return [str(TEMPLATE_DIRECTORY)]


def template_vars() -> dict[str, Any]:
    """What every template may use. JupyterHub calls callables with the user, hence the factory."""
    return {"studiolo_static": lambda _user: static_address}


__all__ = ["handlers", "template_paths", "template_vars"]
