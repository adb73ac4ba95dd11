"""How a component's state reaches people."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from deploy.cluster import commands
from deploy.cluster.commands import describe
from deploy.cluster.errors import NotHealthyInTimeError
from deploy.cluster.health import HealthCheck, unix
from deploy.cluster.layout import layout_of
from deploy.cluster.status import ComponentStatus
from deploy.cluster.waiting import wait_until


def _status(**facts: object) -> ComponentStatus:
    usual = {"name": "etcd", "pid": 12, "is_held": False, "starts": 1, "trouble": "", "log_tail": ("a line",)}
    return ComponentStatus(**usual | facts)


def test_a_component_that_works_says_so_with_its_last_lines() -> None:
    first, second = describe(_status()).splitlines()
    assert first.split(maxsplit=1) == ["etcd", "healthy (pid 12)"]
    assert second == "    a line"


def test_a_component_that_does_not_work_says_why_and_what_is_known() -> None:
    text = describe(_status(pid=None, trouble="does not run", is_held=True, starts=3, log_tail=()))
    assert text.split(maxsplit=1)[1] == "NOT HEALTHY: does not run (started 3 times, held)"


@pytest.mark.parametrize("command", [["status"], ["hold", "etcd"], ["release", "etcd"]], ids=lambda words: words[0])
def test_without_a_cluster_a_command_says_how_to_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(commands, "layout_here", lambda: layout_of(tmp_path / ".cluster"))
    monkeypatch.setattr(commands, "load_record", lambda: None)
    result = CliRunner().invoke(commands.main, command)
    assert result.exit_code == 1
    assert "make cluster" in result.output


def test_a_socket_that_listens_is_healthy_and_one_that_does_not_says_why(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    assert "FileNotFoundError" in unix(path).trouble()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert unix(path).trouble() == ""


def test_a_port_where_nobody_listens_is_trouble() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert HealthCheck(url=f"tcp://127.0.0.1:{port}").trouble() == ""
    assert "refused" in HealthCheck(url=f"tcp://127.0.0.1:{port}").trouble()
    assert "refused" in HealthCheck(url=f"http://127.0.0.1:{port}/health").trouble()


def test_waiting_ends_with_the_last_reason() -> None:
    with pytest.raises(NotHealthyInTimeError, match="etcd was not ready after 0 s: still away"):
        wait_until("etcd", lambda: "still away", seconds=0)
    wait_until("etcd", lambda: "", seconds=0)
