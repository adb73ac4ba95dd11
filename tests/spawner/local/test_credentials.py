"""A workspace on one machine has its person's credentials, and nobody who looks at processes, files or options does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from spawner.credential_choice import AWAY
from spawner.credentials import CredentialKind, CredentialValues, KnownCredentials, MountedCredential
from spawner.errors import CredentialsGone
from spawner.local import LocalWorkspaceSpawner
from spawner.progress import Phase, PhaseState

SMALL = {"environment": "python", "hardware": "small"}
CANARY = "canary-5d1f0e"
HUB = MountedCredential(name="hub", kind=CredentialKind.ENV, env=("HF_TOKEN",), always=True)
FORGE = MountedCredential(name="forge", kind=CredentialKind.GIT, files=("git/forge",))
VALUES = {"hub": {"HF_TOKEN": f"{CANARY}-env"}}
FILES = {"forge": {"git/forge": f"https://alice:{CANARY}-file@git.example.org\n"}}

pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


@dataclass
class Services:
    """What knows of credentials: there, as long as nobody says that it is away."""

    credentials: tuple[MountedCredential, ...] = (HUB, FORGE)
    is_away: bool = False
    told: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    async def known(self, user: str) -> KnownCredentials | None:
        return None if self.is_away or user != "alice" else KnownCredentials(credentials=self.credentials)

    async def values(self, user: str, server: str, names: tuple[str, ...]) -> CredentialValues | None:
        assert (user, server) == ("alice", "")
        return CredentialValues(env=_merged(VALUES, names), files=_merged(FILES, names))

    def mounted(self, user: str, server: str, names: tuple[str, ...]) -> None:
        self.told.append((user, server, names))


class ServicesGoAwayBeforeTheValues(Services):
    """They name the credentials, and then are restarted."""

    async def values(self, user: str, server: str, names: tuple[str, ...]) -> CredentialValues | None:
        return None


def _merged(known: Mapping[str, Mapping[str, str]], names: tuple[str, ...]) -> dict[str, str]:
    return {key: value for name in names for key, value in known.get(name, {}).items()}


def with_services(hub: Any, services: Services) -> Services:
    LocalWorkspaceSpawner.parts = replace(LocalWorkspaceSpawner.parts, credentials=services)
    return services


async def environment_of(spawner: LocalWorkspaceSpawner) -> dict[str, str]:
    async with httpx.AsyncClient() as client:
        found: dict[str, str] = (await client.get(spawner.server.url)).json()
        return found


def folder_in(env: Mapping[str, str]) -> Path:
    return Path(env["STUDIOLO_CREDENTIALS"])


def files_with(text: str, *, below: Path) -> list[Path]:
    files = (path for path in below.rglob("*") if path.is_file() and not path.is_symlink())
    return [path for path in files if text.encode() in path.read_bytes()]


def notices(spawner: LocalWorkspaceSpawner) -> tuple[str, ...]:
    progress = spawner.progress_now()
    assert progress is not None
    return progress.notices


async def test_a_workspace_gets_what_is_marked_always_and_those_who_keep_them_learn_of_it(hub: Any) -> None:
    services = with_services(hub, Services())
    env = await environment_of(await hub.start(SMALL))
    assert env["HF_TOKEN"] == f"{CANARY}-env"
    assert "GIT_CONFIG_COUNT" not in env
    assert services.told == [("alice", "", ("hub",))]


async def test_files_are_for_the_workspace_alone_and_gone_with_it(hub: Any) -> None:
    with_services(hub, Services())
    env = await environment_of(await hub.start({**SMALL, "credentials": ["forge"]}))
    assert "HF_TOKEN" not in env
    folder = folder_in(env)
    assert (folder / "git" / "forge").read_text() == FILES["forge"]["git/forge"]
    assert (folder / "git" / "forge").stat().st_mode & 0o777 == 0o600
    await hub.user.stop("")
    assert not folder.exists()


async def test_files_of_a_server_that_ends_by_itself_go_too(hub: Any, eventually: Any) -> None:
    with_services(hub, Services())
    spawner = await hub.start({**SMALL, "credentials": ["forge"]})
    folder = folder_in(await environment_of(spawner))
    (record,) = [json.loads(path.read_text()) for path in hub.data.workspaces.glob("*/record.json")]
    psutil.Process(record["server_process"]["pid"]).kill()
    await eventually(lambda: not folder.exists())


async def test_no_value_is_anywhere_but_in_the_server_s_own_environment_and_its_files(
    hub: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What others can look at: process arguments, the keeper's environment, options, files, the log, the progress."""
    with_services(hub, Services())
    spawner = await hub.start({**SMALL, "credentials": ["hub", "forge"]})
    env = await environment_of(spawner)
    assert env["HF_TOKEN"] == f"{CANARY}-env"
    (record,) = [json.loads(path.read_text()) for path in hub.data.workspaces.glob("*/record.json")]
    keeper = psutil.Process(record["keeper"]["pid"])
    assert CANARY not in str(keeper.environ())
    for process in (keeper, *keeper.children(recursive=True)):
        assert CANARY not in str(process.cmdline())
    assert CANARY not in str(spawner.user_options)
    assert CANARY not in str(spawner.orm_spawner.user_options)
    assert CANARY not in str(spawner.get_state())
    assert CANARY not in f"{spawner.plan!r} {spawner.progress_now()!r}"
    assert CANARY not in caplog.text
    in_files = files_with(CANARY, below=tmp_path)
    assert [path for path in in_files if folder_in(env) not in path.parents] == []
    dump = "\n".join(hub.engine.raw_connection().driver_connection.iterdump())
    assert CANARY not in dump


