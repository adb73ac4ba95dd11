"""`studiolo up`: one command starts everything, and Ctrl-C leaves nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from deploy.local.plans import HUB, NAMES, SERVICES
from hub.settings import CHECKOUT
from spawner.process_end import wait_until_gone
from spawner.processes import is_running

if TYPE_CHECKING:
    from tests.integration.conftest import RunningUp

pytestmark = pytest.mark.integration

STUDIOLO = str(Path(sys.executable).with_name("studiolo"))


def studiolo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([STUDIOLO, *arguments], capture_output=True, text=True, check=False, timeout=120)


def test_the_password_is_printed_once_nothing_outlives_a_killed_one_and_ctrl_c_ends_the_next(up: RunningUp) -> None:
    up.data.admin_password.unlink()
    up.up()
    lines = [line.split() for line in up.lines]
    assert ["Studiolo", "is", "ready:", up.base_url] in lines
    assert ["user", "name", "admin"] in lines
    (password,) = [words[1] for words in lines if words[:1] == ["password"]]
    with closing(up.browser("admin", password)) as browser:
        assert browser.get("/hub/home").status_code == 200
    assert stat.S_IMODE(up.data.admin_password.stat().st_mode) == 0o600
    assert studiolo("password", "--data", str(up.data.root)).stdout.splitlines()[-1] == password

    ports, processes = up.record.ports, list(up.record.processes.values())
    if sys.platform == "linux":
        up.signal_up(signal.SIGKILL)
        up.wait_for_end()
    else:  # a parent's death has no signal there; the next `up` ends the rest
        up.end()
    for process in processes:
        assert asyncio.run(wait_until_gone(process, timeout_seconds=30))
    up.up()
    assert up.record.ports == ports
    assert not any(password in line for line in up.lines)

    everything = up.all_processes()
    assert len(everything) >= 1 + len(NAMES)
    assert up.end(signal.SIGINT) == 0, "Ctrl-C is no failure"
    assert not [process for process in everything if is_running(process)]
    assert up.record.processes == {}


def test_ctrl_c_while_it_still_starts_ends_everything_too(up: RunningUp) -> None:
    up.begin()
    up.wait_for_line("proxy")
    everything = up.all_processes()
    assert up.end(signal.SIGTERM) == 0
    assert not [process for process in everything if is_running(process)]
    assert not any("is ready" in line for line in up.lines)


def test_a_second_one_on_the_same_data_is_refused_and_names_the_first(running_up: RunningUp) -> None:
    second = studiolo("up", "--data", str(running_up.data.root), "--port", "1")
    assert second.returncode == 1
    assert f"as process {running_up.record.pid}, at {running_up.base_url}" in second.stderr
    assert httpx.get(f"{running_up.base_url}/hub/health", trust_env=False).status_code == 200


def test_a_port_in_use_is_a_sentence_with_the_next_free_one(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        result = studiolo("up", "--data", str(tmp_path), "--port", str(port))
    assert result.returncode == 1
    assert f"Port {port} on 127.0.0.1 cannot be used: another program uses it." in result.stderr
    assert 'make up ARGS="--port' in result.stderr
    assert "Traceback" not in result.stderr


def test_another_interface_is_refused_and_says_why(tmp_path: Path) -> None:
    result = studiolo("up", "--data", str(tmp_path), "--host", "0.0.0.0")
    assert result.returncode == 1
    assert "can read the files and end the processes of everybody else" in result.stderr
    assert "--i-understand-there-is-no-isolation" in result.stderr


def test_a_broken_catalog_is_refused_with_the_lines_of_the_check(tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    catalog.mkdir()
    (catalog / "environments.yaml").write_text("environments:\n  a:\n    titel: A\n")
    (catalog / "hardware.yaml").write_text("hardware: {}\n")
    check = studiolo("catalog", "check", str(catalog))
    result = studiolo("up", "--data", str(tmp_path / "data"), "--catalog", str(catalog))
    assert check.returncode == result.returncode == 1
    problems = [line for line in check.stdout.splitlines() if line.startswith(str(catalog))]
    assert problems
    assert [line for line in result.stdout.splitlines() if line.startswith(str(catalog))] == problems
    assert "1 problem" in result.stderr or f"{len(problems)} problems" in result.stderr


def test_a_broken_edit_of_the_catalog_is_said_and_the_one_before_goes_on(running_up: RunningUp) -> None:
    hardware = running_up.catalog / "hardware.yaml"
    good = hardware.read_text()
    hardware.write_text(good.replace("memory: 2Gi", "memory: 2Gib"))
    running_up.wait_for_line("catalog refused, the one before goes on")
    running_up.wait_for_line(f"{hardware}:")
    hardware.write_text(good)
    running_up.wait_for_line("catalog reloaded")


@pytest.mark.parametrize("name", [HUB, SERVICES])
def test_a_killed_process_is_said_started_again_and_works(running_up: RunningUp, name: str) -> None:
    before = running_up.process(name)
    running_up.kill(name)
    running_up.wait_for_line(f"{name} was killed (SIGKILL); started again")
    running_up.wait_for_line(f"{name} works again")
    assert running_up.process(name) != before
    with running_up.services_api() as api:
        assert api.get("health").status_code == 200
    assert httpx.get(f"{running_up.base_url}/hub/login", trust_env=False).status_code == 200


def test_make_up_hands_ctrl_c_on(up: RunningUp) -> None:
    """Ctrl-C in a terminal reaches make and its children at the same time."""
    make = subprocess.Popen(
        ["make", "up", f"ARGS=--data {up.data.root} --port {up.settings.proxy.port}"],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert make.stdout is not None
    try:
        for line in make.stdout:
            if "Studiolo is ready" in line:
                break
        everything = up.all_processes()
        assert len(everything) >= len(NAMES)
        os.killpg(make.pid, signal.SIGINT)
        make.communicate(timeout=60)
    finally:
        make.kill()
        make.communicate()
    assert not [process for process in everything if is_running(process)]
