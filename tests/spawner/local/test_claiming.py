"""A start that is a claim: a server that was parked becomes the workspace, or the start is a normal one."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from spawner import parked_servers
from spawner.data_directory import WorkspaceFiles
from spawner.limits import Scope
from spawner.parked_servers import MOST, ParkedServers
from spawner.processes import ProcessIdentity, descendants, is_running, started_as
from spawner.workspace_process import WorkspaceProcess
from studiolo.catalog import Catalog
from tests.spawner.conftest import eventually
from tests.spawner.local.conftest import (
    ServerDiesAfterTheClaim,
    ServerDiesAtTheClaim,
    ServerParks,
    ServerTakesNoMessage,
)

SMALL = {"environment": "python", "hardware": "small"}

PATIENCE_SECONDS = 30.0

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="not run: servers are parked on Linux only")


@pytest.fixture
async def parking(hub: Any, sample_catalog: Catalog) -> AsyncIterator[Any]:
    """The hub of these tests, which parks servers at once."""
    hub.environments.program = ServerParks
    hub.parked = ParkedServers(hub.data.parked, log=logging.getLogger(__name__), quiet_seconds=0)
    hub.restart()
    yield hub
    left = hub.parked.all()
    hub.parked.close()
    await eventually(lambda: not any(is_running(each.keeper) for each in left))


async def parked(hub: Any) -> Any:
    """The one that waits, once it does."""
    await eventually(lambda: len(hub.parked.all()) == 1)
    (found,) = hub.parked.all()
    return found


async def used_once(hub: Any) -> Any:
    """Somebody has used the software; the next server of it waits."""
    await hub.start(SMALL)
    found = await parked(hub)
    await hub.user.stop("")
    return found


async def said_by(spawner: Any) -> dict[str, str]:
    async with httpx.AsyncClient() as client:
        found: dict[str, str] = (await client.get(spawner.server.url)).json()
    return found


async def test_the_second_start_is_a_claim_of_what_the_first_has_left_waiting(parking: Any) -> None:
    waiting = await used_once(parking)
    (server,) = descendants(waiting.keeper.pid)
    spawner = await parking.start({**SMALL, "env": {"GREETING": "hello"}})
    env = await said_by(spawner)
    assert (env["GREETING"], env["JUPYTERHUB_USER"], env["HOME"]) == (
        "hello",
        "alice",
        str(parking.data.home("alice")),
    )
    record = spawner._process.record
    await eventually(parking.is_recorded)
    record = spawner._process.record
    assert record.start_id == waiting.start_id
    assert (record.keeper, record.server_process.pid) == (waiting.keeper, server)
    assert not (parking.data.parked / waiting.start_id).exists()


async def test_a_claimed_workspace_is_found_again_stopped_and_ended_like_any_other(parking: Any) -> None:
    waiting = await used_once(parking)
    spawner = await parking.start(SMALL)
    url = spawner.server.url
    spawner.stop_polling()
    parking.restart()
    again = parking.spawner()
    assert await again.poll() is None
    assert await again.get_url() == url
    await parking.user.stop("")
    assert started_as(waiting.start_id) == ()
    assert again.ending().kind.value == "stopped"
    assert parking.machine.state().free.memory_bytes == parking.capacity.memory_bytes


async def test_nobody_is_served_by_one_that_somebody_had(parking: Any) -> None:
    waiting = await used_once(parking)
    await parking.start(SMALL)
    other = await parking.start(SMALL, server="second")
    assert (await said_by(other))["STUDIOLO_START_ID"] != waiting.start_id


async def test_who_types_what_a_process_needs_from_its_first_moment_gets_a_process_of_their_own(parking: Any) -> None:
    waiting = await used_once(parking)
    spawner = await parking.start({**SMALL, "env": {"LANG": "de_DE.UTF-8"}})
    assert (await said_by(spawner))["STUDIOLO_START_ID"] != waiting.start_id
    assert parking.parked.all() == (waiting,)


async def test_one_of_an_environment_that_was_built_anew_is_not_claimed_but_replaced(parking: Any) -> None:
    waiting = await used_once(parking)
    folder = parking.environments.folder
    folder.rename(folder.with_name("old"))
    folder.mkdir()
    spawner = await parking.start(SMALL)
    assert (await said_by(spawner))["STUDIOLO_START_ID"] != waiting.start_id
    assert (await parked(parking)).start_id != waiting.start_id
    await eventually(lambda: started_as(waiting.start_id) == ())


async def test_only_what_was_used_last_is_kept_waiting(parking: Any) -> None:
    """And what waited longest ends."""
    python = parking.environments.python(None)
    for number in range(MOST):
        parking.parked.want(f"digest-{number}", python)
        await eventually(lambda number=number: len(parking.parked.all()) == number + 1)  # type: ignore[misc]
    first, *others = parking.parked.all()
    parking.parked.want("another", python)
    await eventually(lambda: first not in parking.parked.all() and len(parking.parked.all()) == MOST)
    assert set(others) < set(parking.parked.all())


async def test_one_that_has_died_is_not_missed(parking: Any) -> None:
    waiting = await used_once(parking)
    os.kill(descendants(waiting.keeper.pid)[0], signal.SIGKILL)
    spawner = await parking.start(SMALL)
    assert (await said_by(spawner))["STUDIOLO_START_ID"] != waiting.start_id


@pytest.mark.parametrize("program", [ServerDiesAtTheClaim, ServerDiesAfterTheClaim, ServerTakesNoMessage])
async def test_a_claim_that_fails_is_a_normal_start_and_the_first_one_is_dead_by_then(
    parking: Any, program: type
) -> None:
    parking.environments.program = program
    waiting = await used_once(parking)
    spawner = await parking.start(SMALL)
    assert (await said_by(spawner))["STUDIOLO_START_ID"] != waiting.start_id
    assert started_as(waiting.start_id) == ()
    assert not (parking.data.parked / waiting.start_id).exists()


@pytest.mark.parametrize(("exit_code", "is_claimed"), [(0, True), (1, False)])
async def test_a_claimed_server_is_held_to_its_limits_before_it_is_anybody_s_or_it_is_nobody_s(
    parking: Any, tmp_path: Path, *, exit_code: int, is_claimed: bool
) -> None:
    """Stand-ins for systemd's two programs: one runs what follows `--`, the other notes what it was told."""
    told = tmp_path / "told"
    for name, script in {
        "systemd-run": 'while [ "$1" != -- ]; do shift; done; shift; exec "$@"',
        "systemctl": f'echo "$@" >> {told}; exit {exit_code}',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o700)
    program = str(tmp_path / "systemd-run")
    scope = Scope(program=program, manager_env=(), limits_memory=True, limits_cpu=True, survives_kills=True)
    parking.parked = ParkedServers(parking.data.parked, log=logging.getLogger(__name__), scope=scope, quiet_seconds=0)
    parking.restart()
    parking.machine.scope = scope
    waiting = await used_once(parking)
    spawner = await parking.start(SMALL)
    assert ((await said_by(spawner))["STUDIOLO_START_ID"] == waiting.start_id) is is_claimed
    assert told.read_text().startswith(f"--user set-property --runtime studiolo-{waiting.start_id}.scope MemoryMax=")


