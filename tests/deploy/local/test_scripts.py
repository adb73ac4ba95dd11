"""The commands of the Makefile: on a machine that lacks something they say what and how to get it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.closing_line import closing_line
from hub.settings import CHECKOUT

SCRIPTS = CHECKOUT / "deploy" / "local"
PLAIN_TOOLS = (
    "awk",
    "bash",
    "cat",
    "cut",
    "dirname",
    "env",
    "grep",
    "head",
    "id",
    "ls",
    "mktemp",
    "rm",
    "sed",
    "sh",
    "sha256sum",
    "shasum",
)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A PATH with the plainest tools alone; programs are added as the test needs them."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in PLAIN_TOOLS:
        if found := shutil.which(tool):
            (folder / tool).symlink_to(found)
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that bootstrap reads, somewhere else."""
    folder = tmp_path / "checkout"
    (folder / "deploy" / "local").mkdir(parents=True)
    for name in ("bootstrap.sh", "package_index.py"):
        shutil.copy(SCRIPTS / name, folder / "deploy" / "local" / name)
    for name in ("requirements.lock", "requirements-dev.lock", "pyproject.toml", "package.json", "package-lock.json"):
        shutil.copy(CHECKOUT / name, folder / name)
    return folder


def program(machine: Path, name: str, script: str) -> None:
    path = machine / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def bootstrap(checkout: Path, machine: Path, level: str = "up") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(machine / "bash"), "deploy/local/bootstrap.sh", level],
        cwd=checkout,
        env={"PATH": str(machine), "HOME": str(checkout), "LOG": str(checkout / "log")},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def tools(machine: Path, checkout: Path) -> Path:
    """Stand-ins for python, uv, node and npm that note how they are called and make what the real ones would."""
    program(
        machine,
        "python3",
        'echo "python3 $*" >>"$LOG"; case $1 in --version) echo Python 3.12.1 ;; esac; exit 0',
    )
    program(
        machine,
        "uv",
        'echo "uv $*" >>"$LOG"\n'
        f"case $1 in venv) {shutil.which('mkdir')} -p .venv/bin\n"
        f"{shutil.which('ln')} -sf {sys.executable} .venv/bin/python ;; esac\n"
        'case "$*" in *requirements-dev.lock*) : >.venv/bin/pytest ;; esac',
    )
    program(machine, "node", "echo v22.1.0")
    program(
        machine,
        "npm",
        f'echo "npm $*" >>"$LOG"; {shutil.which("mkdir")} -p node_modules; '
        f'case "$*" in *include=dev*) {shutil.which("mkdir")} -p node_modules/axe-core ;; esac',
    )
    return checkout / "log"


def test_a_machine_without_python_is_told_what_to_install(machine: Path, checkout: Path) -> None:
    program(machine, "python3", "case $1 in --version) echo Python 3.9.2 ;; *) exit 1 ;; esac")
    program(machine, "apt-get", "exit 0")
    result = bootstrap(checkout, machine)
    assert result.returncode == 1
    assert "needs Python 3.11 or newer; this machine's python3: Python 3.9.2" in result.stderr
    assert "sudo apt install python3 python3-venv" in result.stderr


@pytest.mark.usefixtures("tools")
def test_a_machine_with_an_old_node_is_told_what_to_install(machine: Path, checkout: Path) -> None:
    program(machine, "node", "echo v18.19.0")
    program(machine, "brew", "exit 0")
    result = bootstrap(checkout, machine)
    assert result.returncode == 1
    assert "needs Node.js 20 or newer for its proxy; this machine's node: v18.19.0" in result.stderr
    assert "brew install node" in result.stderr


def test_python_without_pip_and_without_uv_is_told_what_to_install(machine: Path, checkout: Path) -> None:
    mkdir = shutil.which("mkdir")
    program(
        machine,
        "python3",
        'case "$*" in *"import ensurepip"*|*"-m pip"*) exit 1 ;; --version) echo Python 3.11.2 ;; '
        f'*"venv --without-pip"*) {mkdir} -p .venv/bin; {shutil.which("ln")} -s "$0" .venv/bin/python ;; esac; exit 0',
    )
    program(machine, "apt-get", "exit 0")
    result = bootstrap(checkout, machine)
    assert result.returncode == 1
    assert "there is no uv on PATH" in result.stderr
    assert "sudo apt install python3-venv" in result.stderr


