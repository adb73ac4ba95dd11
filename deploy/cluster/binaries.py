"""Builds what is missing, once, and says how long it still takes. Built binaries are kept for every checkout."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final

from filelock import FileLock

from deploy.cluster.errors import NotThisMachineError, ProgramFailedError
from deploy.cluster.modules import BINARIES, BUILD_ENVIRONMENT, MODULES, Binary, build_key, module_files
from deploy.cluster.pause import build_pause
from deploy.cluster.programs import run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deploy.cluster.layout import Layout

OLDEST_GO: Final = (1, 26)
"""What the go.mod files ask for."""

REPORT_SECONDS: Final = 30.0
"""Between two lines about a build that goes on: a log that stands still looks like a hang."""


def provide_binaries(layout: Layout, say: Callable[[str], None]) -> None:
    """See that all are built, and linked in `.cluster/bin`. Raises ProgramFailedError with the compiler's words."""
    go_version, platform = _go()
    paths = {binary: layout.built / _key(binary, go_version, platform) / binary.name for binary in BINARIES}
    if not all(path.is_file() for path in paths.values()):
        layout.built.mkdir(parents=True, exist_ok=True)
        lock = FileLock(layout.built / "build.lock")
        with contextlib.ExitStack() as stack:
            if not _acquired_at_once(lock):
                say("Another build runs on this machine; waiting for it…")
            stack.enter_context(lock)
            _build_missing({binary: path for binary, path in paths.items() if not path.is_file()}, layout, say)
    _link(layout, {binary.name: path for binary, path in paths.items()})
    build_pause(layout)


def time_left(waiting: Sequence[Binary], known: Mapping[str, float]) -> float:
    """Seconds that these builds take together, by what they took here before, else by what is usual."""
    return sum(known.get(binary.name, binary.usual_seconds) for binary in waiting)


def in_words(seconds: float) -> str:
    """About how long: `4 min`, `20 s`."""
    return f"{round(seconds / 60)} min" if seconds >= 90 else f"{max(5, round(seconds / 5) * 5)} s"  # noqa: PLR2004 - 1.5 min


def _go() -> tuple[str, str]:
    if shutil.which("go") is None:
        raise NotThisMachineError(
            "There is no Go on this machine, and Kubernetes is built from its Go modules.",
            hint="Install Go 1.26 or newer (go.dev/dl, or golang-go from backports) and put it on PATH.",
        )
    version, system, architecture = run_program("go", "env", "GOVERSION", "GOOS", "GOARCH").split()
    numbers = tuple(int(part) for part in version.removeprefix("go").split("-")[0].split(".")[:2] if part.isdecimal())
    if numbers < OLDEST_GO and os.environ.get("GOTOOLCHAIN") == "local":
        raise NotThisMachineError(
            f"Go here is {version}, and GOTOOLCHAIN=local keeps it from fetching a newer one.",
            hint="Install Go 1.26 or newer.",
        )
    return version, f"{system}/{architecture}"


def _key(binary: Binary, go_version: str, platform: str) -> str:
    return build_key(binary, go_version=go_version, platform=platform, module_files=module_files(binary))


def _build_missing(missing: Mapping[Binary, Path], layout: Layout, say: Callable[[str], None]) -> None:
    waiting = [binary for binary, path in missing.items() if not path.is_file()]  # another build may have made it
    times = _load_times(layout)
    for number, binary in enumerate(waiting, start=1):
        left = in_words(time_left(waiting[number - 1 :], times))
        say(f"[{number}/{len(waiting)}] building {binary.name}; about {left} left for all")
        began = time.monotonic()
        _build(binary, missing[binary], say)
        took = time.monotonic() - began
        times[binary.name] = round(max(took, times.get(binary.name, 0.0)), 1)
        (layout.built / "build-times.json").write_text(json.dumps(times, indent=2) + "\n")
        say(f"[{number}/{len(waiting)}] {binary.name} took {took:.0f} s")


def _build(binary: Binary, path: Path, say: Callable[[str], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    argv = ("go", "build", "-ldflags", binary.flags, "-o", str(unfinished), binary.package)
    env = os.environ | BUILD_ENVIRONMENT
    done = threading.Event()
    reporter = threading.Thread(target=_report_progress, args=(binary.name, done, say), daemon=True)
    reporter.start()
    try:
        built = subprocess.run(argv, cwd=MODULES / binary.module, env=env, capture_output=True, text=True, check=False)
    finally:
        done.set()
        reporter.join()
    if built.returncode:
        raise ProgramFailedError(argv, code=built.returncode, output=built.stderr)
    unfinished.replace(path)


def _report_progress(name: str, done: threading.Event, say: Callable[[str], None]) -> None:
    began = time.monotonic()
    while not done.wait(REPORT_SECONDS):
        say(f"        {name}: {in_words(time.monotonic() - began)} so far")


def _load_times(layout: Layout) -> dict[str, float]:
    try:
        times = json.loads((layout.built / "build-times.json").read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): float(seconds) for name, seconds in times.items()}


def _acquired_at_once(lock: FileLock) -> bool:
    try:
        lock.acquire(blocking=False)
    except TimeoutError:
        return False
    lock.release()
    return True


def _link(layout: Layout, paths: Mapping[str, Path]) -> None:
    layout.bin.mkdir(parents=True, exist_ok=True)
    for name, path in paths.items():
        link = layout.bin / name
        if link.is_symlink() and link.readlink() == path:
            continue
        fresh = link.with_name(f".{name}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(path)
        fresh.replace(link)
