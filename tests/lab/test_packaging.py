"""What the panel "Package model" asks of a real server in the real environment: it answers, and nothing hurts it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.hub_of_servers import HubOfServers, running_hub
from tests.images import conftest as servers
from tests.images.conftest import RunningServer, starting_servers

TOKEN = "token-of-alice"
minimal = servers.minimal

MODEL = "class Model:\n    def train(self, C: float = 1.0):\n        pass\n"


def notebook(*sources: str) -> str:
    cells = [{"cell_type": "code", "id": f"c{n}", "source": one, "metadata": {}} for n, one in enumerate(sources)]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


@pytest.fixture(scope="module")
def server(minimal: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One for all of these tests: none of them may leave it otherwise than it was."""
    hub: HubOfServers
    with running_hub() as hub, starting_servers(hub, tmp_path_factory.mktemp("server")) as start:
        server = start(minimal, env={"STUDIOLO_ENVIRONMENT": "minimal"})
        folder = server.home / "iris"
        folder.mkdir()
        (folder / "iris.ipynb").write_text(notebook(MODEL))
        (server.home / "outside.ipynb").symlink_to("/etc/hostname")
        yield server


def inspected(server: RunningServer, content: str | bytes, path: str = "iris/iris.ipynb") -> httpx.Response:
    return server.post(f"studiolo/model/inspect?path={path}", TOKEN, content=content)


def test_what_is_edited_is_looked_at(server: RunningServer) -> None:
    found = inspected(server, notebook(MODEL)).json()
    assert (found["methods"], found["problems"]) == (["train"], [])
    assert inspected(server, notebook("x = 1")).json()["problems"]


@pytest.mark.parametrize(
    "content",
    ["x" * 13 * 2**20, notebook("a" * 10**7), notebook("(" * 100_000), notebook("\0"), "[" * 10**6, b"\xff\xfe"],
    ids=["13 MB", "10 MB in a cell", "100,000 brackets", "a null byte", "deep JSON", "no text"],
)  # fmt: skip
def test_a_hostile_notebook_gets_a_sentence_and_the_server_lives_on(
    server: RunningServer, content: str | bytes
) -> None:
    answer = inspected(server, content)
    assert answer.status_code in {200, 422}
    assert answer.json().get("problems") or answer.json()["message"]
    assert server.process.poll() is None
    assert inspected(server, notebook(MODEL)).json()["methods"] == ["train"]


async def test_of_many_questions_the_newest_is_answered(server: RunningServer) -> None:
    address = f"{server.url}{servers.PREFIX}studiolo/model/inspect?path=iris/iris.ipynb"
    headers = {"Authorization": f"token {TOKEN}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=60) as client:
        asked = [asyncio.create_task(client.post(address, content=notebook(MODEL))) for _ in range(8)]
        statuses = sorted([(await one).status_code for one in asked])
    assert set(statuses) == {200, 409}
    assert statuses.count(200) <= 2, "the first, which was looked at already, and the last"


@pytest.mark.parametrize(
    "path", ["../x.ipynb", "/etc/passwd", "outside.ipynb", "not-there.ipynb", "iris", "a%00b.ipynb", "~/x.py"]
)
def test_nothing_but_a_notebook_or_module_below_the_server_s_folder_is_looked_at(
    server: RunningServer, path: str
) -> None:
    answer = inspected(server, notebook(MODEL), path)
    assert answer.status_code == 404
    assert answer.json()["message"]


@pytest.mark.parametrize("path", ["inspect?path=iris/iris.ipynb", "plan", "packages"])
def test_nobody_asks_who_does_not_say_who_they_are(server: RunningServer, path: str) -> None:
    assert server.post(f"studiolo/model/{path}", content="{}").status_code in {401, 403}


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"path": 3}', '{"path": "iris/iris.ipynb", "allowed_secrets": [3]}'])
def test_a_wrong_question_is_refused(server: RunningServer, body: str) -> None:
    assert server.post("studiolo/model/packages", TOKEN, content=body).status_code == 400


def begun(server: RunningServer, **changes: Any) -> dict[str, Any]:
    question = {"path": "iris/iris.ipynb", "environment": "minimal", "name": "iris", "version": "", "team": ""}
    answer = server.post("studiolo/model/packages", TOKEN, json={**question, "allowed_secrets": [], **changes})
    assert answer.status_code == 202, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


async def test_where_the_hub_has_no_services_the_person_is_told_and_nothing_is_lost(server: RunningServer) -> None:
    plan = server.post("studiolo/model/plan", TOKEN, json={"path": "iris/iris.ipynb"}).json()
    assert plan["away"]
    assert [file["path"] for file in plan["files"]] == ["iris.ipynb"]
    going = begun(server)
    async with asyncio.timeout(60):
        while not (  # noqa: ASYNC110 - it is asked over the network, there is no event to wait for
            state := server.get(f"studiolo/model/packages/{going['id']}", TOKEN).json()
        )["is_over"]:
            await asyncio.sleep(0.1)
    assert state["problem"]
    assert state["answer"] is None
    last = server.get("studiolo/model/packages?path=iris/iris.ipynb", TOKEN).json()["package"]
    assert last["id"] == going["id"]
    assert server.get("studiolo/model/packages?path=iris/other.ipynb", TOKEN).json()["package"] is None


def test_who_clicks_twice_is_told_of_the_first_and_can_end_it(server: RunningServer) -> None:
    first, second = begun(server), begun(server)
    assert first["id"] == second["id"]
    ended = httpx.delete(
        f"{server.url}{servers.PREFIX}studiolo/model/packages/{first['id']}",
        headers={"Authorization": f"token {TOKEN}"},
        trust_env=False,
        timeout=30,
    ).json()
    assert ended["is_over"]
    assert ended["problem"]
    assert server.get("studiolo/model/packages/0123456789abcdef", TOKEN).status_code == 404
