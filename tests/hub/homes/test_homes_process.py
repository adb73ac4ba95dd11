"""`python -P -m hub.homes` as it runs in its pod: a process of its own, with settings and a key in files."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.settings import SETTINGS_VARIABLE
from tests.hub.homes.conftest import OWNER

PATIENCE_SECONDS = 120.0
COMMAND = (sys.executable, "-P", "-m", "hub.homes")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def raw(tmp_path: Path) -> dict[str, Any]:
    """What the chart would write."""
    for name in ("volume", "keys"):
        (tmp_path / name).mkdir()
    (tmp_path / "keys" / "homes_token").write_text("the-token\n")
    return {
        "dataDirectory": str(tmp_path / "data"),
        "secretsDirectory": str(tmp_path / "keys"),
        "homes": {"service": {"url": f"http://127.0.0.1:{free_port()}", "root": str(tmp_path / "volume")}},
        "kubernetes": {
            "namespace": "workspaces",
            "release": "studiolo",
            "homes": {"claim": "homes", "folder": "people"},
            "uid": max(OWNER[0], 1),
            "gid": max(OWNER[1], 1),
        },
    }


@pytest.fixture
def env(raw: dict[str, Any], tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "studiolo.yaml"
    path.write_text(json.dumps(raw))
    return {**os.environ, SETTINGS_VARIABLE: str(path)}


def command(*words: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*COMMAND, *words), env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


@pytest.fixture
def running(env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(COMMAND, env=env, stderr=subprocess.PIPE, text=True)
    # Whoever reads what it says would otherwise wait for ever for a line that does not come.
    patience = threading.Timer(PATIENCE_SECONDS, process.kill)
    patience.start()
    try:
        yield process
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


def test_it_makes_homes_until_it_is_told_to_stop(
    running: subprocess.Popen[str], raw: dict[str, Any], tmp_path: Path
) -> None:
    until_it_listens(running)
    with httpx.Client(base_url=raw["homes"]["service"]["url"], headers={"Authorization": "token the-token"}) as hub:
        assert hub.post("/homes/alice").json() == {"made": True, "state": "ok"}
    assert stat.S_IMODE((tmp_path / "volume" / "people" / "alice").stat().st_mode) == 0o700
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=PATIENCE_SECONDS)
    assert running.returncode == 0
    assert "the-token" not in said


def until_it_listens(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if "The home service listens" in line:
            return
    pytest.fail("The home service ended before it listened.")


def test_a_home_is_put_aside_and_brought_back_by_hand(env: dict[str, str], tmp_path: Path) -> None:
    home = tmp_path / "volume" / "people" / "alice"
    home.mkdir(parents=True)
    (home / "notes.txt").write_text("hers")
    aside = command("archive", "alice", env=env)
    assert (aside.returncode, aside.stdout.startswith("alice is now alice.")) == (0, True)
    assert not home.exists()
    back = command("restore", "alice", env=env)
    assert (back.returncode, back.stdout.endswith("is alice again.\n")) == (0, True)
    assert (home / "notes.txt").read_text() == "hers"


@pytest.mark.parametrize(
    ("words", "said"),
    [(("restore", "bob"), "No home of bob was put aside"), (("remove", "bob"), "Say: archive HOME, restore HOME")],
    ids=str,
)
def test_what_cannot_be_done_by_hand_is_said(words: tuple[str, ...], said: str, env: dict[str, str]) -> None:
    answer = command(*words, env=env)
    assert answer.returncode == 2
    assert said in answer.stderr


def test_without_its_key_it_does_not_start(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "keys" / "homes_token").unlink()
    answer = command(env=env)
    assert answer.returncode == 2
    assert "lacks the key homes_token" in answer.stderr
