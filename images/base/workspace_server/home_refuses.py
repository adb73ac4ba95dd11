"""A home that takes no byte: what a server and its kernels write there only to run lies elsewhere then.

Jupyter's sockets, keys and signatures are always on the machine's own disk. IPython's folder stays in the home, where
people keep their settings, unless it cannot be made there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping

IPYTHON_FOLDERS = ("security", "log", "pid", "startup")
"""Below `profile_default`. A kernel that misses one and cannot make it does not start."""


def keep_signatures_out(environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Options by which the signatures of trusted notebooks, an SQLite file and a key, lie beside the sockets."""
    runtime = environ.get("JUPYTER_RUNTIME_DIR")
    return (f"--NotebookNotary.data_dir={runtime}",) if runtime else ()


def keep_kernels_able(environ: MutableMapping[str, str]) -> None:
    """Points IPython to another folder where the home lacks its own and takes none."""
    home, runtime = environ.get("HOME"), environ.get("JUPYTER_RUNTIME_DIR")
    if "IPYTHONDIR" in environ or not home or not runtime:
        return
    profile = Path(home, ".ipython", "profile_default")
    try:
        for name in IPYTHON_FOLDERS:
            (profile / name).mkdir(parents=True, exist_ok=True)
    except OSError:
        environ["IPYTHONDIR"] = str(Path(runtime, "ipython"))
        sys.stderr.write("studiolo: the home cannot be written: IPython's settings and history are not kept in it\n")
