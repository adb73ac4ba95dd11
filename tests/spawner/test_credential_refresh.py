"""Files of credentials in what runs on one machine follow what their owner does."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from spawner.credential_files import CHANGING, write_credentials
from spawner.credential_refresh import files_in, refresh_credentials
from spawner.credentials import CredentialKind, CredentialValues, KnownCredentials, MountedCredential

FORGE = MountedCredential(name="forge", kind=CredentialKind.GIT, files=("git/forge",))
KAGGLE = MountedCredential(name="kaggle", kind=CredentialKind.FILE, files=("~/.kaggle/kaggle.json",))
OTHER = MountedCredential(name="other", kind=CredentialKind.FILE, files=("other",))
BEFORE = {"git/forge": "old", "home/.kaggle/kaggle.json": "same"}


@dataclass
class Services:
    """What the owner has now, and what it holds."""

    known_now: KnownCredentials | None = field(
        default_factory=lambda: KnownCredentials(credentials=(FORGE, KAGGLE, OTHER))
    )
    is_open: bool = True
    opened: list[tuple[str, ...]] = field(default_factory=list)

    async def known(self, user: str) -> KnownCredentials | None:
        assert user == "alice"
        return self.known_now

    async def values(self, user: str, server: str, names: tuple[str, ...]) -> CredentialValues | None:
        assert (user, server) == ("alice", "iris")
        self.opened.append(names)
        files = {"git/forge": "new", "~/.kaggle/kaggle.json": "same", "other": "never chosen"}
        return CredentialValues(env={}, files=files) if self.is_open else None

    def mounted(self, user: str, server: str, names: tuple[str, ...]) -> None:
        raise AssertionError("it is mounted already")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "credentials"
    write_credentials(path, BEFORE)
    return path


async def refresh(folder: Path, services: Services) -> dict[str, str]:
    await refresh_credentials(folder, user="alice", server="iris", source=services)
    return {place: (folder / place).read_text() for place in files_in(folder)}


async def test_a_rotated_file_changes_as_a_whole_and_others_are_not_touched(folder: Path) -> None:
    kept = (folder / "home/.kaggle/kaggle.json").stat().st_ino
    services = Services()
    assert await refresh(folder, services) == {**BEFORE, "git/forge": "new"}
    assert services.opened == [("forge", "kaggle")]
    assert (folder / "home/.kaggle/kaggle.json").stat().st_ino == kept
    assert (folder / "git/forge").stat().st_mode & 0o777 == 0o600
    assert await refresh(folder, services) == {**BEFORE, "git/forge": "new"}


async def test_a_removed_credential_is_gone_and_one_that_was_not_chosen_does_not_come(folder: Path) -> None:
    services = Services(known_now=KnownCredentials(credentials=(KAGGLE, OTHER)))
    assert await refresh(folder, services) == {"home/.kaggle/kaggle.json": "same"}
    services.known_now = KnownCredentials(credentials=())
    assert await refresh(folder, services) == {}
    assert services.opened == [("kaggle",)]


@pytest.mark.parametrize(
    "known",
    [None, KnownCredentials(credentials=(), is_current=False)],
    ids=["nobody answers", "an answer of before"],
)
async def test_where_nobody_answers_nothing_is_taken_away(folder: Path, known: KnownCredentials | None) -> None:
    assert await refresh(folder, Services(known_now=known)) == BEFORE


async def test_of_two_with_one_place_the_one_that_it_came_from_counts(tmp_path: Path) -> None:
    """A team gives a file where its member keeps one, too: what was not chosen comes neither by a change nor later."""
    folder = tmp_path / "credentials"
    place = "home/.kaggle/kaggle.json"
    write_credentials(folder, {place: "of the team"}, {place: "vision/kaggle"})
    given = replace(KAGGLE, name="vision/kaggle", team="vision")
    services = Services(known_now=KnownCredentials(credentials=(KAGGLE, given)))
    assert await refresh(folder, services) == {place: "same"}
    assert services.opened == [("vision/kaggle",)]
    services.known_now = KnownCredentials(credentials=(KAGGLE,))
    assert await refresh(folder, services) == {}
    assert services.opened == [("vision/kaggle",)]


async def test_where_values_cannot_be_had_files_stay(folder: Path) -> None:
    assert await refresh(folder, Services(is_open=False)) == BEFORE


async def test_a_workspace_without_files_asks_for_nothing(tmp_path: Path) -> None:
    services = Services()
    assert await refresh(tmp_path / "none", services) == {}
    assert services.opened == []


async def test_what_a_hub_left_that_was_killed_in_the_middle_is_no_file_of_its_own(folder: Path) -> None:
    left = folder / f"git/forge{CHANGING}"
    left.write_text("half")
    assert await refresh(folder, Services()) == {**BEFORE, "git/forge": "new"}
    assert not left.exists()
