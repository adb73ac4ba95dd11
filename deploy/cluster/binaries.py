"""Builds what is missing, once, and says how long it still takes. Built binaries are kept for every checkout."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Final

from filelock import FileLock

from deploy.cluster.errors import ProgramFailedError
from deploy.cluster.modules import BUILD_ENVIRONMENT, MODULES, Binary, build_key, module_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from deploy.cluster.go_toolchain import GoToolchain
    from deploy.cluster.layout import Layout

REPORT_SECONDS: Final = 30.0
"""Between two lines about a build that goes on: a log that stands still looks like a hang."""


def provide_binaries(layout: Layout, go: GoToolchain, binaries: Sequence[Binary], say: Callable[[str], None]) -> None:
    """See that these are built, and linked in `.cluster/bin`. Raises ProgramFailedError with the compiler's words."""
    paths = {binary: layout.built / _key(binary, go) / binary.name for binary in binaries}
    if not all(path.is_file() for path in paths.values()):
        layout.built.mkdir(parents=True, exist_ok=True)
        lock = FileLock(layout.built / "build.lock")
        with contextlib.ExitStack() as stack:
            if not _acquired_at_once(lock):
                say("Another build runs on this machine; waiting for it…")
            stack.enter_context(lock)
            _build_missing({binary: path for binary, path in paths.items() if not path.is_file()}, go, layout, say)
    _link(layout, {binary.name: path for binary, path in paths.items()})


def time_left(waiting: Sequence[Binary], known: Mapping[str, float]) -> float:
    """Seconds that these builds take together, by what they took here before, else by what is usual."""
    return sum(known.get(binary.name, binary.usual_seconds) for binary in waiting)


def in_words(seconds: float) -> str:
    """About how long: `4 min`, `20 s`."""
    return f"{round(seconds / 60)} min" if seconds >= 90 else f"{max(5, round(seconds / 5) * 5)} s"  # noqa: PLR2004 - 1.5 min


def _key(binary: Binary, go: GoToolchain) -> str:
    return build_key(binary, go_version=go.version, platform=go.platform, module_files=module_files(binary))


def _build_missing(missing: Mapping[Binary, Path], go: GoToolchain, layout: Layout, say: Callable[[str], None]) -> None:
    waiting = [binary for binary, path in missing.items() if not path.is_file()]  # another build may have made it
    times = _load_times(layout)
    for number, binary in enumerate(waiting, start=1):
        left = in_words(time_left(waiting[number - 1 :], times))
        say(f"[{number}/{len(waiting)}] building {binary.name}; about {left} left for all")
        began = time.monotonic()
        _build(binary, missing[binary], go, say)
        took = time.monotonic() - began
        times[binary.name] = round(max(took, times.get(binary.name, 0.0)), 1)
        (layout.built / "build-times.json").write_text(json.dumps(times, indent=2) + "\n")
        say(f"[{number}/{len(waiting)}] {binary.name} took {took:.0f} s")


def _build(binary: Binary, path: Path, go: GoToolchain, say: Callable[[str], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    argv = ("nice", go.program, *binary.build_words, "-ldflags", binary.flags, "-o", str(unfinished), binary.package)
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
