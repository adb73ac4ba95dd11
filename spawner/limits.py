"""Limits that the kernel holds: a systemd user scope, where this machine offers one.

Where it does not, memory is watched by the keeper, CPU is not limited, and the hardware card says "not enforced".
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CGROUPS: Final = Path("/sys/fs/cgroup")

MANAGER_VARIABLES: Final = ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")
"""How systemd-run finds the user's manager. They are taken away again before the workspace begins."""

OOM_POLICY_SINCE: Final = 253
"""Before this version a scope cannot be told to go on when the kernel ended one process in it."""

TRIAL_SECONDS: Final = 5.0
"""A manager that does not answer in this time would hold up every start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A working systemd user manager, and which limits it can hold."""

    program: str
    manager_env: tuple[tuple[str, str], ...]
    limits_memory: bool
    limits_cpu: bool
    survives_kills: bool
    """Whether a workspace goes on when the kernel ended one of its kernels for memory."""


def scope_command(
    argv: Sequence[str], *, scope: Scope, unit: str, memory_bytes: int | None, cpu_cores: float | None
) -> tuple[str, ...]:
    """The same command in a scope of its own that holds it to so much memory and CPU. It keeps its process number."""
    # Only a new scope can be told so.
    policy = (
        ("OOMPolicy=continue",) if scope.limits_memory and memory_bytes is not None and scope.survives_kills else ()
    )
    properties = (*_memory_properties(scope, memory_bytes), *policy, *_cpu_properties(scope, cpu_cores))
    return (
        *(scope.program, "--user", "--scope", "--quiet", "--collect", f"--unit={unit}"),
        *(part for text in properties for part in ("-p", text)),
        *("--", "/usr/bin/env", *(part for name in MANAGER_VARIABLES for part in ("-u", name))),
        *argv,
    )


def limits_command(*, scope: Scope, unit: str, memory_bytes: int | None, cpu_cores: float | None) -> tuple[str, ...]:
    """The command that holds a scope that runs already to so much memory and CPU from now on."""
    program = str(Path(scope.program).with_name("systemctl"))
    properties = (*_memory_properties(scope, memory_bytes), *_cpu_properties(scope, cpu_cores))
    return (program, "--user", "set-property", "--runtime", f"{unit}.scope", *properties)


def _memory_properties(scope: Scope, memory_bytes: int | None) -> tuple[str, ...]:
    # Without a word about swap, a machine that has some would let the workspace use it instead.
    is_held = scope.limits_memory and memory_bytes is not None
    return (f"MemoryMax={memory_bytes}", "MemorySwapMax=0") if is_held else ()


def _cpu_properties(scope: Scope, cpu_cores: float | None) -> tuple[str, ...]:
    return (f"CPUQuota={max(1, round(cpu_cores * 100))}%",) if scope.limits_cpu and cpu_cores is not None else ()


def find_scope(
    *,
    env: Mapping[str, str] = os.environ,
    cgroups: Path = CGROUPS,
    user_id: int | None = None,
) -> Scope | None:
    """The systemd user manager of whoever runs the hub, or None where there is none that can limit anything."""
    program = shutil.which("systemd-run", path=env.get("PATH"))
    if sys.platform != "linux" or program is None or not (cgroups / "cgroup.controllers").exists():
        return None
    controllers = _delegated_controllers(cgroups, os.getuid() if user_id is None else user_id)
    manager_env = {name: env[name] for name in MANAGER_VARIABLES if name in env}
    if not controllers & {"memory", "cpu"} or not _trial_succeeds(program, manager_env):
        return None
    return Scope(
        program=program,
        manager_env=tuple(manager_env.items()),
        limits_memory="memory" in controllers,
        limits_cpu="cpu" in controllers,
        survives_kills=_version(program) >= OOM_POLICY_SINCE,
    )


def _delegated_controllers(cgroups: Path, user_id: int) -> frozenset[str]:
    """What the system lets this user's manager limit: distributions differ, and `cpu` is often missing."""
    manager = cgroups / "user.slice" / f"user-{user_id}.slice" / f"user@{user_id}.service"
    try:
        return frozenset((manager / "cgroup.controllers").read_text().split())
    except OSError:
        return frozenset()


def _trial_succeeds(program: str, manager_env: Mapping[str, str]) -> bool:
    """Whether a scope can really be made: everything before this only says that it should be possible."""
    command = (
        program,
        "--user",
        "--scope",
        "--quiet",
        "--collect",
        "-p",
        "MemoryMax=64M",
        "--",
        "/usr/bin/env",
        "true",
    )
    try:
        finished = subprocess.run(
            command, env=dict(manager_env), capture_output=True, timeout=TRIAL_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return finished.returncode == 0


def _version(program: str) -> int:
    try:
        finished = subprocess.run((program, "--version"), capture_output=True, timeout=TRIAL_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = re.search(rb"systemd (\d+)", finished.stdout)
    return int(found[1]) if found else 0
