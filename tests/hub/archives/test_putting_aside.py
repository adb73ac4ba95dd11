"""Homes of deleted accounts, on a real disk and in real databases, with services that end between any two lines."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hub.archives.actions import Archives
from hub.archives.errors import HomeStays, NothingPutAside
from hub.archives.hub_steps import NOBODY_HERE, HomeKeeper, bring_back, put_aside
from hub.archives.loop import PAUSE_WITHOUT_HUB, ArchiveLoop
from hub.archives.rules import Archive, State
from hub.database import Database
from hub.homes.wiring import HomesHere
from spawner.data_directory import DataDirectory
from spawner.homes import HomesSilent
from studiolo.client_errors import HubAway
from studiolo.wire import HomeStep
from tests.cluster.databases import PostgresServer

START = datetime(2026, 11, 26, 20, 15, tzinfo=UTC)
WEEK = timedelta(days=7)


class Died(BaseException):
    """The process ends here, as `kill -9` ends it."""


class FakeHub:
    """Knows who has an account; moves homes as the hub does, with the hub's own functions."""

    def __init__(self, keeper: HomeKeeper | None) -> None:
        self.keeper = keeper
        self.people: set[str] = set()
        self.working: set[str] = set()
        self.is_away = False

    def has_account_now(self, user: str) -> bool:
        return user in self.people

    async def has_account(self, user: str) -> bool:
        if self.is_away:
            raise HubAway("The hub does not answer.")
        return self.has_account_now(user)

    async def put_home_aside(self, user: str, name: str) -> HomeStep:
        if self.is_away:
            raise HubAway("The hub does not answer.")
        return NOBODY_HERE if self.keeper is None else await put_aside(self.keeper, _Accounts(self), user, name)

    async def bring_home_back(self, user: str, name: str) -> HomeStep:
        return NOBODY_HERE if self.keeper is None else await bring_back(self.keeper, _Accounts(self), user, name)


class _Accounts:
    def __init__(self, hub: FakeHub) -> None:
        self._hub = hub

    def has_account(self, user: str) -> bool:
        return self._hub.has_account_now(user)

    def has_workspaces(self, user: str) -> bool:
        return user in self._hub.working


class ServicesDieBeforeTheHubIsAsked(FakeHub):
    async def put_home_aside(self, user: str, name: str) -> HomeStep:
        raise Died


class ServicesDieBeforeTheAnswer(FakeHub):
    async def put_home_aside(self, user: str, name: str) -> HomeStep:
        await super().put_home_aside(user, name)
        raise Died


class ServicesDieBeforeTheAnswerOfARestore(FakeHub):
    async def bring_home_back(self, user: str, name: str) -> HomeStep:
        await super().bring_home_back(user, name)
        raise Died


class PersonComesBackMeanwhile:
    """An account is made while the disk works."""

    def __init__(self, keeper: HomeKeeper, *, works: bool = False) -> None:
        self._keeper = keeper
        self._works = works
        self.hub: FakeHub | None = None

    async def archive(self, home: str, name: str) -> str:
        done = await self._keeper.archive(home, name)
        assert self.hub is not None
        self.hub.people.add("bob")
        if self._works:
            self.hub.working.add("bob")
        return done

    async def restore(self, home: str, name: str) -> str:
        return await self._keeper.restore(home, name)


class DiskHangs:
    async def archive(self, home: str, name: str) -> str:
        raise HomesSilent("The disk with the homes does not answer.")

    async def restore(self, home: str, name: str) -> str:
        raise HomesSilent("The disk with the homes does not answer.")


class Office:
    """One installation: a database, a disk, a clock, and services that can be started anew."""

    def __init__(self, database: Database, data: DataDirectory) -> None:
        self.database = database
        self.here = HomesHere(data)
        self.homes = data.homes
        self.now = START
        self.use(FakeHub(self.here))

    def use(self, hub: FakeHub) -> None:
        """Services begin anew, beside this hub. What they knew in memory is gone."""
        self.hub = hub
        self.archives = Archives(self.database, hub, after=WEEK, clock=lambda: self.now)
        self.loop = ArchiveLoop(self.archives, log=logging.getLogger("test"))

    def has_home(self, user: str = "bob", text: str = "work") -> Path:
        home = self.homes / user
        home.mkdir(parents=True)
        (home / "file").write_text(text)
        return home

    async def later(self, by: timedelta = WEEK) -> None:
        self.now += by
        await self.loop.look()

    async def newest(self) -> Archive:
        return (await self.archives.all())[0]

    def put_aside(self) -> list[str]:
        folder = self.homes / ".archived"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


