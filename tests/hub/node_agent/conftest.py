"""A node for one test: its mounts are seen by the test's own thread alone, and go with it."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest

from hub.node_agent.mounts import CREDENTIALS_PATH, SEAT_PATH, Places
from tests.hub.node_agent.on_a_node import Body, runner

T = TypeVar("T")
CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x44000
POD = "11111111-2222-3333-4444-555555555555"
BASE = Path(__file__).parents[3] / "images" / "base"
OTHER = "11111111-2222-3333-4444-666666666666"
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@dataclass
class Node:
    """The kubelet's folder and the volume with homes, as an agent has them."""

    folder: Path
    thread: ThreadPoolExecutor = field(repr=False)
    _opened: Places | None = None

    @property
    def homes(self) -> Path:
        return self.folder / "homes"

    def seat(self, pod: str = POD) -> Path:
        return self.folder / "pods" / pod / SEAT_PATH

    def inside(self, step: Callable[..., T], *arguments: Any) -> T:
        """Takes a step where the node's mounts are seen."""
        return self.thread.submit(step, *arguments).result()

    def make_seat(self, pod: str = POD, *, in_memory: bool = True) -> None:
        self.seat(pod).mkdir(parents=True)
        if in_memory:
            checked(libc.mount(b"tmpfs", bytes(self.seat(pod)), b"tmpfs", 0, b"size=4m,mode=1777"))

    def credentials(self, pod: str = POD) -> Path:
        """Where the pod has files of credentials."""
        return self.folder / "pods" / pod / CREDENTIALS_PATH

    def make_place_for_credentials(self, pod: str = POD, *, in_memory: bool = True, size: str = "1m") -> None:
        self.credentials(pod).mkdir(parents=True)
        if in_memory:
            options = f"size={size},mode=0777".encode()
            checked(libc.mount(b"tmpfs", bytes(self.credentials(pod)), b"tmpfs", 0, options))

    def make_home(self, name: str, uid: int = 1000) -> Path:
        home = self.homes / name
        home.mkdir()
        (home / "notes.txt").write_text(f"of {name}")
        for path in (home, home / "notes.txt"):
            os.chown(path, uid, uid)
        return home

    def make_team(self, name: str) -> Path:
        team = self.homes / ".teams" / name
        team.mkdir(parents=True)
        (team / "plan.txt").write_text(f"of {name}")
        return team

    def places(self) -> Places:
        """Opened where the node's mounts are seen, whoever asks."""
        return self.thread.submit(self._places).result() if not self._is_inside() else self._places()

    def _places(self) -> Places:
        self._opened = self._opened or Places(
            pods=os.open(self.folder / "pods", os.O_RDONLY),
            pods_path=str(self.folder / "pods"),
            homes=os.open(self.homes, os.O_RDONLY),
        )
        return self._opened

    def _is_inside(self) -> bool:
        return threading.get_ident() in {thread.ident for thread in self.thread._threads}


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with ThreadPoolExecutor(max_workers=1) as thread:
        node = Node(tmp_path, thread)

        def begin() -> None:
            checked(libc.unshare(CLONE_NEWNS))
            checked(libc.mount(None, b"/", None, MS_REC_PRIVATE, None))
            # Shared, as the kubelet makes its folder.
            (tmp_path / "pods").mkdir()
            (tmp_path / "homes").mkdir()
            checked(libc.mount(bytes(tmp_path / "pods"), bytes(tmp_path / "pods"), None, 0x1000, None))
            checked(libc.mount(None, bytes(tmp_path / "pods"), None, 0x100000, None))

        node.inside(begin)
        yield node


@pytest.fixture
def on_a_node(node: Node) -> Callable[[Body], None]:
    """See `runner`."""
    return runner(node)


WAITS = """
import os, sys
from park.delivery import ACCEPTED, Door
from park.message import MalformedError
from park.orders import orders_in
user = int(sys.argv[1])  # only now: the interpreter may lie where nobody but root reads
os.setgroups([])
os.setgid(user)
os.setuid(user)
door = Door(orders_in({"STUDIOLO_PARK_SOCKET": "identity.sock"}))
print("parked", flush=True)
while True:
    try:
        line, connection = door.message()
        break
    except MalformedError:
        sys.exit("malformed")
if "deaf" not in sys.argv:
    connection.sendall(ACCEPTED)
print(line.decode(), flush=True)
"""
"""What `images/base/park/program.py` does with its door."""


@dataclass
class ParkedServer:
    """The process that waits in a seat, and what it got."""

    process: subprocess.Popen[str]

    def identity(self) -> dict[str, Any]:
        """Ends with it."""
        assert self.process.stdout is not None
        got: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert self.process.wait(60) == 0
        return got

    def end(self) -> str:
        """What it got until now."""
        self.process.kill()
        return self.process.communicate(timeout=60)[0]


Park = Callable[..., ParkedServer]


@pytest.fixture
def park(node: Node) -> Iterator[Park]:
    """Parks a server in a seat; as another user, or deaf, where that is asked for."""
    parked: list[ParkedServer] = []

    def begin(pod: str, uid: int, *words: str) -> ParkedServer:
        folder = node.seat(pod) / ".seat"
        folder.mkdir(exist_ok=True)
        os.chown(folder, uid, uid)
        process = subprocess.Popen(
            [sys.executable, "-c", WAITS, str(uid), *words],
            cwd=folder,
            env={"PYTHONPATH": str(BASE)},
            stdout=subprocess.PIPE,
            text=True,
        )
        parked.append(ParkedServer(process))
        assert process.stdout is not None
        assert process.stdout.readline() == "parked\n"
        return parked[-1]

    def park(pod: str = POD, *words: str, uid: int = 1000) -> ParkedServer:
        return begin(pod, uid, *words) if node._is_inside() else node.inside(begin, pod, uid, *words)

    yield park
    for one in parked:
        one.end()
