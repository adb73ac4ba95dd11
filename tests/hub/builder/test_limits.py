"""How much one person may send, make and keep; and that whoever breaks off leaves nothing behind."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from hub.app import RunningServices
from hub.builder import routes
from hub.keys import Keys
from hub.settings import Settings
from studiolo.client import Busy, Refused
from studiolo.packaging.transport import archive_of
from tests.hub.builder.conftest import client_of, files_of, wanted


def with_limits(settings: Settings, **limits: int) -> Settings:
    return settings.model_copy(update={"models": settings.models.model_copy(update=limits)})


async def test_whoever_has_made_enough_in_an_hour_is_told_when_to_come_back(
    settings: Settings, keys: Keys, fake_hub: Any, folder: Path
) -> None:
    small = with_limits(settings, per_hour=2)
    async with RunningServices(small, keys):
        async with client_of(small.services.url, fake_hub.knows_for_test("alice")) as alice:
            for version in ("1", "2"):
                await alice.package_model(wanted(version=version), files_of(folder))
            assert not (await alice.package_model(wanted(version="2"), files_of(folder))).is_new
            with pytest.raises(Busy, match="2 are allowed") as busy:
                await alice.package_model(wanted(version="3"), files_of(folder))
            assert busy.value.retry_after_seconds is not None
            assert 3500 < busy.value.retry_after_seconds <= 3600
        async with client_of(small.services.url, fake_hub.knows_for_test("bob")) as bob:
            assert (await bob.package_model(wanted(), files_of(folder))).is_new


async def test_no_owner_keeps_more_than_may_be_and_room_comes_with_deleting(
    settings: Settings, keys: Keys, fake_hub: Any, folder: Path
) -> None:
    (folder / "noise.bin").write_bytes(bytes(range(256)) * 8)
    size = files_of(folder).size
    small = with_limits(settings, bytes_per_owner=size + 100)
    async with (
        RunningServices(small, keys),
        client_of(small.services.url, fake_hub.knows_for_test("alice")) as alice,
    ):
        await alice.package_model(wanted(version="1"), files_of(folder))
        with pytest.raises(Refused, match=r"You use .* Delete versions"):
            await alice.package_model(wanted(version="2"), files_of(folder))
        await alice.delete_model("iris", "1")
        assert (await alice.package_model(wanted(version="2"), files_of(folder))).is_new


async def test_files_that_no_other_call_would_take_go_in_with_and_without_their_length_said(
    services: httpx.AsyncClient, settings: Settings, fake_hub: Any, folder: Path
) -> None:
    (folder / "weights.bin").write_bytes(bytes(range(256)) * 12_000)
    headers = fake_hub.knows_for_test("alice")
    async with client_of(settings.services.url, headers) as alice:
        assert (await alice.package_model(wanted(version="1"), files_of(folder))).size > 3_000_000
    archive = b"".join(archive_of(wanted(version="2"), files_of(folder)))
    headers = headers | {"Content-Type": "application/x-tar"}
    assert (await services.post("api/models", content=archive, headers=headers)).status_code == 201


async def test_whoever_breaks_off_leaves_nothing_and_takes_nobody_s_place(
    *,
    services: httpx.AsyncClient,
    settings: Settings,
    fake_hub: Any,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del services
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    token = fake_hub.knows_for_test("alice")["Authorization"]
    address = urlsplit(settings.services.url)
    archive = b"".join(archive_of(wanted(), files_of(folder)))
    head = (
        "POST /services/studiolo/api/models HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-tar\r\n"
        f"Authorization: {token}\r\nContent-Length: {len(archive)}\r\n\r\n"
    )

    def begun() -> list[Path]:
        return list(tmp_path.glob("studiolo-model-*"))

    async def until(count: int) -> None:
        async with asyncio.timeout(30):
            # no event tells a client what becomes of its bytes at the other end
            while len(begun()) != count or routes._arriving.total() != count:  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.01)

    writers = []
    for number in range(routes.MOST_OF_ONE_PERSON):
        _, writer = await asyncio.open_connection(address.hostname, address.port)
        writer.write(head.encode() + archive[:1500])
        await writer.drain()
        await until(number + 1)
        writers.append(writer)
    async with client_of(settings.services.url, {"Authorization": token}) as alice:
        with pytest.raises(Busy, match="at this moment"):
            await alice.package_model(wanted(), files_of(folder))
        for writer in writers:
            writer.close()
            await writer.wait_closed()
        await until(0)
        assert (await alice.package_model(wanted(), files_of(folder))).is_new
        await until(0)
