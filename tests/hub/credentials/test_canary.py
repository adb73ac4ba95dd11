"""A value that was planted is found in no answer, no log at any level, no exception's text, and in no file in clear."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from hub.credentials import actions, keeping
from hub.credentials.credential import Content
from hub.keys import Keys
from spawner.data_directory import DataDirectory

CANARY = "canary-7f3kq-Zebra"

AWS = f"[default]\naws_access_key_id = A\naws_secret_access_key = {CANARY}\n"
AZURE = json.dumps({"clientId": "c", "tenantId": "t", "clientSecret": CANARY})

GOOD: list[dict[str, Any]] = [
    {"name": "a", "kind": "env", "variable": "HF_TOKEN", "value": CANARY},
    {"name": "b", "kind": "file", "path": "kaggle.json", "value": CANARY},
    {"name": "c", "kind": "git", "host": "git.example.org", "user": "alice", "value": CANARY},
    {"name": "d", "kind": "package-index", "tool": "pip", "url": "https://x.example.org/", "value": CANARY},
    {"name": "e", "kind": "package-index", "tool": "npm", "url": "https://x.example.org/", "value": CANARY},
    {"name": "f", "kind": "cloud", "tool": "aws", "value": AWS},
    {"name": "g", "kind": "cloud", "tool": "azure", "value": AZURE},
]

BAD: list[bytes] = [
    CANARY.encode(),
    json.dumps(CANARY).encode(),
    json.dumps([CANARY]).encode(),
    json.dumps({"name": "x", "kind": "env", "variable": "PATH", "value": CANARY}).encode(),
    json.dumps({"name": "x", "kind": "env", "variable": "X", "value": CANARY + "\0"}).encode(),
    json.dumps({"name": "x", "kind": "env", "variable": "X", "value": CANARY * 10_000}).encode(),
    json.dumps({"name": "x", "kind": "env", "variable": "X", "value": {CANARY: CANARY}}).encode(),
    json.dumps({"name": "x", "kind": "env", "variable": "X", CANARY: CANARY}).encode(),
    json.dumps({"name": "x", "kind": CANARY, "value": CANARY}).encode(),
    json.dumps({"name": "x", "kind": "ssh-key", "value": CANARY}).encode(),
    json.dumps({"name": "x", "kind": "cloud", "tool": "aws", "value": CANARY}).encode(),
    json.dumps({"name": "x", "kind": "cloud", "tool": "gcp", "value": CANARY}).encode(),
    json.dumps({"name": "x", "kind": "git", "host": "h", "user": "u", "value": f"{CANARY}\n"}).encode(),
    f'{{"value": "{CANARY}'.encode(),
    b"\xff" + CANARY.encode(),
]


def shapes(text: str) -> tuple[str, ...]:
    """In clear, and as it would look in a Secret, a header or an address."""
    encoded = base64.b64encode(text.encode()).decode()
    return text, encoded.rstrip("=")[:-2], quote(text, safe=""), text.encode().hex()


@pytest.fixture
def all_told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """All that was logged or printed, of libraries that are quiet by default, too."""
    caplog.set_level(logging.DEBUG)
    for name in ("sqlalchemy.engine", "sqlalchemy.pool", "tornado", "asyncio", "aiohttp", "hub"):
        caplog.set_level(logging.DEBUG, logger=name)
    return lambda: f"{caplog.text} {capfd.readouterr()}"


async def test_no_answer_log_or_file_tells_a_value(
    services: httpx.AsyncClient,
    fake_hub: Any,
    keys: Keys,
    data: DataDirectory,
    all_told: Callable[[], str],
) -> None:
    alice = fake_hub.knows_for_test("alice")
    hub = {"Authorization": f"token {keys.hub_token}"}
    said: list[str] = []

    async def ask(method: str, path: str, headers: dict[str, str] = alice, **more: Any) -> httpx.Response:
        answer = await services.request(method, path, headers=headers, **more)
        said.append(f"{answer.headers} {answer.text}")
        return answer

    for credential in GOOD:
        assert (await ask("POST", "api/credentials", json=credential)).status_code == 201
        await ask("POST", "api/credentials", json=credential)  # twice
    for body in BAD:
        assert (await ask("POST", "api/credentials", content=body)).status_code == 400
        assert (await ask("POST", "api/credentials/a/rotate", content=body)).status_code == 400
        await ask("POST", "api/credentials/nothing/rotate", content=body)
        await ask("POST", "api/credential-check", content=body)
        await ask("POST", "api/credentials/alice/open", hub, content=body)
        await ask("POST", "api/credentials/alice/mounted", hub, content=body)
    assert (await ask("POST", "api/credentials/b/rotate", json={"value": f"{CANARY} 2"})).status_code == 200
    await ask("GET", "api/credentials")
    await ask("GET", "api/credentials/alice/mounts", hub)
    await ask("DELETE", "api/credentials/g")

    opened = await services.post("api/credentials/alice/open", json={"names": list("abcdef")}, headers=hub)
    assert CANARY in opened.text  # it is there; this one answer goes to the hub of this machine alone

    everything = "\n".join([*said, all_told()])
    assert "sqlalchemy" in everything  # they were listened to
    for shape in shapes(CANARY):
        assert shape not in everything
        for path in data.root.rglob("*"):
            assert not path.is_file() or shape.encode() not in path.read_bytes(), path


async def test_no_answer_log_or_file_tells_a_value_of_a_team(
    services: httpx.AsyncClient,
    fake_hub: Any,
    keys: Keys,
    data: DataDirectory,
    all_told: Callable[[], str],
) -> None:
    """Neither to its lead, who added it, nor to a member, who works with it, nor to anybody else."""
    alice = fake_hub.knows_for_test("alice")
    hub = {"Authorization": f"token {keys.hub_token}"}
    said: list[str] = []

    async def ask(method: str, path: str, headers: dict[str, str], **more: Any) -> httpx.Response:
        answer = await services.request(method, path, headers=headers, **more)
        said.append(f"{answer.headers} {answer.text}")
        return answer

    fake_hub.team_for_test("vision", "alice", "bob", leads=("alice",))
    everybody = (alice, fake_hub.knows_for_test("bob"), fake_hub.knows_for_test("eve"))
    for credential in GOOD:
        answers = [await ask("POST", "api/credentials", who, json=credential | {"team": "vision"}) for who in everybody]
        assert [answer.status_code for answer in answers] == [201, 403, 404]
    for who in everybody:
        for path in ("api/credentials", "api/credentials?team=vision", "credentials"):
            await ask("GET", path, who)
        for body in (json.dumps({"value": f"{CANARY} 3"}).encode(), *BAD):
            await ask("POST", "api/credentials/b/rotate?team=vision", who, content=body)
            await ask("POST", "api/credential-check", who, content=body)
    await ask("GET", "api/credentials/bob/mounts?team=vision", hub)
    wanted = {"names": ["vision/a", "vision/b"], "teams": ["vision"]}
    await ask("POST", "api/credentials/bob/mounted", hub, json=wanted)
    await ask("DELETE", "api/credentials/g?team=vision", alice)

    opened = await services.post("api/credentials/bob/open", json=wanted, headers=hub)
    assert opened.json()["files"] == {"kaggle.json": f"{CANARY} 3"}

    everything = "\n".join([*said, all_told()])
    for shape in shapes(CANARY):
        assert shape not in everything
        for path in data.root.rglob("*"):
            assert not path.is_file() or shape.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("step", ["rendering", "sealing", "database"])
async def test_a_fault_of_ours_tells_no_value_either(
    services: httpx.AsyncClient,
    fake_hub: Any,
    all_told: Callable[[], str],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("a bug")

    match step:
        case "rendering":
            monkeypatch.setattr(actions, "render", broken)
        case "sealing":
            monkeypatch.setattr(keeping, "AESGCM", broken)
        case "database":
            monkeypatch.setattr("hub.credentials.store.add_credential", broken)
    alice = fake_hub.knows_for_test("alice")
    answer = await services.post("api/credentials", json=GOOD[0], headers=alice)
    assert answer.status_code == 500
    told = all_told()
    assert "a bug" in told
    assert all(shape not in f"{answer.text} {told}" for shape in shapes(CANARY))


def test_what_a_credential_holds_is_in_no_text_of_it() -> None:
    content = Content(env={"X": CANARY}, files={"x": CANARY})
    assert CANARY not in f"{content} {content!r}"
