"""Two services processes at once, as while one takes over from the other: real ones, with one database, one place.

On one machine that is SQLite and a folder; elsewhere PostgreSQL and a registry.
"""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.keys import ensure_keys
from hub.settings import SETTINGS_VARIABLE, effective
from spawner.data_directory import DataDirectory
from studiolo.client import Busy, Refused, Studiolo
from studiolo.errors import StudioloError
from studiolo.wire_models import ModelPackageView
from tests.cluster.databases import PostgresServer
from tests.hub.builder.conftest import client_of, files_of, wanted
from tests.hub.conftest import FakeHub, free_port
from tests.real_registry import RealRegistry

PATIENCE_SECONDS = 120.0
PER_HOUR = 3
ROUNDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoProcesses:
    """Where they answer, and the hub that says who is asking."""

    urls: tuple[str, str]
    hub: FakeHub

    def clients(self, name: str) -> tuple[Studiolo, Studiolo]:
        """One person's, of each."""
        headers = self.hub.knows_for_test(name)
        one, other = (client_of(url, headers) for url in self.urls)
        return one, other


@contextmanager
def in_a_thread(hub: FakeHub) -> Iterator[None]:
    """The hub answers, whatever event loop a test has."""
    loop, ended, began = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def run() -> None:
        async with hub.running():
            began.set()
            await ended.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    try:
        assert began.wait(PATIENCE_SECONDS)
        yield
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


@contextmanager
def process(root: Path, number: int, settings: dict[str, Any]) -> Iterator[str]:
    """`python -P -m hub`, that answers at an address."""
    url = f"http://127.0.0.1:{free_port()}"
    path = root / f"settings-{number}.json"
    effective(root, {**settings, "services.url": url}).write(path)
    with (root / f"services-{number}.log").open("wb") as log:
        env = {**os.environ, SETTINGS_VARIABLE: str(path)}
        running = subprocess.Popen([sys.executable, "-P", "-m", "hub"], env=env, stdout=log, stderr=log)
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        with httpx.Client(trust_env=False, transport=httpx.HTTPTransport(retries=9)) as client:
            while client.get(f"{url}/services/studiolo/api/health").status_code != httpx.codes.OK:
                assert time.monotonic() < end, (root / f"services-{number}.log").read_text()
        yield url
    finally:
        running.terminate()
        running.wait(PATIENCE_SECONDS)


@pytest.fixture(scope="module", params=["SQLite and a folder", "PostgreSQL and a registry"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoProcesses]:
    root = tmp_path_factory.mktemp("two")
    ensure_keys(DataDirectory(root=root))
    settings: dict[str, Any] = {"hub.port": free_port(), "proxy.port": 1024, "models.perHour": PER_HOUR}
    with ExitStack() as stack:
        if request.param.startswith("PostgreSQL"):
            server: PostgresServer = request.getfixturevalue("postgres")
            registry = stack.enter_context(RealRegistry(root))
            settings |= {"services.database.url": server.new_database()}
            settings |= {"models.registry.host": registry.host, "models.registry.allowHttp": True}
        hub = FakeHub(port=settings["hub.port"])
        stack.enter_context(in_a_thread(hub))
        first = stack.enter_context(process(root, 1, settings))
        second = stack.enter_context(process(root, 2, settings))
        yield TwoProcesses(urls=(first, second), hub=hub)


async def both(*asked: Any) -> tuple[list[Any], list[BaseException]]:
    """What came of things that were asked at once: answers, and refusals."""
    found = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in found if isinstance(one, BaseException)]
    assert all(isinstance(one, StudioloError) for one in refused), refused
    return [one for one in found if not isinstance(one, BaseException)], refused


async def image_of(client: Studiolo, version: str) -> bytes:
    """Its image as it is downloaded: an archive in which each part is checked."""
    target = io.BytesIO()
    await client.save_model_image("iris", version, target)
    return target.getvalue()


async def test_the_same_version_through_both_at_once_is_made_once(two: TwoProcesses, folder: Path) -> None:
    one, other = two.clients("alice")
    async with one, other:
        for number in range(ROUNDS):
            new = wanted(version=f"v{number}")
            answers, refused = await both(*(client.package_model(new, files_of(folder)) for client in (one, other)))
            assert not refused
            assert sorted(made.is_new for made in answers) == [False, True]
            assert len({(made.digest, made.made) for made in answers}) == 1
        assert len(await one.models()) == ROUNDS
        assert answers[0].digest.encode() in await image_of(other, new.version)


async def test_other_content_of_the_same_version_through_both_at_once_is_refused_to_one(
    two: TwoProcesses, folder: Path
) -> None:
    one, other = two.clients("bob")
    another = folder.parent / "another"
    shutil.copytree(folder, another)
    (another / "rows.csv").write_text("other content\n")
    async with one, other:
        for number in range(ROUNDS):
            new = wanted(version=f"v{number}")
            answers, refused = await both(
                one.package_model(new, files_of(folder)), other.package_model(new, files_of(another))
            )
            assert [type(each) for each in refused] == [Refused]
            assert "is there already, with other content" in str(refused[0])
            (made,) = answers
            assert made.is_new
            assert made.digest.encode() in await image_of(one, f"v{number}")
        assert len(await one.models()) == ROUNDS


async def test_nobody_makes_more_than_they_may_by_asking_both(two: TwoProcesses, folder: Path) -> None:
    one, other = two.clients("carol")
    async with one, other:
        made: list[ModelPackageView] = []
        busy: list[BaseException] = []
        for number in range(PER_HOUR + 1):
            asked = (
                client.package_model(wanted(name=f"{name}-{number}"), files_of(folder))
                for name, client in (("one", one), ("other", other))
            )
            answers, refused = await both(*asked)
            made, busy = [*made, *answers], [*busy, *refused]
        assert len(made) == PER_HOUR
        assert all(isinstance(each, Busy) and f"{PER_HOUR} are allowed" in str(each) for each in busy)
        assert len(await one.models()) == PER_HOUR


async def test_a_version_that_is_made_while_another_with_its_image_is_deleted_has_its_image(
    two: TwoProcesses, folder: Path
) -> None:
    one, other = two.clients("dave")
    async with one, other:
        await one.package_model(wanted(version="v0"), files_of(folder))
        for number in range(1, ROUNDS):
            new = other.package_model(wanted(version=f"v{number}"), files_of(folder))
            _, refused = await both(new, one.delete_model("iris", f"v{number - 1}"))
            assert not refused
            assert [each.version for each in await one.models()] == [f"v{number}"]
            assert await image_of(one, f"v{number}")
