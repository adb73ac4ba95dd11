"""What the person installed with pip is there in kernels and terminals (`terminal.bash`), and not in the server.

So the server starts whatever somebody installed, and JupyterLab is the environment's.
"""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

NOTICES = "STUDIOLO_NOTICES"
"""What the server half of our part of JupyterLab tells the person: `lab/studiolo_lab/notices.py`."""


def give_packages_to_kernels() -> None:
    """Lets each kernel look for packages where its person installed some."""
    base = importlib.import_module("jupyter_client.provisioning.provisioner_base").KernelProvisionerBase
    stock = base._finalize_env  # noqa: SLF001 - made to be overridden

    def finalize_env(self: Any, env: dict[str, str]) -> None:
        stock(self, env)
        if (packages := _packages()) is not None:
            env.update(packages.with_packages(env))

    base._finalize_env = finalize_env  # noqa: SLF001 - as above


def tell_what_is_left_out(environ: MutableMapping[str, str]) -> None:
    """Adds to what the start of the workspace has to tell, where something is left out."""
    packages = _packages()
    said = packages.left_out(environ) if packages is not None else ""
    if said:
        notices = [*json.loads(environ.get(NOTICES) or "[]"), {"key": "packages", "level": "warning", "text": said}]
        environ[NOTICES] = json.dumps(notices)


def _packages() -> Any:
    """None in an environment that does not have it, such as an image of an operator's own."""
    try:
        return importlib.import_module("studiolo_packages")
    except ImportError:
        return None
