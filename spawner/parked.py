"""One server that is parked on this machine, from the hub's side: started for nobody, claimed once or ended."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from spawner.limits import limits_command, scope_command
from spawner.process import SYSTEM_PATH
from spawner.processes import START_ID_VARIABLE, ProcessIdentity, descendants, fair_share_bytes, identify
from spawner.workspace_process import paper_with, start_keeper

if TYPE_CHECKING:
    from spawner.limits import Scope

START_PARKED: Final = Path(__file__).resolve().parent.parent / "images" / "base" / "start_parked.py"

BACKLOG: Final = 128
"""Requests that may wait while the server comes up: they are answered, not refused."""

WORD_PARKED: Final = b"parked\n"

SCOPE_BYTES: Final = 1 << 30
"""What a parked server may use where the kernel holds it to something; the claim says what its person may."""

LAST_WORDS_BYTES: Final = 4096


@dataclass(eq=False, kw_only=True)
class ParkedServer:
    """A keeper and a server below it that waits for one message. Closed without a claim, both end."""

    start_id: str
    made_from: str
    """The very environment on disk: one that was built anew is another."""
    port: int
    listen_fd: int
    """The number that the listening socket has in the server."""
    ready_fd: int
    """And that of the pipe on which it says `parked` and later `ready`."""
    ready: int
    """Our end of that pipe."""
    control: socket.socket
    keeper: ProcessIdentity
    scope: Scope | None
    is_parked: bool = False
    """Whether it has said so: only then it may be claimed."""

    @property
    def unit(self) -> str:
        """The name of its systemd scope."""
        return f"studiolo-{self.start_id}"

    def memory_bytes(self) -> int:
        """What it and a kernel beside it take, pages that are shared counted in parts."""
        return sum(fair_share_bytes(pid) for pid in (self.keeper.pid, *descendants(self.keeper.pid)))

    def limits(self, *, memory_bytes: int, cpu_cores: float) -> tuple[str, ...] | None:
        """The command by which the kernel holds it to what its person chose; None where it holds nobody to anything."""
        if self.scope is None:
            return None
        return limits_command(scope=self.scope, unit=self.unit, memory_bytes=memory_bytes, cpu_cores=cpu_cores)

    def hand_over(self, paper: int) -> None:
        """The claim. Raises OSError where nobody is there to take it."""
        socket.send_fds(self.control, [b"!"], [paper])

    def last_words(self) -> str:
        """What it said before it ended by itself."""
        with contextlib.suppress(OSError):
            self.control.setblocking(False)  # noqa: FBT003 - the only way to say it
            return self.control.recv(LAST_WORDS_BYTES).decode(errors="replace").strip()
        return ""

    def close(self) -> None:
        """Lets go of it: unclaimed, it ends at once."""
        self.control.close()
        if self.ready >= 0:
            os.close(self.ready)
            self.ready = -1


def park(
    python: Path, *, folder: Path, made_from: str, has_kernel: bool = False, scope: Scope | None = None
) -> ParkedServer:
    """Starts one. Returns when its keeper exists; it says later that it has parked. Raises OSError."""
    start_id = uuid.uuid4().hex
    own = folder / start_id
    own.mkdir(parents=True, mode=0o700)
    ours, theirs = socket.socketpair()
    ready, told = os.pipe()
    with theirs, contextlib.ExitStack() as stack:
        stack.callback(os.close, told)
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG))
        passed = listening.fileno(), told
        argv: tuple[str, ...] = (str(python), "-P", str(START_PARKED))
        env = {
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "PATH": ":".join((str(python.parent), *SYSTEM_PATH)),
            "STUDIOLO_PARK_UID": str(os.geteuid()),
            "STUDIOLO_PARK_LISTEN_FD": str(passed[0]),
            "STUDIOLO_PARK_READY_FD": str(passed[1]),
            "STUDIOLO_PARK_KERNEL": "1" if has_kernel else "",
            START_ID_VARIABLE: start_id,
        }
        if scope is not None:
            unit = f"studiolo-{start_id}"
            argv = scope_command(argv, scope=scope, unit=unit, memory_bytes=SCOPE_BYTES, cpu_cores=None)
            env |= dict(scope.manager_env)
        job = {"argv": list(argv), "env": env, "cwd": str(own), "control": theirs.fileno(), "pass_fds": list(passed)}
        with paper_with(job) as paper:
            keeper = start_keeper(paper, start_id=start_id, folder=own, pass_fds=(*passed, theirs.fileno()))
        identity = identify(keeper.pid)
        if identity is None:
            ours.close()
            os.close(ready)
            raise OSError("the keeper of a parked server ended at once")
        return ParkedServer(
            start_id=start_id,
            made_from=made_from,
            port=listening.getsockname()[1],
            listen_fd=passed[0],
            ready_fd=passed[1],
            ready=ready,
            control=ours,
            keeper=identity,
            scope=scope,
        )
