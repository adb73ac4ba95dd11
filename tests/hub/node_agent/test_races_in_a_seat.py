"""A program in a pod that exchanges everything in its seat as fast as it can, while orders for that pod arrive.

It runs as the pod's user and the agent as root, so this is the race itself, hundreds of times. Some of it is tried in
real pods by `tests/cluster/test_node_agent.py`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.node_agent import actions
from hub.node_agent.actions import Agent
from hub.node_agent.deliver import NotParked
from hub.node_agent.pods import SeatPod, seat_pod
from spawner.identity import Delivered, Order, Refusal, Why
from tests.hub.node_agent.conftest import OTHER, Node, checked, libc
from tests.hub.node_agent.samples import NOW, order, raw_pod

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="not run: only root mounts")

ROUNDS = 150
EXCHANGES = """
import os, random, select, socket, sys
elsewhere, victim = sys.argv[1:3]
os.setgroups([])
os.setegid(1000)
def link(name, to):
    os.symlink(to, name)
def listen():
    door = socket.socket(socket.AF_UNIX)
    door.bind(".seat/identity.sock")
    door.listen(8)
    doors.append(door)
names = ("jovyan", ".seat", ".order", ".order.new")
steps = [
    *((lambda name=name: os.mkdir(name)) for name in names),
    *((lambda name=name: link(name, elsewhere)) for name in names),
    *((lambda name=name: link(name, elsewhere + "/shadow")) for name in names),
    *((lambda name=name: link(name, victim)) for name in names),
    *((lambda name=name: os.mkfifo(name)) for name in names),
    *((lambda name=name: os.rename(name, "away" + str(random.randrange(4)))) for name in names),
    *((lambda name=name: os.unlink(name)) for name in names),
    *((lambda name=name: os.rmdir(name)) for name in names),
    *((lambda number=number: os.rmdir("away%d" % number)) for number in range(4)),
    *((lambda number=number: os.unlink("away%d" % number)) for number in range(4)),
    *((lambda number=number: os.rename("away%d" % number, "jovyan")) for number in range(4)),
    listen,
    lambda: link(".seat/identity.sock", victim + "/identity.sock"),
    lambda: os.unlink(".seat/identity.sock"),
]
for line in iter(lambda: os.read(0, 4096), b""):
    if line == b"-\\n":
        os.write(1, b"idle\\n")
        continue
    doors = []
    os.seteuid(0)
    os.chdir(line.decode().strip())
    os.seteuid(1000)
    os.write(1, b"begins\\n")
    while not select.select([0], [], [], 0)[0]:
        for step in random.sample(steps, len(steps)):
            try:
                step()
            except OSError:
                pass
    for door in doors:
        door.close()
