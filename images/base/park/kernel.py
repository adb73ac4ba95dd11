"""A Python kernel that is parked beside a server: the first that its person starts is there already.

It is a process of the server's own from the beginning, and becomes the kernel: nothing is forked from it. The second
one, one of another language, and one that a person's own packages could change are started as usual.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PROGRAM = Path(__file__).with_name("kernel_program.py")

LAUNCHER = ("-m", "ipykernel_launcher")
"""How a Python kernel is started; what comes after it are the kernel's own arguments."""

EARLY = ("PYTHON", "LD_", "LC_", "LANG", "MALLOC_", "PYDEVD_", "DEBUGPY_")
"""How variables begin that a kernel needs from its first moment: they have to be what they were when it was parked."""


IMPORT_SECONDS = 60.0
"""For a kernel to import what it needs, on a machine that does a lot else. One that takes longer is not used."""

LISTENS_SECONDS = 0.5
"""How long the server waits for a kernel to listen. That takes a twentieth of a second."""


class ParkedKernel:
    """One kernel that waits, in a session of its own, as kernels are."""

    def __init__(self) -> None:
        """Starts it. It imports what a kernel needs while the server imports what a server needs."""
        self._env = dict(os.environ)
        self._loaded: frozenset[str] | None = None
        """What it has imported; None: it is no kernel yet, or none any more."""
        self._ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                (sys.executable, str(PROGRAM), str(theirs.fileno())),
                stdin=subprocess.PIPE,
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        if self._process.stdin is not None:
            self._process.stdin.close()

    def wait(self) -> None:
        """Until it has imported all: nobody waits for a server that is being parked."""
        self._ours.settimeout(IMPORT_SECONDS)
        with contextlib.suppress(OSError), self._ours.makefile("rb") as lines:
            told = lines.readline()
            self._loaded = frozenset(json.loads(told)) if told.endswith(b"\n") else None

    def take_its_place(self) -> None:
        """From now on the first kernel that Jupyter launches is this one."""
        provisioner: Any = importlib.import_module("jupyter_client.provisioning.local_provisioner")
        stock = provisioner.launch_kernel

        def launch_kernel(cmd: list[str], **options: Any) -> Any:
            provisioner.launch_kernel = stock
            with self._ours:
                if self._may_become(cmd, **options) and self._is_told(cmd, options):
                    return self._process
            return stock(cmd, **options)

        provisioner.launch_kernel = launch_kernel

    def _may_become(
        self, cmd: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: object = None, **others: object
    ) -> bool:
        """Whether it is what would be started now."""
        del cwd
        env = os.environ if env is None else env
        early = {name for name in {*env, *self._env} if name.startswith(EARLY)}
        return (
            (cmd[0], *cmd[1:3]) == (sys.executable, *LAUNCHER)
            and not {name for name, value in others.items() if value not in {None, False}}
            and all(env.get(name) == self._env.get(name) for name in early)
            and self._is_ready_for(env)
        )

    def _is_ready_for(self, env: Mapping[str, str]) -> bool:
        """Whether it has imported all, and nothing that its person has another version of."""
        return self._loaded is not None and not self._loaded & _own_modules(env)

    def _is_told(self, cmd: Sequence[str], options: Mapping[str, Any]) -> bool:
        env = {**(options.get("env") or os.environ), "JPY_PARENT_PID": str(os.getpid())}
        mask = os.umask(0)
        os.umask(mask)
        message = {"arguments": cmd[3:], "env": env, "cwd": str(options.get("cwd") or Path.cwd()), "umask": mask}
        try:
            self._ours.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return False
        self._ours.settimeout(LISTENS_SECONDS)
        with contextlib.suppress(OSError):  # it listens later, then; Jupyter tries again
            self._ours.recv(1)
        return self._process.poll() is None


def _own_modules(env: Mapping[str, str]) -> set[str]:
    """What somebody installed for themselves, by the names it is imported by."""
    try:
        packages = importlib.import_module("studiolo_packages")
    except ImportError:
        return set()
    place = packages.folder(env)
    try:
        return (
            {path.name.partition(".")[0] for path in Path(packages.own_packages(place)).iterdir()} if place else set()
        )
    except OSError:
        return set()
