"""A choice becomes a server that answers, with what its plan says and nothing else."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyterhub import orm

from spawner.errors import (
    DataNotUsable,
    RouteNotAdded,
    ServerNeverReady,
    StartStopped,
)
from spawner.limits import Scope
from spawner.local import LocalWorkspaceSpawner
from spawner.machine import running_records
from spawner.progress import Phase, PhaseState
from spawner.saved_choice import choice_in
from studiolo.choice import Choice

SMALL = {"environment": "python", "hardware": "small"}
GPU = {"environment": "python", "hardware": "gpu"}


pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


async def environment_of(spawner: LocalWorkspaceSpawner) -> dict[str, str]:
    async with httpx.AsyncClient() as client:
        found: dict[str, str] = (await client.get(spawner.server.url)).json()
        return found


async def test_workspace_starts_and_answers_at_the_address_that_the_hub_gets(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    env = await environment_of(spawner)
    assert env["JUPYTERHUB_SERVICE_URL"] == spawner.server.url
    assert env["JUPYTERHUB_USER"] == "alice"
    assert env["HOME"] == str(hub.data.home("alice"))
    assert await spawner.poll() is None


async def test_home_is_for_its_person_alone(hub: Any) -> None:
    await hub.start(SMALL)
    for folder in (hub.data.home("alice"), hub.data.workspace("alice", "").root):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.fixture
def hub_with_scratch(hub: Any) -> Any:
    """Its small hardware has scratch."""
    catalog = hub.catalogs.current
    small, *others = catalog.hardware
    with_scratch = small.model_copy(update={"scratch_bytes": 2**30})
    hub.catalogs.current = catalog.model_copy(update={"hardware": (with_scratch, *others)})
    return hub


async def test_scratch_is_empty_at_the_start_and_gone_afterwards(hub_with_scratch: Any) -> None:
    hub = hub_with_scratch
    scratch = hub.data.workspace("alice", "").scratch
    scratch.mkdir(parents=True)
    (scratch / "left by a keeper that was killed").touch()
    spawner = await hub.start(SMALL)
    assert (await environment_of(spawner))["SCRATCH"] == str(scratch)
    assert stat.S_IMODE(scratch.stat().st_mode) == 0o700
    assert list(scratch.iterdir()) == []
    (scratch / "batch.bin").write_bytes(b"x")
    await hub.user.stop("")
    assert not scratch.exists()


async def test_scratch_of_a_server_that_ends_by_itself_goes_too(hub_with_scratch: Any, eventually: Any) -> None:
    hub = hub_with_scratch
    await hub.start(SMALL)
    scratch = hub.data.workspace("alice", "").scratch
    await eventually(hub.is_recorded)
    (record,) = running_records(hub.data)
    os.kill(record.server_process.pid, signal.SIGKILL)
    await eventually(lambda: not scratch.exists())


@pytest.fixture
def hub_with_data(hub: Any, tmp_path: Path) -> Any:
    """What its catalog names lies on this machine."""
    catalog = hub.catalogs.current
    (tmp_path / "srv").mkdir()
    iris = catalog.data[0].model_copy(update={"path": tmp_path / "srv"})
    hub.catalogs.current = catalog.model_copy(update={"data": (iris, *catalog.data[1:])})
    return hub


async def test_data_is_there_under_the_home_for_who_chose_it(hub_with_data: Any) -> None:
    hub = hub_with_data
    spawner = await hub.start({**SMALL, "data": ["iris"]})
    assert (await environment_of(spawner))["STUDIOLO_DATA"] == str(hub.data.home("alice") / "data")
    assert (hub.data.home("alice") / "data" / "iris").is_symlink()
    assert spawner.user_options["data"] == ["iris"]


async def test_the_folder_of_a_team_is_below_shared_and_a_file_in_the_way_stops_nothing(hub: Any) -> None:
    home = hub.data.home("alice")
    home.mkdir(parents=True)
    hub.user.orm_user.groups.append(orm.Group(name="vision"))
    await hub.start(SMALL)
    assert (home / "shared" / "vision").readlink() == hub.data.team("vision")
    await hub.user.stop("")
    (home / "shared" / "vision").unlink()
    (home / "shared" / "vision").write_text("mine")
    spawner = await hub.start(SMALL)
    (notice,) = spawner.progress_now().notices
    assert "~/shared/vision is a file or a folder of yours" in notice


async def test_data_that_is_not_there_offers_a_start_without_it(hub_with_data: Any, tmp_path: Path) -> None:
    hub = hub_with_data
    (tmp_path / "srv").rmdir()
    _, spawner = await hub.fails({**SMALL, "data": ["iris"]})
    assert isinstance(spawner.failure, DataNotUsable)
    assert spawner.failure.sentence == 'Your workspace cannot have the data "Iris".'
    (offer,) = spawner.failure.offers
    assert offer.choice == Choice(environment="python", hardware="small")


async def test_without_scratch_nothing_is_made(hub: Any) -> None:
    env = await environment_of(await hub.start(SMALL))
    assert "SCRATCH" not in env
    assert not hub.data.workspace("alice", "").scratch.exists()


async def test_nothing_of_the_hubs_environment_reaches_a_workspace(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/the/hub")
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "secret")
    env = await environment_of(await hub.start(SMALL))
    assert not {"PYTHONPATH", "CONFIGPROXY_AUTH_TOKEN"} & set(env)
    assert "secret" not in env.values()


async def test_gpu_is_given_by_its_uuid_and_given_back(hub: Any) -> None:
    spawner = await hub.start(GPU)
    assert (await environment_of(spawner))["CUDA_VISIBLE_DEVICES"] == "GPU-a"
    assert hub.machine.state().free.gpus == ()
    await hub.user.stop("")
    assert hub.machine.state().free == hub.capacity


async def test_nothing_chosen_gives_the_default_and_then_what_was_chosen_last(hub: Any) -> None:
    spawner = await hub.start()
    assert spawner.choice == Choice(environment="python", hardware="small")
    await hub.user.stop("")
    await hub.start({"hardware": "medium"})
    await hub.user.stop("")
    for nothing in (None, {}):
        spawner = await hub.start(nothing)
        assert spawner.choice == Choice(environment="python", hardware="medium")
        await hub.user.stop("")


async def test_what_is_shown_of_a_choice_is_whole(hub: Any) -> None:
    spawner = await hub.start({"hardware": "medium"})
    assert spawner.user_options == {"environment": "python", "hardware": "medium"}


async def test_each_workspace_remembers_its_own_choice(hub: Any) -> None:
    await hub.start(SMALL)
    await hub.start({"environment": "minimal", "hardware": "medium"}, "second")
    hub.restart()
    assert hub.spawner().choice == Choice(environment="python", hardware="small")
    assert hub.spawner("second").choice == Choice(environment="minimal", hardware="medium")


async def test_first_start_of_an_environment_installs_it_and_says_how_far_it_is(hub: Any) -> None:
    hub.environments.is_built = False
    spawner = await hub.start(SMALL)
    assert hub.environments.builds == ["python"]
    progress = spawner.progress_now()
    assert progress is not None
    assert progress.of(Phase.SOFTWARE).detail == "Installing packages: 3 of 9, about 4 s left"
    assert progress.log == ("uv says hi",)


async def test_start_goes_through_its_phases_and_is_remembered(hub: Any) -> None:
    spawner = await hub.start(SMALL)
    progress = spawner.progress_now()
    assert progress is not None
    assert progress.is_done
    (told,) = hub.starts.told
    assert (told.outcome, told.environment_digest, told.hardware) == ("ready", "digest-of-python", "small")
    assert set(told.stages) == {"scheduling", "server", "lab"}
    assert told.forecast is None
    assert set(told.phases) == {"room", "server", "lab"}


async def test_waiting_page_hears_each_phase(hub: Any) -> None:
    spawner = hub.spawner()
    hub.environments.is_built = False
    begun = asyncio.ensure_future(hub.start(SMALL))
    events = [event async for event in spawner.progress()]
    await begun
    assert [phase["state"] for phase in events[-1]["phases"]] == ["done"] * 4
    assert events[-1]["progress"] == 100
    assert [event["progress"] for event in events] == sorted(event["progress"] for event in events)


def test_form_of_jupyterhub_itself_never_starts_anything_without_a_click(hub: Any) -> None:
    assert hub.spawner().options_form


def test_form_and_link_are_read_alike(hub: Any) -> None:
    fields = {"environment": ["python"], "hardware": ["small"]}
    assert hub.spawner().run_options_from_form(fields) == hub.spawner().options_from_query(fields) == SMALL


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"environment": "a", "hardware": "b"}, Choice(environment="a", hardware="b")),
        (
            {"environment": "a", "hardware": "b", "env": {"X": "1"}},
            Choice(environment="a", hardware="b", env=(("X", "1"),)),
        ),
        (
            {"environment": "a", "hardware": "b", "data": ["x"]},
            Choice(environment="a", hardware="b", data=("x",)),
        ),
        ({"environment": "a", "hardware": "b", "data": {"x": 1}}, Choice(environment="a", hardware="b")),
        ({"environment": "a", "hardware": "b", "env": None}, Choice(environment="a", hardware="b")),
        ({"environment": "a", "hardware": "b", "env": {"X": 1}}, None),
        ({"environment": "a", "hardware": "b", "env": ["X"]}, None),
        ({"environment": "a"}, None),
        ({"environment": ["a"], "hardware": "b"}, None),
        ({}, None),
        (None, None),
        ("python", None),
    ],
)
def test_saved_options_are_a_choice_or_nothing(options: Any, expected: Choice | None) -> None:
    assert choice_in(options) == expected


# The last phase, which is the hub's


@pytest.mark.parametrize(
    ("outcome", "failure"),
    [(TimeoutError(), ServerNeverReady), (None, None), (asyncio.CancelledError(), StartStopped)],
    ids=["late", "ready", "stopped"],
)
async def test_end_of_the_whole_start_ends_the_last_phase(
    hub: Any, outcome: BaseException | None, failure: type | None
) -> None:
    spawner = hub.spawner()
    whole_start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    spawner._spawn_future = whole_start
    await hub.start(SMALL)
    progress = spawner.progress_now()
    assert progress is not None
    assert progress.of(Phase.LAB).state is PhaseState.RUNNING
    match outcome:
        case None:
            whole_start.set_result(None)
        case asyncio.CancelledError():
            whole_start.cancel()
        case _:
            whole_start.set_exception(outcome)
    await asyncio.wait((whole_start,))
    await asyncio.sleep(0)
    progress = spawner.progress_now()
    assert progress is not None
    assert progress.of(Phase.LAB).is_over
    assert type(spawner.failure) is (failure or type(None))
    assert hub.starts.told[-1].outcome == (failure.code if failure else "ready")


async def test_start_whose_route_no_proxy_takes_is_no_start(hub: Any) -> None:
    """JupyterHub then stops the server and calls the start a success."""
    spawner = hub.spawner()
    whole_start: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    spawner._spawn_future = whole_start
    await hub.start(SMALL)
    await hub.user.stop("")
    whole_start.set_result(None)
    await asyncio.wait((whole_start,))
    await asyncio.sleep(0)
    assert type(spawner.failure) is RouteNotAdded
    assert [told.outcome for told in hub.starts.told] == ["route_not_added"]


async def test_workspace_runs_in_a_scope_where_the_kernel_holds_limits(hub: Any, tmp_path: Path) -> None:
    manager = tmp_path / "systemd-run"
    manager.write_text(
        f"#!{sys.executable} -S\n"
        "import os, sys\n"
        f"open({str(tmp_path / 'asked')!r}, 'w').write(' '.join(sys.argv))\n"
        "command = sys.argv[sys.argv.index('--') + 1:]\n"
        "os.execv(command[0], command)\n"
    )
    manager.chmod(0o700)
    hub.machine.scope = Scope(
        program=str(manager),
        manager_env=(("XDG_RUNTIME_DIR", "/run/user/1000"),),
        limits_memory=True,
        limits_cpu=True,
        survives_kills=True,
    )
    spawner = await hub.start(SMALL)
    asked = (tmp_path / "asked").read_text()
    assert f"MemoryMax={2 * 1024**3}" in asked
    assert "CPUQuota=200%" in asked
    assert "XDG_RUNTIME_DIR" not in await environment_of(spawner)
