"""What Studiolo adds to JupyterLab in every workspace: the half that runs in the person's server.

Jupyter imports this at each start, and people wait for it: everything else is imported where it is needed.
"""

from __future__ import annotations

import os
from typing import Any


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "studiolo_lab"}]


def _load_jupyter_server_extension(server: Any) -> None:
    from studiolo_lab.home import Home  # noqa: PLC0415 - asked for by name only in a server that runs
    from studiolo_lab.notices import board, tell_what_the_start_knew  # noqa: PLC0415 - the same
    from studiolo_lab.packaging_routes import packaging_handlers  # noqa: PLC0415 - the same
    from studiolo_lab.routes import handlers  # noqa: PLC0415 - the same

    if os.environ.get("STUDIOLO_GIT"):
        from studiolo_lab.repository import begin  # noqa: PLC0415 - most workspaces have none

        begin(server, board, os.environ)
    if os.environ.get("STUDIOLO_MODEL"):
        from studiolo_lab import package_opening  # noqa: PLC0415 - most workspaces open none

        package_opening.begin(server, board, os.environ)
    tell_what_the_start_knew(board)
    settings = server.web_app.settings
    server.web_app.add_handlers(".*$", handlers(settings["base_url"], Home.of_this_server()))
    server.web_app.add_handlers(".*$", packaging_handlers(settings["base_url"], server.root_dir))
