"""A hub that was killed finds its workspaces again."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httpx
import pytest
from jupyterhub import orm

from spawner.local import LocalWorkspaceSpawner
from spawner.orphans import end_orphans

PATIENCE_SECONDS = 30.0
SMALL = {"environment": "python", "hardware": "small"}
GPU = {"environment": "python", "hardware": "gpu"}


pytestmark = pytest.mark.filterwarnings("ignore:Unclosed connection:ResourceWarning")


async def test_running_workspace_is_found_again_with_what_it_holds(hub: Any) -> None:
    before = await hub.start(GPU)
    url = before.server.url
    before.stop_polling()
    hub.restart()
    after = hub.spawner()
    assert await after.poll() is None
    assert await after.get_url() == url
    assert hub.machine.state().free.gpus == ()
    await hub.user.stop("")
    assert hub.machine.state().free.gpus == ("GPU-a",)
    assert before.progress_now() is not after.progress_now()


async def test_workspace_that_was_starting_is_waited_for(hub_restarts_during_start: Any) -> None:
    hub = hub_restarts_during_start
    spawner = hub.spawner()
    assert await spawner.poll() is None
    url = asyncio.ensure_future(spawner.get_url())
    done, _ = await asyncio.wait((url,), timeout=0.1)
    assert not done
    hub.gate.write_text("go")
    async with asyncio.timeout(PATIENCE_SECONDS):
        address = await url
        async with httpx.AsyncClient() as client:
            assert (await client.get(address)).status_code == 200


async def test_token_of_a_server_is_taken_back_also_after_a_restart(hub: Any) -> None:
    token = (await hub.start(SMALL)).api_token
    hub.user.new_api_token(note="mine")
    hub.restart()
    assert orm.APIToken.find(hub.db, token) is not None
    await hub.user.stop("")
    assert orm.APIToken.find(hub.db, token) is None
    assert [left.note for left in hub.orm_user.api_tokens] == ["mine"]


# What the hub does not know


async def test_workspace_that_the_database_forgot_is_ended(hub: Any, caplog: pytest.LogCaptureFixture) -> None:
    known, forgotten = await hub.start(SMALL), await hub.start(SMALL, "second")
    known.stop_polling()
    forgotten.stop_polling()
    hub.restart()
    ended = await end_orphans(LocalWorkspaceSpawner.parts, known={known.key}, log=logging.getLogger())
    assert ended == (forgotten.key,)
    assert "alice--second runs and the hub does not know it" in caplog.text
    assert [held.key for held in hub.machine.state().held] == [known.key]
    assert await known.poll() is None
