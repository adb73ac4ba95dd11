"""Each way to fail is told in a sentence, at once, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from jupyterhub import orm
from jupyterhub.spawner import SpawnException

from spawner import local_start
from spawner.errors import (
    DoesNotFitError,
    EnvironmentBuildFailed,
    HomeNotUsable,
    OptionsError,
    ProgramsMissing,
    ServerExited,
    ServerNeverReady,
    StartStopped,
)
from spawner.machine import running_records
from spawner.progress import Phase, PhaseState
from studiolo.choice import Choice

GIB = 1024**3
SMALL = {"environment": "python", "hardware": "small"}
GPU = {"environment": "python", "hardware": "gpu"}

Eventually = Callable[[Callable[[], bool]], Awaitable[None]]


pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


async def test_refused_options_are_told_in_a_sentence_and_not_remembered(
    hub: Any, caplog: pytest.LogCaptureFixture
) -> None:
    await hub.start({"hardware": "medium"})
    await hub.user.stop("")
    with caplog.at_level(logging.INFO):
        refused, spawner = await hub.fails({"environment": "pyton", "hardware": "small"})
    assert refused.status_code == 400
    assert 'Did you mean "python"?' in refused.jupyterhub_message
    assert isinstance(spawner.failure, OptionsError)
    assert spawner.choice == Choice(environment="python", hardware="medium")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("garbage", [{"environment": ["a"]}, {"x": 1}, {"env": {"PATH": "/tmp"}}, {"hardware": None}])
async def test_garbage_is_a_bad_request(hub: Any, garbage: dict[str, Any]) -> None:
    refused, spawner = await hub.fails(garbage)
    assert refused.status_code == 400
    assert spawner.choice is None


async def test_choice_of_another_team_is_refused(hub: Any) -> None:
    refused, _ = await hub.fails({"environment": "pytorch", "hardware": "small"})
    assert refused.status_code == 400
    hub.orm_user.groups.append(orm.Group(name="vision"))
    hub.db.commit()
    await hub.start({"environment": "pytorch", "hardware": "small"})


async def test_no_room_is_told_at_once_with_what_fits(hub: Any) -> None:
    await hub.start(GPU)
    refused, spawner = await hub.fails({"hardware": "medium"}, "second")
    assert isinstance(spawner.failure, DoesNotFitError)
    assert [offer.choice.hardware for offer in spawner.failure.offers] == ["small"]
    assert refused.status_code == 409
    assert hub.machine.state().free.memory_bytes == 2 * GIB


async def test_software_that_cannot_be_installed_says_why(software_cannot_be_installed: Any) -> None:
    hub = software_cannot_be_installed
    refused, spawner = await hub.fails(SMALL)
    assert isinstance(spawner.failure, EnvironmentBuildFailed)
    assert spawner.failure.log_tail == ("error: nunpy was not found",)
    assert "no package nunpy" in refused.jupyterhub_message
    assert hub.machine.state().held == ()
    assert hub.starts.told[-1].outcome == "environment_build_failed"


async def test_software_that_takes_for_ever_ends_before_the_hubs_own_limit(software_takes_for_ever: Any) -> None:
    hub = software_takes_for_ever
    hub.spawner().start_timeout = 1
    _, spawner = await hub.fails(SMALL)
    assert isinstance(spawner.failure, EnvironmentBuildFailed)


async def test_program_that_this_machine_lacks_is_named(hub: Any) -> None:
    hub.environments.missing = ("Rscript",)
    _, spawner = await hub.fails(SMALL)
    assert isinstance(spawner.failure, ProgramsMissing)
    assert hub.machine.state().held == ()


async def test_server_that_exits_before_it_is_ready_shows_its_last_lines(server_exits_before_ready: Any) -> None:
    hub = server_exits_before_ready
    _, spawner = await hub.fails(SMALL)
    assert isinstance(spawner.failure, ServerExited)
    assert spawner.failure.ending.exit_code == 3
    assert spawner.failure.log_tail == ("no module named jupyterlab",)
    progress = spawner.progress_now()
    assert progress is not None
    assert progress.of(Phase.SERVER).state is PhaseState.FAILED
    assert hub.machine.state().held == ()


async def test_server_that_is_never_ready_is_ended(server_says_nothing: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = server_says_nothing
    monkeypatch.setattr(local_start, "SERVER_SECONDS", 3.0)
    _, spawner = await hub.fails(SMALL)
    assert isinstance(spawner.failure, ServerNeverReady)
    assert spawner.failure.log_tail == ("thinking",)
    assert list(running_records(hub.data)) == []
    assert hub.machine.state().held == ()


async def test_home_that_cannot_be_made_is_told(hub: Any) -> None:
    hub.data.root.mkdir()
    hub.data.homes.write_text("a file")
    _, spawner = await hub.fails(SMALL)
    assert isinstance(spawner.failure, HomeNotUsable)


async def test_fault_of_ours_is_a_reference_for_the_person_and_a_traceback_for_the_log(
    hub: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_start, "render_process", lambda *_, **__: 1 / 0)
    refused, spawner = await hub.fails(SMALL)
    assert spawner.failure is not None
    assert spawner.failure.reference in refused.jupyterhub_message
    assert "ZeroDivisionError" in caplog.text
    assert hub.machine.state().held == ()


async def test_start_that_somebody_stops_leaves_nothing(server_says_nothing: Any, eventually: Eventually) -> None:
    hub = server_says_nothing
    begun = asyncio.ensure_future(hub.start(SMALL))
    await eventually(hub.data.workspace("alice", "").log.exists)
    begun.cancel()
    with pytest.raises(asyncio.CancelledError):
        await begun
    assert isinstance(hub.spawner().failure, StartStopped)
    assert list(running_records(hub.data)) == []
    assert hub.machine.state().held == ()


async def test_workspace_that_would_look_like_the_unnamed_one_is_refused(hub: Any) -> None:
    with pytest.raises(SpawnException) as refused:
        await hub.start(SMALL, "default")
    assert refused.value.status_code == 400
    assert "how the workspace without a name is shown" in str(refused.value.jupyterhub_message)
