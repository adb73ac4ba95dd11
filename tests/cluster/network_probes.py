"""Connections tried inside other network namespaces, from this one process.

A socket stays in the network namespace in which it was made. So the test opens sockets inside the pods' namespaces
itself, and pods need no program of ours. Everything waits for an event: nothing here depends on how fast a machine is.
"""

from __future__ import annotations

import ctypes
import os
import select
import selectors
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from errno import EINPROGRESS
from ipaddress import IPv4Address
from pathlib import Path
from typing import Self

from deploy.cluster.network_policy.model import Protocol
from tests.deploy.cluster.network_policy_cases import PORTS, Probe

DEADLINE_SECONDS = 20.0
"""Nobody waits that long: every attempt is answered, and what is not ends the test."""

OWN_NAMESPACE = Path("/proc/self/ns/net")
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def inside(network_namespace: Path) -> Iterator[None]:
    """Sockets made and programs started in this block are in that network namespace."""
    with OWN_NAMESPACE.open() as own, network_namespace.open() as other:
        _set_namespace(other.fileno())
        try:
            yield
        finally:
            _set_namespace(own.fileno())


def _set_namespace(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET):  # os.setns came with Python 3.12
        raise OSError(ctypes.get_errno(), "setns: only root may enter a network namespace")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where connections begin and end."""

    address: IPv4Address
    network_namespace: Path = OWN_NAMESPACE


class Probes:
    """Everything listens in every endpoint; `denied` tries connections between them."""

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        """`endpoints` by the names that the table of cases uses."""
        self.endpoints = endpoints
        self._open = ExitStack()
        self._listeners: dict[socket.socket, tuple[str, str]] = {}

    def __enter__(self) -> Self:
        for name, endpoint in self.endpoints.items():
            for port, (protocol, number) in PORTS.items():
                listener = self._open.enter_context(self.socket(name, protocol))
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind((str(endpoint.address), number))
                if protocol is Protocol.TCP:
                    listener.listen(128)
                self._listeners[listener] = (name, port)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def socket(self, name: str, protocol: Protocol) -> socket.socket:
        """A new socket in an endpoint's network namespace, which never blocks."""
        kind = socket.SOCK_STREAM if protocol is Protocol.TCP else socket.SOCK_DGRAM
        with inside(self.endpoints[name].network_namespace):
            made = socket.socket(socket.AF_INET, kind)
        made.setblocking(False)
        return made

    def connection(self, source: str, destination: str) -> tuple[socket.socket, socket.socket]:
        """An open connection between two endpoints: the socket of the one that opened it, and the other's."""
        with self.socket(destination, Protocol.TCP) as server:
            server.bind((str(self.endpoints[destination].address), 0))
            server.listen()
            ours = self.socket(source, Protocol.TCP)
            ours.connect_ex(server.getsockname())
            assert select.select([server], [], [], DEADLINE_SECONDS)[0], f"{source} does not reach {destination}"
            theirs, _ = server.accept()
        theirs.setblocking(False)
        return ours, theirs

    def denied(self, probes: Iterable[Probe]) -> set[str]:
        """Those of the connections that are refused or lost, as text."""
        with _Round(self, self._listeners) as round_:
            for probe in probes:
                round_.begin(probe)
            round_.wait()
            return {str(probe) for probe in round_.tried - round_.arrived}


@dataclass
class _Round:
    """One attempt of each connection, all at once."""

    probes: Probes
    listeners: dict[socket.socket, tuple[str, str]]
    tried: set[Probe] = field(default_factory=set)
    arrived: set[Probe] = field(default_factory=set)
    _waiting: dict[socket.socket, Probe] = field(default_factory=dict)
    _last_datagrams: set[str] = field(default_factory=set)
    _sockets: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        self._selector = self._sockets.enter_context(selectors.DefaultSelector())
        for listener in self.listeners:
            self._selector.register(listener, selectors.EVENT_READ)
        return self

    def __exit__(self, *error: object) -> None:
        self._sockets.close()

    def begin(self, probe: Probe) -> None:
        self.tried.add(probe)
        protocol, number = PORTS[probe.port]
        to = (str(self.probes.endpoints[probe.destination].address), number)
        one = self._sockets.enter_context(self.probes.socket(probe.source, protocol))
        if protocol is Protocol.TCP:
            if one.connect_ex(to) not in {0, EINPROGRESS}:
                return
            self._waiting[one] = probe
            self._selector.register(one, selectors.EVENT_WRITE)
        else:
            one.sendto(f"{os.getpid()} {probe}".encode(), to)

    def wait(self) -> None:
        """Until every connection is decided and every listener has heard the last datagram sent to it.

        A lost datagram makes no event. But the last one, which nobody may deny, arrives after all before it.
        """
        for name, endpoint in self.probes.endpoints.items():
            sender = self._sockets.enter_context(
                self.probes.socket("outside" if name == "node" else "node", Protocol.UDP)
            )
            sender.sendto(f"{os.getpid()} last {name}".encode(), (str(endpoint.address), PORTS["dns"][1]))
            self._last_datagrams.add(name)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._waiting or self._last_datagrams:
            events = self._selector.select(deadline - time.monotonic())
            assert events, f"no answer: {sorted(map(str, self._waiting.values()))} {self._last_datagrams}"
            for key, _ in events:
                assert isinstance(key.fileobj, socket.socket)
                self._take(key.fileobj)

    def _take(self, ready: socket.socket) -> None:
        if ready in self._waiting:
            probe = self._waiting.pop(ready)
            self._selector.unregister(ready)
            if ready.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                self.arrived.add(probe)
        elif ready.type is socket.SOCK_STREAM:
            ready.accept()[0].close()
        else:
            self._take_datagram(*self.listeners[ready], ready.recv(200).decode())

    def _take_datagram(self, name: str, port: str, text: str) -> None:
        sender, _, what = text.partition(" ")
        if sender != str(os.getpid()):
            return
        if what == f"last {name}":
            self._last_datagrams.discard(name)
        self.arrived |= {probe for probe in self.tried if str(probe) == what and probe.port == port}


def ip(*arguments: str) -> str:
    """What `ip` prints."""
    done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout


@contextmanager
def network_namespace(name: str) -> Iterator[Path]:
    """A new network namespace that goes with the block, and with it every interface inside."""
    ip("netns", "add", name)
    try:
        ip("-netns", name, "link", "set", "lo", "up")
        yield Path("/run/netns") / name
    finally:
        ip("netns", "delete", name)