async def test_a_start_goes_on_without_services_and_says_what_is_missing(hub: Any) -> None:
    with_services(hub, Services(is_away=True))
    spawner = await hub.start(SMALL)
    assert "HF_TOKEN" not in await environment_of(spawner)
    assert notices(spawner) == (AWAY,)
    assert spawner.progress_now().as_event(0.0)["notices"] == [AWAY]


async def test_a_start_goes_on_where_services_go_away_in_the_middle(hub: Any) -> None:
    with_services(hub, ServicesGoAwayBeforeTheValues())
    spawner = await hub.start(SMALL)
    assert "HF_TOKEN" not in await environment_of(spawner)
    assert notices(spawner) == (AWAY,)


async def test_nobody_who_wants_none_is_told_that_services_are_away(hub: Any) -> None:
    with_services(hub, Services(is_away=True))
    spawner = await hub.start({**SMALL, "credentials": []})
    assert notices(spawner) == ()
    assert spawner.orm_spawner.user_options["credentials"] == []


async def test_one_that_is_gone_is_told_and_the_person_may_start_without(hub: Any) -> None:
    with_services(hub, Services())
    refused, spawner = await hub.fails({**SMALL, "credentials": ["hub", "old"]})
    failure = refused.failure  # type: ignore[attr-defined]  # ours, put there by `to_spawn_exception`
    assert isinstance(failure, CredentialsGone)
    assert (refused.status_code, failure.names) == (409, ("old",))
    (offer,) = failure.offers
    again = await hub.start(offer.choice.as_user_options())
    assert (await environment_of(again))["HF_TOKEN"] == f"{CANARY}-env"
    assert again.orm_spawner.user_options["credentials"] == ["hub"]
    assert again.progress_now().of(Phase.SERVER).state is PhaseState.DONE
    assert spawner is not None


async def test_a_second_start_asks_anew(hub: Any) -> None:
    services = with_services(hub, Services())
    assert "HF_TOKEN" in await environment_of(await hub.start(SMALL))
    await hub.user.stop("")
    services.credentials = ()
    assert "HF_TOKEN" not in await environment_of(await hub.start())


async def test_a_disk_that_takes_no_files_ends_no_start(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with_services(hub, Services())
    monkeypatch.setattr("spawner.local_start.write_credentials", is_full)
    spawner = await hub.start({**SMALL, "credentials": ["hub", "forge"]})
    (notice,) = notices(spawner)
    assert notice.endswith("they cannot be written (No space left on device).")
    assert "HF_TOKEN" in await environment_of(spawner)
