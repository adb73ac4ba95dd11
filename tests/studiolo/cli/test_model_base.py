"""`studiolo model base`, against a hub in memory: what is asked for, what is shown, what is taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from studiolo.cli import main
from studiolo.cli.connection import Connection
from studiolo.client import Studiolo
from tests.fakes.fake_hub import URL

KEY = "a" * 64
VIEW = {
    "key": KEY, "environment": "python", "apt": ["g++"], "sources": ["docopt==0.6.2"], "state": "building",
    "phase": "installing the packages", "asked": "2026-11-27T12:00:00Z", "about_seconds": 240.0,
}  # fmt: skip


class Services:
    """Answers each call, and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, Any]] = []
        self.view: dict[str, Any] = dict(VIEW)
        self.why_not = ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.rpartition("/api/")[2]
        body = json.loads(request.content) if request.content else None
        self.calls.append((request.method, path, body))
        if request.method == "DELETE":
            return httpx.Response(200, json={**self.view, "state": "cancelled"})
        if path == "model-bases/plan":
            offer = {"key": KEY, "available": not self.why_not, "why_not": self.why_not}
            return httpx.Response(200, json={"offer": offer, "containerfile": "# A base\nFROM x\n"})
        if path == "model-bases" and request.method == "GET":
            answer = {"bases": [self.view], "available": not self.why_not, "why_not": self.why_not}
            return httpx.Response(200, json=answer)
        return httpx.Response(202, json=self.view)


@pytest.fixture
def services() -> Services:
    return Services()


def run(services: Services, *words: str) -> Result:
    transport = httpx.MockTransport(services.answer)
    connection = Connection(
        open=lambda: Studiolo(URL, "token", transport=transport),
        open_at=lambda url, token: Studiolo(url, token, transport=transport),
    )
    return CliRunner().invoke(main, ["model", "base", *words], obj=connection, prog_name="studiolo")


@pytest.fixture
def notebook(tmp_path: Path) -> str:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "apt.txt").write_text("g++\n")
    (folder / "model.py").write_text("class Model:\n    def train(self):\n        pass\n")
    return str(folder / "model.py")


def test_what_apt_txt_names_is_asked_for(services: Services, notebook: str) -> None:
    done = run(services, "ask", notebook, "--environment", "python")
    assert done.exit_code == 0, done.output
    wanted = {"environment": "python", "apt": ["g++"], "sources": "", "team": ""}
    assert services.calls == [("POST", "model-bases", wanted)]
    assert "installing the packages, about 4 min in all" in done.output
    assert f"studiolo model base show {KEY[:12]}" in done.output


def test_a_dry_run_shows_what_the_builder_would_be_told_and_begins_nothing(services: Services, notebook: str) -> None:
    services.why_not = "The slow build is off here."
    done = run(services, "ask", notebook, "--environment", "python", "--dry-run")
    assert "FROM x" in done.output
    assert "The slow build is off here." in done.output
    assert [path for _, path, _ in services.calls] == ["model-bases/plan"]


def test_a_source_that_nothing_needs_is_said(services: Services, notebook: str) -> None:
    done = run(services, "ask", notebook, "--environment", "python", "--source", "docopt")
    assert done.exit_code != 0
    assert "Nothing beside the notebook needs" in done.output
    assert services.calls == []


def test_an_apt_txt_that_is_wrong_is_said_before_anything_is_sent(services: Services, notebook: str) -> None:
    Path(notebook).with_name("apt.txt").write_text("-o x\n")
    done = run(services, "ask", notebook, "--environment", "python")
    assert "is no Debian package" in done.output
    assert services.calls == []


def test_the_list_says_what_becomes_of_each_and_whether_anything_can_be_built(services: Services) -> None:
    services.why_not = "This cluster's nodes cannot build images safely."
    done = run(services, "list")
    assert KEY[:12] in done.output
    assert "installing the packages" in done.output
    assert "cannot build images safely" in done.output
    assert json.loads(run(services, "list", "--json").output)["available"] is False


def test_one_that_failed_shows_why_with_the_end_of_its_log(services: Services) -> None:
    services.view |= {"state": "failed", "reason": "The packages could not be installed.", "log": "E: no g+++\n"}
    done = run(services, "show", KEY[:12])
    assert "The packages could not be installed." in done.output
    assert "E: no g+++" in done.output
    assert services.calls[-1][1] == f"model-bases/{KEY}"


def test_one_that_is_ready_shows_its_image(services: Services) -> None:
    services.view |= {"state": "ready", "reference": "registry.example.org/models/bases@sha256:x"}
    assert "registry.example.org/models/bases@sha256:x" in run(services, "show", KEY).output


def test_a_wish_is_taken_back_by_the_beginning_of_its_key(services: Services) -> None:
    done = run(services, "cancel", KEY[:12])
    assert "Cancelled." in done.output
    assert services.calls[-1][:2] == ("DELETE", f"model-bases/{KEY}")
