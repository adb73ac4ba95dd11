"""Limits that the kernel holds where there is a systemd user manager, and the honest answer where there is none."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from spawner.kernel_memory import KernelMemory
from spawner.limits import Scope, find_scope, limits_command, scope_command

GIB = 1024**3
MANAGER = {"XDG_RUNTIME_DIR": "/run/user/1000", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus"}


def scope(**changes: object) -> Scope:
    facts: dict[str, object] = {
        "program": "/usr/bin/systemd-run",
        "manager_env": tuple(MANAGER.items()),
        "limits_memory": True,
        "limits_cpu": True,
        "survives_kills": True,
    }
    return Scope(**{**facts, **changes})  # type: ignore[arg-type]  # the facts above


def properties(command: tuple[str, ...]) -> list[str]:
    return [value for flag, value in itertools.pairwise(command) if flag == "-p"]


def test_command_runs_in_a_scope_of_its_own() -> None:
    command = scope_command(
        ("/env/bin/python", "server.py"), scope=scope(), unit="studiolo-1", memory_bytes=4 * GIB, cpu_cores=1.5
    )
    assert command == (
        *("/usr/bin/systemd-run", "--user", "--scope", "--quiet", "--collect", "--unit=studiolo-1"),
        *("-p", "MemoryMax=4294967296", "-p", "MemorySwapMax=0", "-p", "OOMPolicy=continue", "-p", "CPUQuota=150%"),
        *("--", "/usr/bin/env", "-u", "XDG_RUNTIME_DIR", "-u", "DBUS_SESSION_BUS_ADDRESS"),
        *("/env/bin/python", "server.py"),
    )


@pytest.mark.parametrize(
    ("facts", "memory_bytes", "cpu_cores", "expected"),
    [
        pytest.param(
            {"limits_cpu": False}, GIB, 2, ["MemoryMax", "MemorySwapMax", "OOMPolicy"], id="no cpu controller"
        ),
        pytest.param({"limits_memory": False}, GIB, 2, ["CPUQuota"], id="no memory controller"),
        pytest.param({"survives_kills": False}, GIB, 2, ["MemoryMax", "MemorySwapMax", "CPUQuota"], id="old systemd"),
        pytest.param({}, None, None, [], id="no limits asked for"),
    ],
)
def test_only_limits_that_can_be_held_are_asked_for(
    facts: dict[str, object], memory_bytes: int | None, cpu_cores: float | None, expected: list[str]
) -> None:
    command = scope_command(("true",), scope=scope(**facts), unit="u", memory_bytes=memory_bytes, cpu_cores=cpu_cores)
    assert [text.partition("=")[0] for text in properties(command)] == expected


def test_a_scope_that_runs_already_is_held_to_what_its_person_chose() -> None:
    command = limits_command(scope=scope(), unit="studiolo-1", memory_bytes=4 * GIB, cpu_cores=1.5)
    assert command == (
        *("/usr/bin/systemctl", "--user", "set-property", "--runtime", "studiolo-1.scope"),
        *("MemoryMax=4294967296", "MemorySwapMax=0", "CPUQuota=150%"),
    )


def test_tiny_share_of_a_core_is_never_rounded_to_nothing() -> None:
    command = scope_command(("true",), scope=scope(), unit="u", memory_bytes=None, cpu_cores=0.001)
    assert properties(command) == ["CPUQuota=1%"]


# Where there is a manager: a program that stands in for systemd-run, and a folder for the control groups


FakeMachine = Callable[..., dict[str, object]]


@pytest.fixture
def fake_machine(tmp_path: Path) -> FakeMachine:
    """A machine with a systemd-run that only starts its command, and control groups of version 2."""

    def build(
        *, controllers: str = "cpu memory pids", exit_code: int = 0, version: str = "systemd 257 (257.9)"
    ) -> dict:
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "systemd-run"
        program.write_text(
            f"#!{sys.executable} -S\n"
            "import os, sys\n"
            f"if '--version' in sys.argv: print({version!r}); sys.exit()\n"
            f"if {exit_code}: sys.exit({exit_code})\n"
            "command = sys.argv[sys.argv.index('--') + 1:]\n"
            "os.execv(command[0], command)\n"
        )
        program.chmod(0o700)
        cgroups = tmp_path / "cgroup"
        manager = cgroups / "user.slice/user-1000.slice/user@1000.service"
        manager.mkdir(parents=True)
        (cgroups / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
        (manager / "cgroup.controllers").write_text(f"{controllers}\n")
        return {"env": {"PATH": str(folder), **MANAGER}, "cgroups": cgroups, "user_id": 1000}

    return build


def test_scope_is_found_where_a_trial_succeeds(fake_machine: FakeMachine, tmp_path: Path) -> None:
    assert find_scope(**fake_machine()) == scope(program=str(tmp_path / "bin/systemd-run"))  # type: ignore[arg-type]  # as built above


@pytest.mark.parametrize(
    ("controllers", "expected"), [("memory pids", (True, False)), ("cpu", (False, True)), ("cpu memory", (True, True))]
)
def test_scope_holds_what_the_system_lets_the_user_limit(
    fake_machine: FakeMachine, controllers: str, expected: tuple[bool, bool]
) -> None:
    found = find_scope(**fake_machine(controllers=controllers))  # type: ignore[arg-type]  # as built above
    assert found is not None
    assert (found.limits_memory, found.limits_cpu) == expected


@pytest.mark.parametrize(("version", "survives"), [("systemd 252 (252.1)", False), ("systemd 253", True), ("?", False)])
def test_old_systemd_is_not_told_what_it_does_not_know(fake_machine: FakeMachine, version: str, survives: bool) -> None:
    found = find_scope(**fake_machine(version=version))  # type: ignore[arg-type]  # as built above
    assert found is not None
    assert found.survives_kills is survives


@pytest.mark.parametrize("facts", [{"controllers": "pids"}, {"exit_code": 1}], ids=["no controllers", "trial fails"])
def test_no_scope_where_nothing_can_be_limited(fake_machine: FakeMachine, facts: dict[str, object]) -> None:
    assert find_scope(**fake_machine(**facts)) is None  # type: ignore[arg-type]  # as built above


def test_no_scope_without_the_program(fake_machine: FakeMachine, tmp_path: Path) -> None:
    machine = fake_machine()
    (tmp_path / "bin/systemd-run").unlink()
    assert find_scope(**machine) is None  # type: ignore[arg-type]  # as built above


def test_no_scope_on_control_groups_of_version_1(fake_machine: FakeMachine, tmp_path: Path) -> None:
    machine = fake_machine()
    (tmp_path / "cgroup/cgroup.controllers").unlink()
    assert find_scope(**machine) is None  # type: ignore[arg-type]  # as built above


def test_command_in_a_scope_sees_nothing_of_the_manager(fake_machine: FakeMachine) -> None:
    found = find_scope(**fake_machine())  # type: ignore[arg-type]  # as built above
    assert found is not None
    shows = (sys.executable, "-S", "-c", "import json, os; print(json.dumps(sorted(os.environ)))")
    command = scope_command(shows, scope=found, unit="u", memory_bytes=GIB, cpu_cores=1)
    env = {"HOME": "/home/alice", **dict(found.manager_env)}
    printed = subprocess.run(command, env=env, capture_output=True, check=True).stdout
    assert set(json.loads(printed)) - {"LC_CTYPE"} == {"HOME"}


def test_real_scope_holds_its_limit() -> None:
    found = find_scope()
    if found is None:
        pytest.skip("not run: needs a systemd user manager that may limit memory or CPU")
    group = (sys.executable, "-c", "print(open('/proc/self/cgroup').read())")
    command = scope_command(group, scope=found, unit=f"studiolo-test-{os.getpid()}", memory_bytes=GIB, cpu_cores=1)
    printed = subprocess.run(command, env=dict(found.manager_env), capture_output=True, text=True, check=True).stdout
    assert f"studiolo-test-{os.getpid()}.scope" in printed


# What the kernel did


@pytest.fixture
def group(tmp_path: Path) -> Path:
    (tmp_path / "proc/7").mkdir(parents=True)
    (tmp_path / "proc/7/cgroup").write_text("0::/user.slice/app.slice/studiolo-1.scope\n")
    group = tmp_path / "cgroup/user.slice/app.slice/studiolo-1.scope"
    group.mkdir(parents=True)
    (group / "memory.peak").write_text("4096\n")
    (group / "memory.events").write_text("low 0\noom 2\noom_kill 2\n")
    return group


def kernel_memory(tmp_path: Path) -> KernelMemory:
    return KernelMemory(7, proc=tmp_path / "proc", cgroups=tmp_path / "cgroup")


def test_kills_by_the_kernel_are_counted_once(tmp_path: Path, group: Path) -> None:
    memory = kernel_memory(tmp_path)
    assert (memory.kills_since_last_look(), memory.peak_bytes) == (2, 4096)
    assert memory.kills_since_last_look() == 0


def test_kill_of_the_server_is_seen_after_it_left_its_group(tmp_path: Path, group: Path) -> None:
    (group / "memory.events").write_text("oom_kill 0\n")
    memory = kernel_memory(tmp_path)
    assert memory.kills_since_last_look() == 0
    (tmp_path / "proc/7/cgroup").unlink()
    (group / "memory.events").write_text("oom_kill 1\n")
    assert memory.kills_since_last_look() == 1


@pytest.mark.parametrize("membership", ["0::/user.slice/session-2.scope\n", "4:memory:/studiolo-1.scope\n", ""])
def test_kills_outside_a_scope_of_ours_say_nothing(tmp_path: Path, group: Path, membership: str) -> None:
    (tmp_path / "proc/7/cgroup").write_text(membership)
    assert kernel_memory(tmp_path).kills_since_last_look() == 0


def test_group_that_vanished_says_nothing(tmp_path: Path, group: Path) -> None:
    (group / "memory.events").unlink()
    (group / "memory.peak").unlink()
    assert kernel_memory(tmp_path).kills_since_last_look() == 0