@pytest.fixture(params=["SQLite", "PostgreSQL"])
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    if request.param == "SQLite":
        url = f"sqlite:///{tmp_path}/studiolo.sqlite"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.new_database()
    database = Database(url)
    database.upgrade()
    yield Office(database, DataDirectory(root=tmp_path / "data"))
    database.close()


async def test_a_home_waits_is_put_aside_whole_and_comes_back(office: Office) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    await office.later(WEEK - timedelta(seconds=1))
    assert (await office.newest()).state is State.WAITING
    assert home.exists()
    await office.later(timedelta(seconds=1))
    archive = await office.newest()
    assert (archive.state, archive.archived) == (State.ARCHIVED, f"bob.20261203T201500Z.{archive.id}")
    assert office.put_aside() == [archive.archived]
    assert not home.exists()
    office.hub.people.add("bob")
    assert (await office.archives.bring_back("bob")).state is State.RESTORED
    assert (home / "file").read_text() == "work"
    assert office.put_aside() == []


async def test_being_told_twice_of_one_deletion_makes_one(office: Office) -> None:
    await office.archives.remember("bob")
    office.now += timedelta(hours=1)
    await office.archives.remember("bob")
    [archive] = await office.archives.all()
    assert archive.due == START + timedelta(hours=1) + WEEK


async def test_the_home_of_an_account_is_never_put_aside(office: Office) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    office.hub.people.add("bob")
    await office.later()
    archive = await office.newest()
    assert archive.state is State.CANCELLED
    assert "account is there again" in archive.reason
    assert home.exists()
    with pytest.raises(HomeStays, match="has an account"):
        await office.archives.put_aside("bob", at_once=True)
    assert home.exists()


async def test_nothing_is_done_while_the_hub_does_not_say_who_has_an_account(office: Office) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    office.hub.is_away = True
    office.now += WEEK
    assert await office.loop.look() == PAUSE_WITHOUT_HUB
    assert (await office.newest()).state is State.WAITING
    assert home.exists()
    office.hub.is_away = False
    await office.loop.look()
    assert (await office.newest()).state is State.ARCHIVED


@pytest.mark.parametrize("dying", [ServicesDieBeforeTheHubIsAsked, ServicesDieBeforeTheAnswer])
async def test_services_that_end_in_between_finish_it_when_they_are_back(
    dying: Callable[[HomeKeeper], FakeHub], office: Office
) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    office.use(dying(office.here))
    with pytest.raises(Died):
        await office.later()
    begun = await office.newest()
    assert begun.state is State.ARCHIVING
    office.use(FakeHub(office.here))
    await office.later(timedelta(minutes=1))
    archive = await office.newest()
    assert (archive.state, archive.archived) == (State.ARCHIVED, begun.archived)
    assert office.put_aside() == [begun.archived]
    assert not home.exists()


@pytest.mark.parametrize("dying", [ServicesDieBeforeTheHubIsAsked, ServicesDieBeforeTheAnswer])
async def test_who_came_back_while_services_were_dead_has_the_home(
    dying: Callable[[HomeKeeper], FakeHub], office: Office
) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    office.use(dying(office.here))
    with pytest.raises(Died):
        await office.later()
    office.use(FakeHub(office.here))
    office.hub.people.add("bob")
    await office.loop.look()
    assert (await office.newest()).state is State.CANCELLED
    assert (home / "file").read_text() == "work"


async def test_services_that_end_in_a_restore_say_afterwards_that_it_was_done(office: Office) -> None:
    home = office.has_home()
    await office.archives.remember("bob", at_once=True)
    await office.loop.look()
    office.use(ServicesDieBeforeTheAnswerOfARestore(office.here))
    office.hub.people.add("bob")
    with pytest.raises(Died):
        await office.archives.bring_back("bob")
    office.use(FakeHub(office.here))
    office.hub.people.add("bob")
    archive = await office.archives.bring_back("bob")
    assert archive.state is State.RESTORED
    assert "no longer among the homes put aside" in archive.reason
    assert (home / "file").read_text() == "work"


async def test_who_comes_back_in_that_very_moment_has_the_home_at_once(office: Office) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    keeper = PersonComesBackMeanwhile(office.here)
    office.use(FakeHub(keeper))
    keeper.hub = office.hub
    await office.later()
    assert (await office.newest()).state is State.CANCELLED
    assert (home / "file").read_text() == "work"


