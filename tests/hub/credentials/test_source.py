"""What a start learns of credentials, whether the services process answers or not."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.credentials.source import TRIES, ServicesCredentials
from hub.keys import Keys
from hub.settings import Settings
from hub.starts.history import LIMIT
from spawner.credential_choice import choose_credentials
from spawner.credential_files import write_credentials
from spawner.credential_places import placed_files
from spawner.credentials import CredentialKind, KnownCredentials, MountedCredential
from studiolo.client import Studiolo
from studiolo.wire import NewCredential
from workspace_server import git_credential

HUB = MountedCredential(name="hub", kind=CredentialKind.ENV, secret="s-hub", env=("HF_TOKEN",), always=True)
CANARY = "canary-7c31"


@dataclass
class FakeServices:
    """A services process that works, or fails the next few questions, or hangs."""

    failures: int = 0
    hangs: bool = False
    kinds: tuple[str, ...] = ("env",)
    team: str = ""
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "token the-hub-token"
        what = request.url.path.partition("/api/credentials/")[2]
        self.asked.append((request.method, what, json.loads(request.content) if request.content else None))
        self.was_asked.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.failures:
            self.failures -= 1
            return httpx.Response(503, json={"message": "not now"})
        if what.endswith("/open"):
            answer = {"env": {"HF_TOKEN": CANARY}, "files": {"git/forge": CANARY}, "missing": ["old"]}
            return httpx.Response(200, json=answer)
        if what.endswith("/mounted"):
            return httpx.Response(204)
        one = {"name": "hub", "secret": "s-hub", "env": ["HF_TOKEN"], "always": True, "of-a-later-version": 1}
        return httpx.Response(
            200, json={"credentials": [{**one, "kind": kind, "team": self.team} for kind in self.kinds]}
        )


@pytest.fixture
def fake() -> FakeServices:
    return FakeServices()


@pytest.fixture
async def source(fake: FakeServices) -> AsyncIterator[ServicesCredentials]:
    client = Studiolo(
        "http://127.0.0.1:1/", "the-hub-token", timeout=LIMIT.total_seconds(), transport=httpx.MockTransport(fake)
    )
    async with client:
        yield ServicesCredentials(client, teams_of=lambda _: (), log=logging.getLogger("test"))


async def test_a_start_learns_what_there_is(source: ServicesCredentials, fake: FakeServices) -> None:
    assert await source.known("alice") == KnownCredentials(credentials=(HUB,))
    assert fake.asked == [("GET", "alice/mounts", None)]


async def test_a_service_that_is_slow_to_wake_is_asked_again(source: ServicesCredentials, fake: FakeServices) -> None:
    fake.failures = TRIES - 1
    assert await source.known("alice") == KnownCredentials(credentials=(HUB,))


async def test_the_last_answer_counts_where_services_are_away(source: ServicesCredentials, fake: FakeServices) -> None:
    await source.known("alice")
    fake.failures = 1
    assert await source.known("alice") == KnownCredentials(credentials=(HUB,), is_current=False)
    assert await source.known("alice") == KnownCredentials(credentials=(HUB,))


async def test_nobody_gets_another_person_s_answer(source: ServicesCredentials, fake: FakeServices) -> None:
    await source.known("alice")
    fake.failures = TRIES
    assert await source.known("bob") is None


async def test_a_service_that_hangs_is_given_up(source: ServicesCredentials, fake: FakeServices) -> None:
    fake.hangs = True
    async with asyncio.timeout(60):
        assert await source.known("alice") is None
        assert await source.values("alice", "", ("hub",)) is None


async def test_a_kind_of_a_later_version_is_passed_over(source: ServicesCredentials, fake: FakeServices) -> None:
    fake.kinds = ("quantum-key", "env")
    assert await source.known("alice") == KnownCredentials(credentials=(HUB,))


async def test_values_come_for_one_workspace_and_are_never_kept(
    source: ServicesCredentials, fake: FakeServices
) -> None:
    values = await source.values("alice", "", ("hub", "old"))
    assert values is not None
    assert (values.env, values.files, values.missing) == ({"HF_TOKEN": CANARY}, {"git/forge": CANARY}, ("old",))
    assert fake.asked == [("POST", "alice/open", {"names": ["hub", "old"], "teams": [], "workspace": "default"})]
    fake.failures = TRIES
    assert await source.values("alice", "", ("hub",)) is None
    assert CANARY not in str(vars(source))


async def test_that_a_workspace_got_them_is_told_and_not_waited_for(
    source: ServicesCredentials, fake: FakeServices
) -> None:
    source.mounted("alice", "iris", ("hub",))
    assert fake.asked == []
    async with asyncio.timeout(60):
        await fake.was_asked.wait()
    assert fake.asked == [("POST", "alice/mounted", {"names": ["hub"], "teams": [], "workspace": "iris"})]


async def test_no_value_reaches_the_log(
    source: ServicesCredentials, fake: FakeServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await source.values("alice", "", ("hub",))
    fake.failures = TRIES
    assert await source.values("alice", "", ("hub",)) is None
    assert "does not answer about credentials" in caplog.text
    assert CANARY not in caplog.text


async def test_a_last_answer_gives_nothing_of_a_team_that_was_left_since(fake: FakeServices) -> None:
    teams = {"alice": ("vision",)}
    client = Studiolo("http://127.0.0.1:1/", "the-hub-token", transport=httpx.MockTransport(fake))
    async with client:
        source = ServicesCredentials(client, teams_of=teams.__getitem__, log=logging.getLogger("test"))
        fake.team = "vision"
        given = replace(HUB, team="vision")
        assert await source.known("alice") == KnownCredentials(credentials=(given,))
        assert fake.asked == [("GET", "alice/mounts", None)]
        fake.failures = 1
        assert await source.known("alice") == KnownCredentials(credentials=(given,), is_current=False)
        fake.failures = 1
        teams["alice"] = ()
        assert await source.known("alice") == KnownCredentials(credentials=(), is_current=False)


@pytest.mark.usefixtures("services")
async def test_a_token_saved_with_the_real_services_is_what_git_is_told_in_a_workspace(
    settings: Settings, keys: Keys, fake_hub: Any, tmp_path: Path
) -> None:
    """The whole way of one machine: saved, named, opened, written, asked for by git."""
    token = fake_hub.knows_for_test("alice")["Authorization"].removeprefix("token ")
    log = logging.getLogger("test")
    async with Studiolo(settings.services.url, token) as person, Studiolo(settings.services.url, keys.hub_token) as hub:
        new = {"name": "forge", "kind": "git", "host": "git.example.org", "user": "alice", "value": f"{CANARY}/%@:"}
        await person.add_credential(NewCredential.model_validate(new))
        source = ServicesCredentials(hub, teams_of=lambda _: (), log=log)
        known = await source.known("alice")
        chosen = choose_credentials(None, known).mounted
        values = await source.values("alice", "", ("forge",))
    assert values is not None
    placed = placed_files(chosen)
    write_credentials(tmp_path / "credentials", {place: values.files[path] for place, (_, path) in placed.items()})
    asked = "protocol=https\nhost=git.example.org\n"
    environ = {"STUDIOLO_CREDENTIALS": str(tmp_path / "credentials")}
    assert git_credential.main(["get"], asked, environ) == f"username=alice\npassword={CANARY}/%@:\n"