def test_up_installs_what_running_needs_with_hashes(machine: Path, checkout: Path, tools: Path) -> None:
    result = bootstrap(checkout, machine)
    assert result.returncode == 0, result.stderr
    log = tools.read_text()
    assert "--require-hashes requirements.lock" in log
    assert "--no-deps --no-build-isolation --editable ." in log
    assert "npm ci --omit=dev" in log


def test_the_second_time_nothing_is_called(machine: Path, checkout: Path, tools: Path) -> None:
    bootstrap(checkout, machine)
    tools.unlink()
    assert bootstrap(checkout, machine).returncode == 0
    assert not tools.exists()


def test_a_changed_lock_is_installed(machine: Path, checkout: Path, tools: Path) -> None:
    bootstrap(checkout, machine)
    tools.unlink()
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    bootstrap(checkout, machine)
    assert "pip sync" in tools.read_text()
    assert "npm" not in tools.read_text()


def test_up_takes_no_tools_from_a_developer(machine: Path, checkout: Path, tools: Path) -> None:
    bootstrap(checkout, machine, "test")
    tools.unlink()
    bootstrap(checkout, machine, "up")
    assert not tools.exists()
    for name in ("pyproject.toml", "package.json"):
        path = checkout / name
        path.write_text(path.read_text() + "\n")
    bootstrap(checkout, machine, "up")
    assert "requirements-dev.lock" in tools.read_text()
    assert "npm ci --include=dev" in tools.read_text()


def test_a_moved_checkout_gets_a_new_environment(machine: Path, checkout: Path, tools: Path) -> None:
    bootstrap(checkout, machine)
    tools.unlink()
    moved = checkout.with_name("moved")
    checkout.rename(moved)
    assert bootstrap(moved, machine).returncode == 0
    assert "uv venv" in (moved / "log").read_text()


def test_help_lists_every_command_with_a_line() -> None:
    result = subprocess.run(["make", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    shown = {line.split()[1]: line.split(maxsplit=2)[2] for line in result.stdout.splitlines()}
    assert {"help", "up", "test", "lint", "bench", "lock", "clean"} <= set(shown)
    assert all(len(line) > 10 for line in shown.values())


def test_chromium_where_it_is_named_is_found(machine: Path) -> None:
    program(machine, "my-chromium", "exit 0")
    result = subprocess.run(
        [str(machine / "bash"), str(SCRIPTS / "chromium.sh")],
        env={"PATH": str(machine), "STUDIOLO_CHROMIUM": str(machine / "my-chromium")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == str(machine / "my-chromium")


@pytest.mark.parametrize(
    ("manager", "command"), [("apt-get", "apt-get install chromium"), ("brew", "brew install chromium")]
)
def test_without_chromium_and_without_rights_the_command_that_installs_it_is_named(
    machine: Path, manager: str, command: str
) -> None:
    program(machine, manager, "exit 1")
    (machine / "id").unlink()
    program(machine, "id", "echo 1000")
    result = subprocess.run(
        [str(machine / "bash"), str(SCRIPTS / "chromium.sh")],
        env={"PATH": str(machine)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert command in result.stderr


def test_the_closing_line_adds_up_what_several_runs_found(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(
        '<testsuites><testsuite tests="5" failures="1" errors="1" skipped="0"/></testsuites>'
    )
    assert closing_line(tmp_path) == "3 passed, 2 failed"
    (tmp_path / "b.xml").write_text(
        '<testsuites><testsuite tests="2" failures="0" errors="0" skipped="1"/></testsuites>'
    )
    assert closing_line(tmp_path) == "4 passed, 2 failed, 1 skipped"


def test_ci_calls_the_command_of_the_readme() -> None:
    assert "make test" in (CHECKOUT / ".ci" / "run").read_text()
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)
