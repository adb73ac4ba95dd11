"""The `make cluster…` commands and kubectl, as a test calls them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deploy.cluster.layout import layout_here
from deploy.cluster.programs import run_program
from deploy.cluster.state import hold_file
from deploy.cluster.supervisor import RunFile

LAYOUT = layout_here()
POLL_SECONDS = 0.1


def cluster(*words: str) -> str:
    """Run one of the commands, as `make` does. What it printed."""
    argv = (sys.executable, "-P", "-m", "deploy.cluster.commands", *words)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=os.environ | {"CI": ""})
    assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def kubectl(*words: str, text: str | None = None) -> str:
    """Run kubectl as the administrator of the cluster under test. What it printed."""
    kubeconfig = os.environ.get("STUDIOLO_KUBECONFIG") or LAYOUT.kubeconfig
    return run_program(LAYOUT.program("kubectl"), "--kubeconfig", kubeconfig, *words, text=text)


def pid_of(component: str) -> int:
    """The number of the process that was started last."""
    run_file = RunFile.load(LAYOUT.run / f"{component}.json")
    assert run_file is not None, component
    return run_file.process.pid


def eventually(what: str, is_so: Callable[[], bool], *, seconds: float) -> float:
    """Wait until it is so; returns how long that took."""
    began = time.monotonic()
    while not is_so():
        assert time.monotonic() - began < seconds, f"{what}: not within {seconds:.0f} s"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


@contextmanager
def held(*components: str) -> Iterator[None]:
    """For the time of a test these are not started again; whatever happens, they are released."""
    try:
        for name in components:
            cluster("hold", name)
        yield
    finally:
        for name in components:
            hold_file(LAYOUT, name).unlink(missing_ok=True)