async def test_what_is_parked_ends_with_the_hub(parking: Any) -> None:
    waiting = await used_once(parking)
    parking.parked.close()
    await eventually(lambda: started_as(waiting.start_id) == ())
    await eventually(lambda: list(parking.data.parked.iterdir()) == [])


async def test_one_that_is_being_parked_while_the_hub_ends_is_let_go_of_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Made:
        """Closed, its pipes are, and it ends."""

        closed = threading.Event()

        def close(self) -> None:
            self.closed.set()

    began, may_go_on = threading.Event(), threading.Event()

    def park(*_: object, **__: object) -> Made:
        began.set()
        assert may_go_on.wait(PATIENCE_SECONDS)
        return Made()

    monkeypatch.setattr(parked_servers, "park", park)
    monkeypatch.setattr(parked_servers, "may_park", lambda **_: True)
    parked = ParkedServers(tmp_path, log=logging.getLogger(__name__))
    parked.want("digest", Path(sys.executable))
    assert await asyncio.to_thread(began.wait, PATIENCE_SECONDS)
    parked.close()
    await asyncio.sleep(0)  # its task hears that nobody wants it any more
    may_go_on.set()
    assert await asyncio.to_thread(Made.closed.wait, PATIENCE_SECONDS)
    assert parked.all() == ()


