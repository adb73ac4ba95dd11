"""The single-user server of a workspace, up in a fifth of the time that a stock `jupyterhub-singleuser` takes.

Run as `<environment>/bin/python -P start_server.py [options of jupyterhub-singleuser]`, with JupyterHub's usual
variables. The server is JupyterHub's own; only the way to its first answer is shorter, and it bears a hub that is away:
what it does for both lies in `workspace_server/`, beside this file.

Four variables of ours, all optional:
    STUDIOLO_LISTEN_FD  a listening socket to serve, made by whoever started us
    STUDIOLO_READY_FD   a pipe that gets `ready` when the first request can be answered
    STUDIOLO_APPS       apps beside JupyterLab, separated by commas
    STUDIOLO_UMASK      how open new files are, in octal digits; kernels and terminals have it too
"""

from __future__ import annotations

import sys
from pathlib import Path

# At the end: nothing in this folder may stand before a package of the environment.
sys.path.append(str(Path(__file__).resolve().parent))

from workspace_server.main import main

if __name__ == "__main__":
    main()
