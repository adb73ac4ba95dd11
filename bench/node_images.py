"""Images on the development cluster's own node: from where it fetches them, which it has, and that it forgets one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import httpx

from bench.large_images import REPOSITORY, LargeImage
from bench.stock import CHECKOUT, free_ports
from deploy.cluster.layout import NODE_ADDRESS, layout_here
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOSTS: Final = """server = "http://{host}"
[host."http://{host}"]
  capabilities = ["pull", "resolve"]
"""
PATIENCE_SECONDS: Final = 60.0


@contextmanager
def throttled_registry(folder: Path, *, bytes_per_second: float) -> Iterator[str]:
    """A registry that the node may fetch from; gives its host and port. What the node has of it goes with it."""
    (port,) = free_ports(1)
    host = f"{NODE_ADDRESS}:{port}"
    hosts = layout_here().node(1).conf / "certs.d" / host
    hosts.mkdir()
    (hosts / "hosts.toml").write_text(HOSTS.format(host=host))
    words = (sys.executable, "-P", "-m", "bench.large_images", folder, NODE_ADDRESS, str(port), str(bytes_per_second))
    with subprocess.Popen(words, cwd=CHECKOUT, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until_answers(f"http://{host}/v2/")
            yield host
        finally:
            process.terminate()
            shutil.rmtree(hosts)
            ctr_remove(names_of(ctr("images", "list"), host))


def wait_until_answers(url: str) -> None:
    """Returns once it does."""
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            httpx.get(url).raise_for_status()
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"{url} does not answer.")


def ctr(*words: str) -> str:
    """What containerd says, of the images that Kubernetes uses."""
    return run_program("ctr", "-a", layout_here().node(1).containerd_socket, "-n", "k8s.io", *words)


def ctr_remove(names: list[str]) -> None:
    """With all that only they needed, and returns when that is gone."""
    if names:
        ctr("images", "remove", "--sync", *names)


def names_of(listed: str, host: str) -> list[str]:
    """All names of what came from there, in `ctr images list`: one of them is that of an image's configuration."""
    rows = [line.split() for line in listed.splitlines()[1:]]
    from_there = {row[2] for row in rows if row[0].startswith(f"{host}/")}
    return [row[0] for row in rows if row[2] in from_there]


def named(host: str, image: LargeImage) -> str:
    """As a catalog names it."""
    return f"{host}/{REPOSITORY}:1@{image.digest}"


def by_digest(host: str, image: LargeImage) -> str:
    """As containerd names it."""
    return f"{host}/{REPOSITORY}@{image.digest}"


def forget(image: LargeImage) -> None:
    """The node has it no more, nor any of its own layers, packed or unpacked; raises RuntimeError where one stays."""
    # containerd knows an image by each of its names: as it was asked for, by its digest, and by its configuration's.
    names = ctr("images", "list", "-q").split()
    ctr_remove([name for name in names if name.endswith(f"@{image.digest}") or name == image.config])
    # A container that has ended keeps what it ran on until the kubelet has removed it, some seconds later.
    end = time.monotonic() + PATIENCE_SECONDS
    while left := kept_of(image):
        if time.monotonic() > end:
            raise RuntimeError(f"The node still has {len(left)} layers of an image that it was to forget.")
        time.sleep(0.2)


def until_unused(image: str) -> None:
    """Returns when no container of it is left: the kubelet removes those of a pod seconds after the pod is gone."""
    end = time.monotonic() + PATIENCE_SECONDS
    while image in ctr("containers", "list").split():
        if time.monotonic() > end:
            raise RuntimeError(f"The node still has a container of {image}.")
        time.sleep(0.2)


def kept_of(image: LargeImage) -> set[str]:
    """Its own layers that the node has, packed or unpacked."""
    packed = set(ctr("content", "list", "-q").split())
    unpacked = set(ctr("snapshots", "list").split())
    return packed.intersection(image.layers) | unpacked.intersection(image.chains)
