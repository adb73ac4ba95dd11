"""IPython stays out of the server: its kernels import it, and the server only looks for old settings of it."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any


def ipython_folders() -> tuple[Path, ...]:
    """Where settings of IPython 3 might lie that Jupyter takes over."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    folders = Path(os.environ.get("IPYTHONDIR") or "~/.ipython"), Path(config, "ipython")
    return tuple(folder.expanduser() for folder in folders)


def keep_ipython_out() -> None:
    """Lets the shim for old settings list its folders without importing IPython, which the server does not use."""
    jupyter_path = importlib.import_module("jupyter_core.paths").jupyter_path
    shim = importlib.import_module("notebook_shim.traits").NotebookAppTraits

    def nbextensions_path(self: Any) -> list[str]:
        folders = [*self.extra_nbextensions_path, *jupyter_path("nbextensions")]
        return [*folders, str(ipython_folders()[0] / "nbextensions")]

    shim.nbextensions_path = property(nbextensions_path)