"""


class Shown:
    """What the API server shows: the pod of an order, claimed by it."""

    def __init__(self) -> None:
        self.pods: dict[str, SeatPod] = {}

    async def until(self, _: Callable[[SeatPod | None], bool], uid: str, *, seconds: float) -> SeatPod | None:
        return self.pods.get(uid)

    def claimed(self) -> Order:
        """A new pod, and the order that it is claimed by."""
        given = order(pod_uid=str(uuid.uuid4()), id=uuid.uuid4().hex, teams=())
        raw = raw_pod(given)
        raw["metadata"]["uid"] = given.pod_uid
        self.pods[given.pod_uid] = seat_pod(raw)
        return given


class Race:
    """A node with everything that must not be touched, and the program that wants it to be."""

    def __init__(self, node: Node, process: subprocess.Popen[bytes], victim: socket.socket) -> None:
        self.node = node
        self.victim = victim
        self.shown = Shown()
        self.answers: Counter[str] = Counter()
        self._process = process
        self._untouched = self._outside()

    def agent(self) -> Agent:
        pods: Any = self.shown
        return Agent(self.node.places(), pods, now=lambda: NOW)

    async def round(self) -> Delivered | Refusal:
        """One order, for a pod in which everything is exchanged until it is answered."""
        given = self.shown.claimed()
        self.node.make_seat(given.pod_uid)
        seat = self.node.seat(given.pod_uid)
        self._tell(bytes(seat), b"begins")
        answer = await self.agent().carry_out(given)
        self._tell(b"-", b"idle")
        self.answers[answer.why if isinstance(answer, Refusal) else "delivered"] += 1
        status = seat.stat()
        assert (status.st_uid, status.st_mode & 0o7777) == (0, 0o755), "nobody exchanges anything there any more"
        assert self._outside() == self._untouched
        places = [at for at in mount_points() if at.startswith(str(self.node.folder)) and "/jovyan" in at]
        assert set(places) <= {f"{seat}/jovyan"}, places
        checked(libc.umount2(bytes(seat), 2))
        return answer

    def _outside(self) -> dict[str, Any]:
        """All that its links lead to, and the homes."""
        folders = (self.node.folder / "elsewhere", self.node.seat(OTHER), self.node.homes)
        found = {}
        for folder in folders:
            for path in sorted((folder, *folder.rglob("*"))):
                status = path.lstat()
                found[str(path)] = (status.st_uid, status.st_gid, status.st_mode, status.st_ino, status.st_ctime_ns)
        return found

    def _tell(self, path: bytes, answer: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(path + b"\n")
        self._process.stdin.flush()
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == answer


def mount_points() -> list[str]:
    return [line.split()[4] for line in Path("/proc/thread-self/mountinfo").read_text().splitlines()]


@contextmanager
def racing(node: Node) -> Iterator[Race]:
    node.make_home("alice")
    (node.folder / "elsewhere").mkdir()
    (node.folder / "elsewhere" / "shadow").write_text("root's")
    node.make_seat(OTHER)
    place = node.seat(OTHER) / ".seat"
    place.mkdir()
    with socket.socket(socket.AF_UNIX) as victim:
        here = Path.cwd()
        os.chdir(place)  # its path is too long for a socket
        victim.bind("identity.sock")
        os.chdir(here)
        victim.listen(64)
        victim.setblocking(False)
        # Whoever exchanges things could even connect there: it is the agent that must not.
        (place / "identity.sock").chmod(0o777)
        process = subprocess.Popen(
            [sys.executable, "-c", EXCHANGES, str(node.folder / "elsewhere"), str(place)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            yield Race(node, process, victim)
        finally:
            process.kill()
            process.communicate()


def test_nothing_is_mounted_made_or_owned_anywhere_but_in_the_seat(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mount is looked at while it is there: an order that comes to nothing takes it away again."""
    mounted: list[list[str]] = []

    async def look(*_: Any, **__: Any) -> None:
        mounted.append([at for at in mount_points() if at.endswith("/jovyan")])
        raise NotParked("it was only looked at")

    async def body() -> None:
        with racing(node) as race:
            for _ in range(ROUNDS):
                answer = await race.round()
                assert isinstance(answer, Refusal)
                assert answer.why in {Why.SEAT, Why.USED, Why.NOT_PARKED}
            # Or this would have shown nothing: it gets in the way, and not always.
            assert race.answers[Why.NOT_PARKED] > ROUNDS // 10, race.answers
            assert race.answers[Why.SEAT] + race.answers[Why.USED] > ROUNDS // 10, race.answers

    monkeypatch.setattr(actions, "connect", look)
    node.inside(asyncio.run, body())
    assert mounted
    assert all(len(places) == 1 for places in mounted)


def test_no_socket_of_another_pod_is_connected_to(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own program may be told the identity of whoever claimed it; nobody else's is."""
    tried = 0
    real = actions.connect

    async def counted(*given: Any, **named: Any) -> Any:
        nonlocal tried
        tried += 1
        return await real(*given, **named)

    async def body() -> None:
        with racing(node) as race:
            for _ in range(ROUNDS):
                await race.round()
            with pytest.raises(BlockingIOError):
                race.victim.accept()

    monkeypatch.setattr(actions, "connect", counted)
    monkeypatch.setattr("hub.node_agent.deliver.ACCEPT_SECONDS", 0.05)
    node.inside(asyncio.run, body())
    assert tried > ROUNDS // 10
