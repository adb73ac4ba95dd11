"""The home service and the hub's door to it, over real HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from tornado.httpserver import HTTPServer

from hub.homes.disk import Ensured, HomesDisk
from hub.homes.errors import NoSuchHome
from hub.homes.routes import homes_of, make_app
from spawner import homes as door
from spawner.file_owner import FileOwner
from spawner.home_state import HomeState
from spawner.homes import HomeMissing, HomeRefused, HomeService, HomesSilent, HomeUsage

TOKEN = "the-homes-token"
ASIDE = "alice.20261126T201500Z.1"
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def served(disk: Any, *, disk_seconds: float = PATIENCE_SECONDS) -> AsyncIterator[str]:
    homes = homes_of(disk, TOKEN, disk_seconds=disk_seconds)
    server = HTTPServer(make_app(homes))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        listening.setblocking(False)
        server.add_socket(listening)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.stop()
        await server.close_all_connections()
    homes.measurements.close()


@pytest.fixture
async def address(disk: HomesDisk) -> AsyncIterator[str]:
    async with served(disk) as address:
        yield address


@pytest.fixture
async def service(address: str) -> AsyncIterator[HomeService]:
    async with HomeService(address, TOKEN, seconds=PATIENCE_SECONDS) as service:
        yield service


class Hanging:
    """A disk that does not answer before the test ends."""

    def __init__(self) -> None:
        self.ended = threading.Event()

    def has_former_owner(self, home: str, owner: FileOwner | None) -> bool:
        return home == "" and owner is None

    def ensure(self, home: str, owner: FileOwner | None = None) -> Ensured:
        self.ended.wait()
        return Ensured(is_new=home == "" and owner is None, state=HomeState.OK)

    def usage(self, home: str, *, seconds: float) -> HomeUsage:
        self.ended.wait()
        return HomeUsage(used_bytes=len(home), is_whole=seconds > 0)


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    disk = Hanging()
    yield disk
    disk.ended.set()


async def test_the_hub_gets_a_home_for_a_person(service: HomeService, homes: Path) -> None:
    await service.ensure("alice")
    await service.ensure("alice")
    assert stat.S_IMODE((homes / "alice").stat().st_mode) == 0o700


async def test_a_home_is_measured_put_aside_and_brought_back(service: HomeService, homes: Path) -> None:
    await service.ensure("alice")
    (homes / "alice" / "notes.txt").write_text("hers")
    usage = await service.usage("alice")
    assert usage.is_whole
    assert usage.used_bytes > 0
    archived = await service.archive("alice", ASIDE)
    assert (homes / ".archived" / archived / "notes.txt").read_text() == "hers"
    assert archived == ASIDE
    assert await service.archive("alice", ASIDE) == ASIDE  # asked again, by who did not hear the answer
    assert await service.restore("alice", ASIDE) == ASIDE
    assert (homes / "alice" / "notes.txt").read_text() == "hers"


async def test_what_cannot_be_done_is_told_with_its_reason(service: HomeService, disk: HomesDisk) -> None:
    with pytest.raises(HomeMissing, match="no folder bob"):
        await service.archive("bob", "bob.20261126T201500Z.1")
    with pytest.raises(HomeMissing, match=r"No home of bob was put aside as bob\.20261126T201500Z\.1"):
        await service.restore("bob", "bob.20261126T201500Z.1")
    for name in (ASIDE, "bob", "bob.20261126T201500Z.0", "%2e%2e"):
        with pytest.raises(HomeMissing):
            await service.restore("bob", name)
    take_the_name(disk, "bob")
    with pytest.raises(HomeRefused, match="a file or a link where a folder belongs"):
        await service.ensure("bob")


def take_the_name(disk: HomesDisk, home: str) -> None:
    (disk.root / disk.folder / home).touch()


async def test_a_volume_that_is_gone_is_told_of(service: HomeService, disk: HomesDisk) -> None:
    disk.root.rmdir()
    with pytest.raises(HomeRefused, match="No such file or directory"):
        await service.ensure("alice")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "token wrong"}, {"Authorization": f"Basic {TOKEN}"}])
async def test_nobody_but_the_hub_is_answered(headers: dict[str, str], address: str, disk: HomesDisk) -> None:
    async with httpx.AsyncClient(base_url=address, headers=headers) as stranger:
        for method, path in (
            ("POST", "/homes/alice"),
            ("GET", "/homes/alice/usage"),
            ("POST", f"/homes/alice/archive/{ASIDE}"),
            ("POST", f"/homes/alice/restore/{ASIDE}"),
        ):
            answer = await stranger.request(method, path)
            assert answer.status_code == 403
            assert TOKEN not in answer.text
        assert (await stranger.get("/health")).json() == {"status": "ok"}
    assert list(disk.root.iterdir()) == []


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "%2e%2e%2fetc", "a%2fb", "a%00b", "Alice", ".archived", "a--b", "%2earchived", "a" * 200]
)
async def test_a_name_that_no_home_has_reaches_no_disk(name: str, address: str, disk: HomesDisk) -> None:
    host, port = address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    # By hand: a client of HTTP would tidy up the address.
    lines = (f"POST /homes/{name} HTTP/1.1", f"Host: {host}", f"Authorization: token {TOKEN}", "Content-Length: 0")
    writer.write("\r\n".join((*lines, "Connection: close", "", "")).encode())
    answer = await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)
    writer.close()
    await writer.wait_closed()
    assert answer.split()[1] in {b"404", b"400"}
    assert list(disk.root.iterdir()) == []


async def test_a_disk_that_hangs_is_told_of_in_time(hanging: Hanging) -> None:
    async with (
        served(hanging, disk_seconds=0.05) as address,
        HomeService(address, TOKEN, seconds=PATIENCE_SECONDS) as service,
    ):
        with pytest.raises(HomesSilent, match=r"Its disk did not answer within 0\.05 s"):
            await service.ensure("alice")
        with pytest.raises(HomesSilent):
            await service.usage("alice")
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{address}/health")).is_success
        hanging.ended.set()


async def test_a_service_that_does_not_answer_is_waited_for_only_so_long() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with HomeService(f"http://127.0.0.1:{silent.getsockname()[1]}", TOKEN, seconds=0.1) as service:
            with pytest.raises(HomesSilent, match=r"within 0\.1 s"):
                await service.ensure("alice")
            with pytest.raises(HomesSilent):
                await service.usage("alice")


async def test_a_service_that_is_being_exchanged_is_asked_again(
    disk: HomesDisk, homes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "PAUSE_SECONDS", 0.01)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    async with HomeService(f"http://127.0.0.1:{port}", TOKEN, seconds=PATIENCE_SECONDS) as service:
        asking = asyncio.create_task(service.ensure("alice"))
        await asyncio.sleep(0)
        server = HTTPServer(make_app(homes_of(disk, TOKEN)))
        server.listen(port, address="127.0.0.1")
        await asking
        server.stop()
        await server.close_all_connections()
    assert (homes / "alice").is_dir()


async def test_an_answer_that_is_none_is_a_refusal() -> None:
    async def nonsense(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(nonsense, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with HomeService(f"http://127.0.0.1:{port}", TOKEN, seconds=PATIENCE_SECONDS) as service:
            with pytest.raises(HomeRefused, match="cannot be understood"):
                await service.usage("alice")


async def test_a_team_s_folder_is_made_over_http_and_names_are_checked(
    service: HomeService, address: str, homes: Path
) -> None:
    await service.ensure("alice")
    await service.share("alice", "vision")
    assert (homes / ".teams" / "vision").is_dir()
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"token {TOKEN}"}) as client:
        for path in ("/homes/alice/shared/..%2Fbob", "/homes/.teams/shared/vision", "/homes/alice/shared/Vision"):
            assert (await client.post(path)).status_code == 404, path
        assert (await client.post("/homes/nobody/shared/vision")).status_code == 404
    assert [path.name for path in (homes / ".teams").iterdir()] == ["vision"]


async def test_something_in_the_way_of_a_team_s_folder_is_said(service: HomeService, homes: Path) -> None:
    await service.ensure("alice")
    (homes / "alice" / "shared").write_text("mine")
    with pytest.raises(HomeRefused, match="shared is a file or a link where a folder belongs"):
        await service.share("alice", "vision")


async def test_a_home_is_made_for_somebody_with_a_user_number(service: HomeService, homes: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("not run: only root gives files away")
    await service.ensure("alice", FileOwner(uid=5001, gid=6001))
    (homes / "alice" / "notes.txt").write_text("hers")
    os.chown(homes / "alice" / "notes.txt", 5001, 6001)
    await service.share("alice", "vision", FileOwner(uid=5001, gid=6001))
    await service.ensure("alice", FileOwner(uid=5011, gid=6001))
    assert {(homes / "alice" / name).stat().st_uid for name in ("", "notes.txt", "shared")} == {5011}
    with pytest.raises(HomeRefused, match="5011 owns the home of somebody else already"):
        await service.ensure("mallory", FileOwner(uid=5011, gid=6001))


@pytest.mark.parametrize(
    "query", ["uid=0&gid=5", "uid=5", "gid=5", "uid=-1&gid=5", "uid=5&gid=2147483648", "uid=x&gid=5"]
)
async def test_nobody_s_home_is_root_s_or_half_owned(query: str, address: str, disk: HomesDisk) -> None:
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"token {TOKEN}"}) as client:
        answer = await client.post(f"/homes/alice?{query}")
    assert answer.status_code == 400
    with pytest.raises(NoSuchHome):
        disk.hand_over("alice", None)


async def test_a_home_is_called_otherwise_when_its_person_is(service: HomeService, homes: Path) -> None:
    await service.ensure("alice")
    (homes / "alice" / "notes.txt").write_text("hers")
    assert await service.move("alice", "anna")
    assert not await service.move("alice", "anna")
    assert (homes / "anna" / "notes.txt").read_text() == "hers"
    with pytest.raises(HomeMissing):
        await service.move("bob", "berta")
