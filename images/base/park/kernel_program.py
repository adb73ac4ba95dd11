"""The program of a parked kernel: imports what a kernel needs, waits for the server's word, and becomes the kernel.

Run as a file, so that Python begins as for `-m ipykernel_launcher`, and alone: nothing of this folder is imported.
"""

import ctypes
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
import tempfile
from typing import Any

IMPORTED = (
    *("ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "ipykernel.comm"),
    *("ipykernel.subshell_manager", "IPython.core.completer", "IPython.core.magics", "IPython.core.ultratb"),
    *("IPython.core.history", "IPython.extensions.storemagic", "matplotlib_inline.config"),
    *("pygments.lexers.python", "concurrent.futures.thread", "debugpy"),
)
"""What a kernel imports until its first cell has run."""

PR_SET_PDEATHSIG = 1
"""An option of prctl(2), which Python does not wrap."""


def main() -> Any:
    """Waits, and prepares everything; gives the function that goes on as the kernel."""
    del sys.path[0]  # this folder; a kernel takes away the one it is started in, too
    channel = socket.socket(fileno=int(sys.argv[1]))
    _end_with_the_server(signal.SIGKILL)
    before = set(os.environ)
    for name in IMPORTED:
        try:
            importlib.import_module(name)
        except ImportError:  # another version has it elsewhere; the kernel imports what it needs
            continue
    set_by_imports = {name: value for name, value in os.environ.items() if name not in before}
    gc.collect()
    gc.freeze()
    loaded = sorted({name.partition(".")[0] for name in sys.modules} - set(sys.stdlib_module_names))
    try:
        channel.sendall(json.dumps(loaded).encode() + b"\n")
        line = channel.makefile("rb").readline()
    except ConnectionError:
        line = b""
    if not line.endswith(b"\n"):  # the server has gone, or took another kernel
        os._exit(0)
    _become(json.loads(line), set_by_imports)
    app: Any = importlib.import_module("ipykernel.kernelapp")
    _tell_when_it_listens(app.IPKernelApp, channel)
    return app.launch_new_instance


def _end_with_the_server(number: int) -> None:
    """While it waits; a kernel looks after its server by itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(number))


def _become(message: dict[str, Any], set_by_imports: dict[str, str]) -> None:
    """Everything that a kernel finds when it is started."""
    _end_with_the_server(0)
    os.environ.clear()
    os.environ.update({**set_by_imports, **message["env"]})
    os.umask(message["umask"])
    os.chdir(message["cwd"])
    tempfile.tempdir = None
    launcher = importlib.util.find_spec("ipykernel_launcher")
    sys.argv[:] = [str(launcher.origin if launcher else ""), *message["arguments"]]
    sys.orig_argv[:] = [sys.executable, "-m", "ipykernel_launcher", *message["arguments"]]
    _compute_again()
    try:
        packages: Any = importlib.import_module("studiolo_packages")
    except ImportError:
        packages = None
    if packages is not None and packages.VARIABLE in os.environ:  # as its .pth does when Python begins
        packages.begin(os.environ[packages.VARIABLE])
    gc.unfreeze()


def _compute_again() -> None:
    """What modules compute from variables when they are imported: whose child it is, and where its caches lie."""
    app: Any = importlib.import_module("ipykernel.kernelapp")
    parent = int(os.environ["JPY_PARENT_PID"])
    app.IPKernelApp.parent_handle.default_value = parent
    app.IPKernelApp._static_immutable_initial_values["parent_handle"] = parent  # noqa: SLF001 - where traitlets reads it
    if (parso := sys.modules.get("parso.cache")) is not None:
        setattr(parso, "_default_cache_path", parso._get_default_cache_path())  # noqa: B010, SLF001 - not known to mypy
    if (jedi := sys.modules.get("jedi.settings")) is not None:
        importlib.reload(jedi)


def _tell_when_it_listens(app: Any, channel: socket.socket) -> None:
    """Lets the server wait until it can connect: where it is refused, it tries again only after a tenth of a second."""
    stock = app.init_heartbeat  # what comes after all the other sockets

    def init_heartbeat(self: Any) -> None:
        stock(self)
        app.init_heartbeat = stock
        channel.close()

    app.init_heartbeat = init_heartbeat


if __name__ == "__main__":
    main()()
