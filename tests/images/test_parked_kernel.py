"""The kernel that waits beside a parked server: it is the first that its person starts, and like any other."""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.hub_of_servers import HubOfServers
from tests.images.conftest import RunningServer
from tests.images.parking import Park, parking
from tests.kernels import Kernel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: looks into /proc, which Linux has")

TELL = r"""
import sys as _sys
def _tell():
    import gc, json, locale, os, re, resource, signal, sys, tempfile, threading, warnings
    from traitlets import HasTraits
    def plain(value):
        return re.sub(r"kernel-[0-9a-f-]+|0x[0-9a-f]+|\d{5,}", "<its own>", repr(value))
    def below(cls):
        for each in cls.__subclasses__():
            yield each
            yield from below(each)
    classes = {f"{cls.__module__}.{cls.__name__}": cls for cls in below(HasTraits)}
    mask = os.umask(0)
    os.umask(mask)
    files = [os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in os.listdir("/proc/self/fd")
             if os.path.lexists(f"/proc/self/fd/{n}")]
    import jedi.settings, parso.cache
    return {
        "defaults": {name: {key: plain(value) for key, value in
                            vars(cls).get("_static_immutable_initial_values", {}).items()}
                     for name, cls in classes.items()},
        "environment": {key: plain(value) for key, value in os.environ.items()},
        "path": sys.path, "flags": repr(sys.flags), "arguments": plain(sys.argv), "all arguments": plain(sys.orig_argv),
        "folder": os.getcwd(), "umask": mask, "temporary": tempfile.gettempdir(),
        "signals": {int(n): plain(signal.getsignal(n)) for n in sorted(signal.valid_signals())},
        "files": sorted(set(files)), "input": sys.stdin.read(),
        "threads": sorted({re.sub(r"\d+", "", each.name) for each in threading.enumerate()}),
        "garbage": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()],
        "warnings": [plain(each) for each in warnings.filters], "locale": locale.setlocale(locale.LC_ALL),
        "limits": [resource.getrlimit(n) for n in range(10)], "names": sorted(vars(sys.modules["__main__"])),
        "caches": [str(jedi.settings.cache_directory), str(parso.cache._default_cache_path)],
        "leads": [os.getpgid(0) == os.getsid(0) == os.getpid()], "parent": os.getppid(),
        "modules": sorted(sys.modules),
    }
print(__import__("json").dumps(_tell()))
"""


@pytest.fixture
def park(tmp_path: Path) -> Iterator[Park]:
    with parking(tmp_path) as parked:
        yield parked


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kernel_of(server: RunningServer) -> Kernel:
    return Kernel(address=f"{server.url}/user/alice", token="token-of-alice")


def told_by(kernel: Kernel) -> dict[str, Any]:
    found: dict[str, Any] = json.loads("".join(kernel.run(TELL)))
    return found


def test_the_first_kernel_is_the_one_that_waited_and_like_the_second_which_is_started(
    park: Park, hub: HubOfServers, minimal: Path, tmp_path: Path
) -> None:
    """Class defaults, environment, path, flags, folder, files, signals, threads, names … and whose child it is."""
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    scratch.mkdir()
    parked = park(minimal, STUDIOLO_PARK_KERNEL="1")
    (waiting,) = children(parked.process.pid)
    env = {"LC_ALL": "C.UTF-8", "TMPDIR": str(scratch), "GREETING": "hello", "STUDIOLO_ENVIRONMENT": "minimal"}
    server = parked.claim(parked.identity(hub, home, minimal, **env))
    server.get("git/settings", token="token-of-alice")  # all is loaded, which sets a variable of git's
    with kernel_of(server) as first:
        claimed = told_by(first)
        assert children(server.process.pid) == [waiting]
        assert claimed["parent"] == server.process.pid
        with kernel_of(server) as second:
            started = told_by(second)
            assert waiting in children(server.process.pid)
    assert children(server.process.pid) == []
    more = set(claimed.pop("modules")) - set(started.pop("modules"))
    assert {name.partition(".")[0] for name in more} <= MAY_BE_IMPORTED_BEFORE
    defaults = claimed.pop("defaults")
    for name, value in started.pop("defaults").items():
        assert defaults[name] == value, name
    for kind, value in started.items():
        assert claimed[kind] == value, kind


MAY_BE_IMPORTED_BEFORE = {"IPython", "concurrent", "debugpy", "ipykernel", "matplotlib_inline", "pygments"}
"""What the first use of a kernel would have imported: completion, an error, the debugger."""


SLEEPS = """
import os, time
print(os.getpid(), flush=True)
try:
    time.sleep(600)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_kernel_is_interrupted_restarted_and_ended_like_any_other(
    park: Park, hub: HubOfServers, minimal: Path, tmp_path: Path
) -> None:
    parked = park(minimal, STUDIOLO_PARK_KERNEL="1")
    (waiting,) = children(parked.process.pid)
    server = parked.claim(parked.identity(hub, tmp_path / "home", minimal, LC_ALL="C.UTF-8"))
    with kernel_of(server) as kernel:
        said = kernel.run(SLEEPS)
        assert next(said).split() == [str(waiting)]
        with kernel.api() as api:
            api.post(f"kernels/{kernel.id}/interrupt").raise_for_status()
            assert "".join(said).split() == ["interrupted"]
            kernel.close()
            api.post(f"kernels/{kernel.id}/restart").raise_for_status()
            kernel.open()
            assert "".join(kernel.run("print(os.getpid() if 'os' in dir() else 'new')")).split() == ["new"]
        (new,) = children(server.process.pid)
        assert new != waiting


@pytest.mark.parametrize("why", ["another locale", "a package of their own"])
def test_who_needs_another_one_gets_it_and_the_one_that_waited_ends(
    why: str, park: Park, hub: HubOfServers, minimal: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    parked = park(minimal, STUDIOLO_PARK_KERNEL="1")
    (waiting,) = children(parked.process.pid)
    env = {"LC_ALL": "C.UTF-8", "STUDIOLO_ENVIRONMENT": "minimal"}
    if why == "another locale":
        env["LC_ALL"] = "C"
    else:
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        own = home / ".local" / "share" / "studiolo" / "packages" / "minimal" / "lib" / version / "site-packages"
        own.mkdir(parents=True)
        (own / "debugpy.py").touch()
    server = parked.claim(parked.identity(hub, home, minimal, **env))
    with kernel_of(server) as kernel:
        (pid,) = "".join(kernel.run("import os; print(os.getpid())")).split()
        assert int(pid) != waiting
        assert children(server.process.pid) == [int(pid)] or is_zombie(waiting)


def is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_kernel_that_waits_ends_with_its_server(park: Park, minimal: Path) -> None:
    parked = park(minimal, STUDIOLO_PARK_KERNEL="1")
    (waiting,) = children(parked.process.pid)
    descriptor = os.pidfd_open(waiting)
    parked.process.kill()
    assert select.select([descriptor], [], [], 30)[0]
    os.close(descriptor)
