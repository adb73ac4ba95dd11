"""What a keeper does while its server is parked: wait for one claim, or end with the hub.

The claim is one message with one descriptor, so it is there whole or not at all: a hub that dies before has claimed
nothing, and what it parked ends; one that dies afterwards has a workspace that goes on.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import shutil
import signal
import socket
from pathlib import Path
from typing import Any, Final, NoReturn

DOOR: Final = "identity.sock"
"""Where a parked server waits, in the folder that is its keeper's and its own."""

ANSWER_SECONDS: Final = 0.2
"""A parked server does nothing but wait for its message. One that does not take it is ended: nobody waits for it."""

LAST_WORDS_BYTES: Final = 4096


def wait_for_claim(control: int, *, server: int, log_read: int) -> dict[str, Any]:
    """The job that the hub sends, delivered to the server. Does not return where none comes."""
    folder = Path.cwd()
    with socket.socket(fileno=control) as hub:
        ended = os.pidfd_open(server)
        poll = select.poll()
        for descriptor in (hub.fileno(), ended):
            poll.register(descriptor, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll()}
        if ended in ready:
            _say_why(hub, log_read)
            _end(server, folder)
        os.close(ended)
        _, sent, _, _ = socket.recv_fds(hub, 1, 1)
    if not sent:  # the hub has gone, or wants it no more
        _end(server, folder)
    with os.fdopen(sent[0], "rb") as paper:
        paper.seek(0)
        job: dict[str, Any] = marshal.load(paper)  # noqa: S302 - written by the hub that started us, for us alone
    _deliver(job["identity"], server)
    os.chdir(Path(job["files"]["record"]).parent)
    shutil.rmtree(folder, ignore_errors=True)
    return job


def _deliver(identity: bytes, server: int) -> None:
    """Makes the server somebody's. One that does not take it ends, as it would have at its start."""
    with socket.socket(socket.AF_UNIX) as door:
        door.settimeout(ANSWER_SECONDS)
        try:
            door.connect(DOOR)
            door.sendall(identity)
            if door.recv(64):
                return
        except OSError:
            pass
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGKILL)


def _say_why(hub: socket.socket, log_read: int) -> None:
    """Its last words, for the hub's log."""
    os.set_blocking(log_read, False)
    with contextlib.suppress(OSError):
        hub.send(os.read(log_read, 1 << 16)[-LAST_WORDS_BYTES:])


def _end(server: int, folder: Path) -> NoReturn:
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while True:  # a kernel that was parked beside it has come to us
            os.waitpid(-1, 0)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)