async def test_a_home_is_not_exchanged_below_a_workspace_that_runs(office: Office) -> None:
    home = office.has_home()
    await office.archives.remember("bob")
    keeper = PersonComesBackMeanwhile(office.here, works=True)
    office.use(FakeHub(keeper))
    keeper.hub = office.hub
    await office.later()
    archive = await office.newest()
    assert archive.state is State.FAILED
    assert "workspaces run" in archive.reason
    assert office.put_aside() == [archive.archived]
    office.hub.working.clear()
    await office.later(timedelta(hours=1))
    assert (await office.newest()).state is State.CANCELLED
    assert (home / "file").read_text() == "work"


async def test_a_disk_that_hangs_is_asked_again(office: Office) -> None:
    office.has_home()
    await office.archives.remember("bob")
    office.use(FakeHub(DiskHangs()))
    await office.later()
    archive = await office.newest()
    assert (archive.state, archive.reason) == (State.FAILED, "The disk with the homes does not answer.")
    office.use(FakeHub(office.here))
    await office.later(timedelta(seconds=59))
    assert (await office.newest()).state is State.FAILED
    await office.later(timedelta(seconds=1))
    assert (await office.newest()).state is State.ARCHIVED


async def test_where_nobody_can_that_is_said_and_looked_at_again(office: Office) -> None:
    office.has_home()
    await office.archives.remember("bob")
    office.use(FakeHub(None))
    await office.later()
    archive = await office.newest()
    assert archive.state is State.NOT_POSSIBLE
    assert "homes.service.enabled" in archive.reason
    office.use(FakeHub(office.here))
    await office.later(timedelta(hours=1))
    assert (await office.newest()).state is State.ARCHIVED


async def test_who_never_started_anything_leaves_nothing(office: Office) -> None:
    await office.archives.remember("bob")
    await office.later()
    archive = await office.newest()
    assert archive.state is State.CANCELLED
    assert "no home" in archive.reason


async def test_of_two_lives_of_one_name_each_has_its_own_files(office: Office) -> None:
    """The first deletion had begun, unheard, when the account was made and deleted again."""
    office.has_home(text="first")
    await office.archives.remember("bob")
    office.use(ServicesDieBeforeTheAnswer(office.here))
    with pytest.raises(Died):
        await office.later()
    office.use(FakeHub(office.here))
    second = office.has_home(text="second")
    await office.archives.remember("bob")
    await office.later(WEEK - timedelta(seconds=1))
    assert second.exists(), "the second has its whole time"
    await office.later(timedelta(seconds=1))
    assert [archive.state for archive in await office.archives.all()] == [State.ARCHIVED, State.ARCHIVED]
    texts = {(office.homes / ".archived" / name / "file").read_text() for name in office.put_aside()}
    assert texts == {"first", "second"}
    office.hub.people.add("bob")
    await office.archives.bring_back("bob")
    assert (second / "file").read_text() == "second"


async def test_a_restore_says_why_not(office: Office) -> None:
    with pytest.raises(NothingPutAside, match='No home of "bob"'):
        await office.archives.bring_back("bob")
    home = office.has_home(text="old")
    await office.archives.remember("bob")
    with pytest.raises(HomeStays, match="was not put aside yet"):
        await office.archives.bring_back("bob")
    await office.later()
    with pytest.raises(HomeStays, match="There is no account"):
        await office.archives.bring_back("bob")
    office.hub.people.add("bob")
    office.hub.working.add("bob")
    with pytest.raises(HomeStays, match="Stop them first"):
        await office.archives.bring_back("bob")
    office.hub.working.clear()
    office.has_home(text="new")
    with pytest.raises(HomeStays, match="has a home with files in it"):
        await office.archives.bring_back("bob")
    assert (home / "file").read_text() == "new"
    (home / "file").unlink()
    await office.archives.bring_back("bob")
    assert (home / "file").read_text() == "old"


async def test_two_processes_do_not_both_change_one_row(office: Office) -> None:
    """While a new services process begins, the old one may still be at it."""
    office.has_home()
    await office.archives.remember("bob")
    office.now += WEEK
    [seen] = await office.archives.open()
    await office.archives.step(seen)
    with pytest.raises(HomeStays, match="has just changed"):
        await office.archives.step(seen)
    assert len(office.put_aside()) == 1