async def test_what_a_killed_keeper_left_is_removed_by_the_next_hub(parking: Any) -> None:
    waiting = await used_once(parking)
    os.kill(waiting.keeper.pid, signal.SIGKILL)
    await eventually(lambda: not is_running(waiting.keeper))
    ParkedServers(parking.data.parked, log=logging.getLogger(__name__)).sweep()
    await eventually(lambda: started_as(waiting.start_id) == ())
    assert list(parking.data.parked.iterdir()) == []


# The hub is killed at each step of a claim

HUB = """
import os, select, sys
from datetime import UTC, datetime
from pathlib import Path
from spawner.admission import Held
from spawner import parked_servers
from spawner.data_directory import WorkspaceFiles
from spawner.parked import park
from spawner.record import WorkspaceRecord
from spawner.workspace_process import KeeperJob, WorkspaceProcess

root, python, killed_after = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def done(step):
    if step == killed_after:
        os.kill(os.getpid(), 9)
parked = park(python, folder=root / "parked", made_from="")
print(parked.start_id, flush=True)
done("launching")
os.read(parked.ready, 64)
done("parking")
files = WorkspaceFiles(root=root / "workspace")
record = WorkspaceRecord(start_id=parked.start_id, held=Held(key="k", memory_bytes=1, cpu_cores=1),
                         url=f"http://127.0.0.1:{parked.port}", environment_digest="", started_at=datetime.now(UTC))
process = WorkspaceProcess(files)
process.prepare(record)
done("writing it down")
env = {"HOME": str(root), "STUDIOLO_LISTEN_FD": str(parked.listen_fd), "STUDIOLO_READY_FD": str(parked.ready_fd)}
job = KeeperJob(argv=(), env=env, cwd=root, record=record, memory_bytes=None, is_memory_watched=False)
process.claim(job, parked, arguments=())
done("claiming")
os.read(parked.ready, 64)
done("the first answer")
"""

LIVES_AFTER = {
    "launching": False,
    "parking": False,
    "writing it down": False,
    "claiming": True,
    "the first answer": True,
}
"""After which step there is a workspace. Up to the claim nothing is anybody's, and it ends."""


@pytest.mark.parametrize("step", LIVES_AFTER)
async def test_a_hub_killed_after_any_step_leaves_one_workspace_or_nothing(step: str, tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!{sys.executable} -S\n{textwrap.dedent(ServerParks.source)}")
    python.chmod(0o700)
    died = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", HUB, str(tmp_path), str(python), step), stdout=subprocess.PIPE
    )
    printed, _ = await asyncio.wait_for(died.communicate(), 60)
    assert died.returncode == -signal.SIGKILL
    start_id = printed.decode().strip()
    after_the_restart = WorkspaceProcess(WorkspaceFiles(root=tmp_path / "workspace"))
    if LIVES_AFTER[step]:
        await eventually(lambda: _server_of(after_the_restart) is not None)
        record = after_the_restart.record
        assert record is not None
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(record.url)).json()["STUDIOLO_START_ID"] == start_id
        await after_the_restart.stop()
    else:
        await eventually(lambda: after_the_restart.keeper() is None)
    await eventually(lambda: started_as(start_id) == ())
    await eventually(lambda: not list((tmp_path / "parked").iterdir()))


def _server_of(process: WorkspaceProcess) -> ProcessIdentity | None:
    return None if process.record is None else process.record.server_process
