"""The extension in a real server of the real environment."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest

from tests.images import conftest as servers
from tests.images.conftest import RunningServer, StartServer

TOKEN = "token-of-alice"
hub, start, minimal = servers.hub, servers.start, servers.minimal


def deleted(server: RunningServer, *paths: str) -> httpx.Response:
    return httpx.request(
        "DELETE",
        f"{server.url}{servers.PREFIX}studiolo/home/files",
        headers={"Authorization": f"token {TOKEN}"},
        json={"paths": list(paths)},
        trust_env=False,
        timeout=30,
    )


def test_the_page_and_the_server_know_the_extension(start: StartServer, minimal: Path) -> None:
    server = start(minimal)
    page = server.get("lab", TOKEN, follow_redirects=True).text
    assert '"studiolo-lab"' in page
    assert '"@jupyterlab/git"' in page


@pytest.mark.parametrize("path", ["studiolo/notices", "studiolo/home", "studiolo/home/largest"])
def test_nobody_is_told_who_does_not_say_who_they_are(start: StartServer, minimal: Path, path: str) -> None:
    assert start(minimal).get(path).status_code in {401, 403}


def test_a_home_over_its_quota_is_told_and_files_go_on_request(start: StartServer, minimal: Path) -> None:
    notices = '[{"key": "credentials", "level": "warning", "text": "github is missing."}]'
    server = start(minimal, env={"STUDIOLO_HOME_QUOTA": "1000000", "STUDIOLO_NOTICES": notices})
    (server.home / "large.bin").write_bytes(b"x" * 2_000_000)
    (server.home / "outside").symlink_to("/etc")
    assert server.get("studiolo/home?anew=1", TOKEN).json()["state"] == "full"
    told = server.get("studiolo/notices", TOKEN).json()["notices"]
    assert [(notice["key"], notice["level"]) for notice in told] == [("credentials", "warning"), ("home", "error")]
    assert server.get("studiolo/home/largest", TOKEN).json()["files"][0]["path"] == "large.bin"

    answer = deleted(server, "large.bin", "outside/passwd", "../x", "not there")
    assert {problem["path"] for problem in answer.json()["problems"]} == {"outside/passwd", "../x", "not there"}
    assert not (server.home / "large.bin").exists()
    assert server.get("studiolo/home", TOKEN).json()["state"] == "ok"
    assert [n["key"] for n in server.get("studiolo/notices", TOKEN).json()["notices"]] == ["credentials"]


def test_a_wrong_body_is_refused(start: StartServer, minimal: Path) -> None:
    server = start(minimal)
    answer = httpx.request(
        "DELETE",
        f"{server.url}{servers.PREFIX}studiolo/home/files",
        headers={"Authorization": f"token {TOKEN}"},
        json={"paths": "large.bin"},
        trust_env=False,
    )
    assert answer.status_code == 400


def test_git_answers_the_first_who_asks_though_no_start_waits_for_it(start: StartServer, minimal: Path) -> None:
    server = start(minimal)  # answers since a moment ago
    early = server.get("git/settings", TOKEN)
    assert early.status_code == 307
    assert early.headers["Location"] == f"{servers.PREFIX}git/settings"
    answer = server.get("git/settings", TOKEN)
    assert answer.status_code == 200
    assert answer.json()["gitVersion"]
    assert "could not" not in server.log.read_text()


def test_what_is_sent_to_git_at_once_arrives(start: StartServer, minimal: Path) -> None:
    server = start(minimal)
    subprocess.run(("git", "init", "--quiet", server.home / "project"), check=True)
    sent = {"options": {"user.name": "Ada"}}
    answer = server.post("git/project/config", TOKEN, json=sent, follow_redirects=True)
    assert answer.status_code == 201
    assert "name = Ada" in (server.home / "project" / ".git" / "config").read_text()


def test_nobody_else_waits_for_git(start: StartServer, minimal: Path) -> None:
    server = start(minimal)
    assert server.post("git/settings").status_code == 403
