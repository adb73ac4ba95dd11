"""The command line against a hub in memory: `run("workspace", "list")`."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest
from click.testing import CliRunner, Result

from studiolo.cli import main
from studiolo.cli.connection import Connection
from studiolo.client import Studiolo
from tests.fakes.fake_hub import URL, FakeHub


class Run(Protocol):
    def __call__(self, *args: str, user: str = "alice", typed: str | None = None) -> Result: ...


@pytest.fixture
def fake_hub() -> FakeHub:
    return FakeHub()


@pytest.fixture(autouse=True)
def no_login_of_mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees or changes the login of whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("STUDIOLO_URL", "STUDIOLO_TOKEN", "STUDIOLO_DEBUG", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def run(fake_hub: FakeHub) -> Run:
    """Runs a command as somebody who is signed in."""

    def run_command(*args: str, user: str = "alice", typed: str | None = None) -> Result:
        connection = Connection(
            open=lambda: Studiolo(URL, f"token-{user}", transport=fake_hub.transport),
            open_at=lambda url, token: Studiolo(url, token, transport=fake_hub.transport),
        )
        return CliRunner().invoke(main, args, obj=connection, input=typed, prog_name="studiolo")

    return run_command
